-- SPDX-License-Identifier: MIT
-- What an agent remembers beside its conversation. A memory is any table with
-- `query(text)`, which gives a list of texts; they are put before the model
-- with each call of a run, and never into the history. This one keeps a list.

local check = require "marea.check"
local lazy = require("marea.compat").lazy
local vectors = lazy "marea.memory.vector"

---@class marea.memory
local memory = {}

---@class marea.MemoryList
local methods = {}
local metatable = { __name = "marea.memory.list", __index = methods }

local options_form = { max = "a whole number of at least 1" }

--- A list of texts, of which the last `max` (100) are kept.
---@param options marea.MemoryListOptions|nil
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

--- A memory that is asked for what is like something; see memory/vector.lua. nil
--- and an error where its file can't be read.
---@param options marea.VectorMemoryOptions
---@return marea.VectorMemory|nil, marea.error|nil
function memory.vector(options)
  return vectors.new(options)
end

--- Cuts a document into pieces of at most `size` (1000) bytes that share about
--- `overlap` (100), each with the `line` it begins at and, where a `source` is
--- given, `source` as "tides.md:12".
---@param text string
---@param options marea.ChunkOptions|nil
---@return { text: string, line: integer, source: string|nil }[]
function memory.chunk(text, options)
  local list = require "marea.memory.chunk"(text, options, 2)
  return list
end

return memory
