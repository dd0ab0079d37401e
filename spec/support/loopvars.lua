-- SPDX-License-Identifier: MIT
-- Lua 5.5 refuses to compile a loop that assigns to its own variable:
--   lua5.1 spec/support/loopvars.lua FILE...
-- names each such place. The parser is luacheck's.

local decoder = require "luacheck.decoder"
local parser = require "luacheck.parser"

local walk, walk_all

-- Scopes are tables: name -> is it a loop's own variable; the outer one behind.
local function scope_in(outer, names, are_loop)
  local scope = setmetatable({}, { __index = outer })
  for i, name in ipairs(names) do scope[name[1] or "..."] = are_loop and i == 1 end
  return scope
end

local handlers = {}

function handlers.Fornum(node, scope, found)
  for i = 2, #node - 1 do walk(node[i], scope, found) end
  walk_all(node[#node], scope_in(scope, { node[1] }, true), found)
end

function handlers.Forin(node, scope, found)
  walk_all(node[2], scope, found)
  walk_all(node[3], scope_in(scope, node[1], true), found)
end

function handlers.Function(node, scope, found)
  walk_all(node[2], scope_in(scope, node[1], false), found)
end

function handlers.Local(node, scope, found)
  walk_all(node[2] or {}, scope, found)
  for _, name in ipairs(node[1]) do rawset(scope, name[1], false) end
end

function handlers.Localrec(node, scope, found)
  rawset(scope, node[1][1][1] or node[1][1], false)
  walk_all(node[2] or {}, scope, found)
end

function handlers.Set(node, scope, found)
  walk_all(node[2], scope, found)
  for _, target in ipairs(node[1]) do
    if target.tag == "Id" and scope[target[1]] then found[#found + 1] = { target.line, target[1] } end
    walk(target, scope, found)
  end
end

function walk_all(list, scope, found)
  local inner = scope_in(scope, {}, false)
  for _, node in ipairs(list) do walk(node, inner, found) end
end

function walk(node, scope, found)
  if type(node) ~= "table" then return end
  local handler = handlers[node.tag]
  if handler then return handler(node, scope, found) end
  if node.tag == nil or node.tag == "Do" then return walk_all(node, scope, found) end
  for _, child in ipairs(node) do walk(child, scope, found) end
end

local bad = 0
for _, path in ipairs(arg) do
  local file = assert(io.open(path))
  local found = {}
  walk_all(parser.parse(decoder.decode(file:read "*a")), {}, found)
  file:close()
  for _, place in ipairs(found) do
    io.stderr:write(("%s:%s: a loop's own variable '%s' is assigned to\n"):format(path, place[1] or "?", place[2]))
  end
  bad = bad + #found
end
os.exit(bad == 0 and 0 or 1)
