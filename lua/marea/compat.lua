-- SPDX-License-Identifier: MIT
-- The few places where Lua 5.1 (LuaJIT), 5.3 and 5.4 differ, so that every
-- other module can be written once. Nothing here depends on anything else.

local floor, huge = math.floor, math.huge

local compat = {}

compat.unpack = rawget(table, "unpack") or rawget(_G, "unpack")

---@return table packed with the number of values in `n`
compat.pack = rawget(table, "pack") or function(...)
  return { n = select("#", ...), ... }
end

--- As `table.move` of Lua 5.3.
compat.move = rawget(table, "move") or function(from, first, last, to, target)
  target = target or from
  local backwards = to > first and to <= last and target == from
  local start, stop, step = first, last, 1
  if backwards then start, stop, step = last, first, -1 end
  for i = start, stop, step do target[to + i - first] = from[i] end
  return target
end

--- 5.1 can't say whether a C call is in the way: there, "in a coroutine".
---@return boolean
compat.isyieldable = rawget(coroutine, "isyieldable") or function()
  return coroutine.running() ~= nil
end

--- Something that calls f when the collector finds it: only a userdata can do
--- that on 5.1, and any table later.
---@param f function
function compat.on_collect(f)
  local newproxy = rawget(_G, "newproxy")
  if not newproxy then return setmetatable({}, { __gc = f }) end
  local proxy = newproxy(true)
  getmetatable(proxy).__gc = f
  return proxy
end

--- Whether `v` is a whole number. 3.0 is one: LuaJIT could not tell it from 3.
---@return boolean
function compat.is_integer(v)
  return type(v) == "number" and v == floor(v) and v > -huge and v < huge
end

-- What each C library prints for a null pointer: (nil), NULL, 0x0, 00000000.
local nulls = { "^userdata: %(n[iu]ll?%)$", "^userdata: NULL$", "^userdata: 0x0+$", "^userdata: 0+$" }

--- Whether `v` is JSON's null (a light userdata NULL), without asking the codec.
---@return boolean
function compat.is_null(v)
  if type(v) ~= "userdata" or debug.getmetatable(v) then return false end
  local shown = tostring(v)
  for i = 1, #nulls do
    if shown:find(nulls[i]) then return true end
  end
  return false
end

--- `s` without the spaces around it, in one pass: the pattern that says it in a
--- line takes time with the square of the spaces inside.
---@param s string
---@return string
function compat.trim(s)
  if not s:find("%S") then return "" end
  return (s:match("^%s*(.*%S)"))
end

local BOM = "\239\187\191"

--- `s` without the byte order mark that some servers put before JSON.
---@param s string
---@return string
function compat.without_bom(s)
  if s:byte() ~= 239 then return s end
  return s:sub(1, 3) == BOM and s:sub(4) or s
end

--- At most `max` bytes of `s`, never ending inside a UTF-8 sequence.
---@param s string
---@param max integer
---@return string
function compat.cut(s, max)
  if #s <= max then return s end
  local last = max
  for _ = 1, 3 do
    local following = s:byte(last + 1)
    if not following or following < 0x80 or following > 0xBF or last == 0 then break end
    last = last - 1
  end
  return s:sub(1, last)
end

local function collector_runs()
  local ok, running = pcall(collectgarbage, "isrunning")   -- 5.1 can't tell
  return not ok or running
end

--- `require`, with the collector stopped. Else a finalizer that came to need the
--- same module meanwhile would get another copy of it, whose errors are none to
--- this one; on LuaJIT, an error.
---@param name string
---@return table
function compat.load(name)
  local module = package.loaded[name]
  if type(module) == "table" then return module end
  local ran = collector_runs()
  collectgarbage("stop")
  local ok, loaded = pcall(require, name)
  if ran then collectgarbage("restart") end
  if not ok then error(loaded, 0) end
  return loaded
end

--- A module that is loaded when a field of it is first used. A program that
--- makes one request never needs most of the library.
---@param name string
---@return table
function compat.lazy(name)
  return setmetatable({}, { __index = function(self, key)
    for field, value in next, compat.load(name) do self[field] = value end
    setmetatable(self, nil)
    return self[key]
  end })
end

return compat
