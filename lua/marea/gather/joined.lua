-- SPDX-License-Identifier: MIT
-- An object that comes in pieces: the strings of some of its fields join, of
-- the others the last one said counts. Pieces are kept as lists, since a string
-- made longer piece by piece is copied as often.

local null = require("marea.json").null

local joined = {}

local methods = {}
local metatable = { __index = methods }

--- keys: set of the fields whose strings join.
function joined.new(keys)
  return setmetatable({ keys = keys, fields = {}, pieces = {} }, metatable)
end

local function add_field(self, key, value)
  local pieces = self.pieces[key]
  if pieces and type(value) == "string" then
    pieces[#pieces + 1] = value
  elseif value ~= null or (self.fields[key] == nil and not pieces) then
    self.fields[key], self.pieces[key] = value, nil
    if self.keys[key] and type(value) == "string" then self.pieces[key] = { value } end
  end
end

--- Adds a piece of the object.
---@param object table
function methods:add(object)
  for key, value in pairs(object) do add_field(self, key, value) end
end

--- The object, as far as it has come.
---@return table
function methods:whole()
  local out = {}
  for key, value in pairs(self.fields) do out[key] = value end
  for key, pieces in pairs(self.pieces) do out[key] = table.concat(pieces) end
  return out
end

return joined
