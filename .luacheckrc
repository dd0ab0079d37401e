-- One source serves Lua 5.3, 5.4 and LuaJIT: what only some of them have is
-- allowed here, and the specs, run on each, tell whether its use is guarded.
std = "max"
max_line_length = 120
files["spec/**/*_spec.lua"].std = "+busted"
files["spec/support"].std = "+busted"
files["examples/*_spec.lua"].std = "+busted"
files["examples/embed/room.lua"] = { globals = { "tick" }, read_globals = { "say" } }
files["examples/love"].globals = { "love" }
files["examples/nvim"].read_globals = { "vim" }
files["examples/nvim"].globals = { "vim.g", "vim.bo", "vim.wo" }
self = false -- a method needn't use its object

-- A case to a line, however long.
files["spec/json_spec.lua"] = { max_line_length = false }
files["spec/json_kinds_spec.lua"] = { max_line_length = false }
files["lua/marea/types.lua"] = { max_line_length = false }   -- a type is a line
