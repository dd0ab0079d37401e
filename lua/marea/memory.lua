-- SPDX-License-Identifier: MIT
-- What an agent remembers beside its conversation. A memory is any table with
-- `query(text)`, which gives a list of texts; they are put before the model
-- with each call of a run, and never into the history. This one keeps a list.

local check = require "marea.check"

---@class marea.memory
local memory = {}

---@class marea.MemoryList
local methods = {}
local metatable = { __name = "marea.memory.list", __index = methods }

local options_form = { max = "a whole number of at least 1" }

--- A list of texts, of which the last `max` (100) are kept.
---@param options { max: integer|nil }|nil
---@return marea.MemoryList
function memory.list(options)
  options = options or {}
  check.fields(1, "marea.memory.list", options, options_form)
  return setmetatable({ items = {}, max = options.max or 100 }, metatable)
end

--- Adds a text.
---@param text string
function methods:add(text)
  check.value(1, "memory:add", "a non-empty string", text)
  self.items[#self.items + 1] = text
  if #self.items > self.max then table.remove(self.items, 1) end
  return self
end

--- All texts, oldest first.
---@return string[]
function methods:query()
  local out = {}
  for i, item in ipairs(self.items) do out[i] = item end
  return out
end

--- Forgets all of it.
function methods:clear()
  self.items = {}
  return self
end

return memory
