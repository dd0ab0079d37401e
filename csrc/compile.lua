-- SPDX-License-Identifier: MIT
-- compile.lua DIRECTORY lua/marea/x.lua...: writes DIRECTORY/marea/x.luac of each,
-- its source and then its code, as lcompiled.c wants them; on the Lua that is to
-- run them.

local load = rawget(_G, "loadstring") or load

local function compile(path, directory)
  local file = assert(io.open(path, "rb"))
  local source = file:read("*a")
  file:close()
  if source:find("\27", 1, true) then error(path .. ": an ESC in it", 0) end
  local inside = path:gsub("^lua/", "")
  local code = string.dump(assert(load(source, "@" .. inside)))
  local target = directory .. "/" .. inside .. "c"
  file = assert(io.open(target .. ".new", "wb"))
  assert(file:write(source, code))
  assert(file:close())
  assert(os.rename(target .. ".new", target))
end

for i = 2, #arg do compile(arg[i], arg[1]) end
