-- SPDX-License-Identifier: MIT
-- Makes tables like one that is there, but for one string: what a reader of
-- chunks gets where successive chunks differ in their text alone (csrc/shape.h).
-- A constructor in Lua is the fastest way there is to make a table, so one is
-- written and compiled for each set of keys. Nothing a server sends gets into its
-- code but keys made of harmless characters: values are passed to it.

local compat = require "marea.compat"

local compile = rawget(_G, "loadstring") or load

local recipe = {}

local MAX_VALUES = 40      -- an upvalue each, of which LuaJIT allows 60 to a function
local MAX_PARTS = 100      -- with their tables: a function has some 250 registers
local MAX_DEPTH = 16
local MAX_KEY = 64         -- bytes
local MAX_KEPT = 64
local KEY = "^[%w_%-.:/ ]+$"

-- Compiled code by its text: streams of one provider have the same few shapes.
local kept, count = {}, 0

local function compiled(code)
  local f = kept[code]
  if f then return f end
  if count == MAX_KEPT then kept, count = {}, 0 end
  f = compile(code, "=marea.recipe")
  if f then kept[code], count = f, count + 1 end
  return f
end

local write

-- An expression for a value that is passed to the code, or nil.
local function write_value(w, value)
  if #w.values == MAX_VALUES then return nil end
  w.values[#w.values + 1] = value
  return "v" .. #w.values
end

local function write_list(w, list, depth)
  local items = {}
  for i = 1, #list do
    items[i] = write(w, list[i], depth)
    if not items[i] then return nil end
  end
  local mark = write_value(w, getmetatable(list))
  return mark and ("mark({%s},%s)"):format(table.concat(items, ","), mark)
end

local function write_members(w, members, depth)
  local fields = {}
  for key, value in pairs(members) do
    local field = key == w.key and "text" or write(w, value, depth)
    if not field or #key > MAX_KEY or not key:find(KEY) then return nil end
    fields[#fields + 1] = ('["%s"]=%s'):format(key, field)
  end
  return "{" .. table.concat(fields, ",") .. "}"
end

function write(w, value, depth)
  if w.parts == MAX_PARTS then return nil end      -- what is so large is worth neither code nor memory
  w.parts = w.parts + 1
  if type(value) ~= "table" then return write_value(w, value) end
  if depth == MAX_DEPTH then return nil end
  if getmetatable(value) then return write_list(w, value, depth + 1) end   -- only arrays have one
  return write_members(w, value, depth + 1)
end

--- A function of a text that makes a table like `value`, with that text as the
--- one member called `key`; nil where it can't be had.
---@param value table decoded JSON
---@param key string
---@return (fun(text: string): table)|nil
function recipe.of(value, key)
  if not compile then return nil end      -- a host may have taken it away
  local w = { key = key, values = {}, parts = 0 }
  local made = write(w, value, 0)
  if not made then return nil end
  local names = {}
  for i = 1, #w.values do names[i] = ",v" .. i end
  local code = ("local mark%s=...\nreturn function(text)\nreturn %s\nend"):format(table.concat(names), made)
  local make = compiled(code)
  return make and make(setmetatable, compat.unpack(w.values))
end

return recipe
