-- SPDX-License-Identifier: MIT
-- A memory that is asked for what is like something: texts with the vectors a
-- model makes of them, the nearest of which are recalled. Kept in the process,
-- and in a file if there is a `path`: SQLite where its module is there.

local core = require "marea.core"
local check = require "marea.check"
local Error = require "marea.error"
local sqlite = require("marea.compat").lazy "marea.memory.sqlite"
local files = require("marea.compat").lazy "marea.memory.file"
local vector = require "marea.vector"

local memory = {}

local TOP_K, MAX = 4, 100000

---@class marea.VectorMemory
local methods = {}
local metatable = { __name = "marea.memory.vector", __index = methods }

-- What each holds: items, each { text =, source =, ... }, and their vectors.
local held = setmetatable({}, { __mode = "k" })

local fields = { client = "a table", model = "a non-empty string", top_k = "a whole number of at least 1",
  min_score = "a number", path = "a non-empty string", store = "a non-empty string",
  max = "a whole number of at least 1", params = "a table", call = "a table" }

---- where it is kept ---------------------------------------------------------------------

local function fail(kind, message)
  return nil, Error.new { kind = kind, message = "marea.memory.vector: " .. message }
end

-- What a file that is there is; nil for one that isn't, or is empty.
local function kind_of(path)
  local handle = io.open(path, "rb")
  local head = handle and handle:read(16)
  if handle then handle:close() end
  if not head then return nil end
  return head:sub(1, 13) == "SQLite format" and "sqlite" or "file"
end

local function open(options)
  local is = kind_of(options.path)
  local kind = is or options.store or (sqlite.is_there() and "sqlite" or "file")
  if options.store and is and is ~= options.store then
    return nil, ("%s is no %s store"):format(options.path, options.store)
  end
  if kind == "file" then return files.open(options.path) end
  if not sqlite.is_there() then return nil, "SQLite's module (luasql.sqlite3) is not there" end
  return sqlite.open(options.path)
end

-- Bytes that are no vector would be found out only when something is looked for.
local function unpack_items(items)
  local vectors = {}
  for i, item in ipairs(items) do
    vectors[i] = type(item.vector) == "string" and vector.from_base64(item.vector)
    if not vectors[i] then return nil, ("item %d has no vector"):format(i) end
    item.vector = nil
  end
  return vectors
end

local function load(options)
  if not options.path then return { items = {}, vectors = {} } end
  local store, why = open(options)
  local items, vectors
  if store then items, why = store:load() end
  if items then vectors, why = unpack_items(items) end
  if not vectors then return fail("decode", why) end
  return { items = items, vectors = vectors, store = store }
end

--- Makes one. Returns nil and an error where its file can't be read.
---@param options marea.VectorMemoryOptions
---@return marea.VectorMemory|nil, marea.error|nil
function memory.new(options)
  check.fields(1, "marea.memory.vector", options, fields)
  check.value(1, "marea.memory.vector, client", "a table", options.client)
  if options.store and options.store ~= "sqlite" and options.store ~= "file" then
    error('marea.memory.vector, store: expected "sqlite" or "file"', 2)
  end
  local state, err = load(options)
  if not state then return nil, err end
  local self = setmetatable({ options = options }, metatable)
  held[self] = state
  return self
end

local function state_of(self, name)
  local state = held[self]
  if not state then error(("call it with a colon: memory:%s()"):format(name), 3) end
  if state.closed then error("the memory is closed", 3) end
  return state
end

---- vectors -----------------------------------------------------------------------------------

local function embed(self, texts)
  local params = { model = self.options.model, input = texts }
  for key, value in pairs(self.options.params or {}) do params[key] = value end
  local result, err = self.options.client.embeddings:create(params, self.options.call)
  if not result then return nil, err end
  local vectors = {}
  for i, item in ipairs(result.data) do vectors[i] = vector(item.embedding) end
  if #vectors ~= #texts then
    return fail("protocol", ("%d vectors came for %d texts"):format(#vectors, #texts))
  end
  return vectors
end

-- Those of another model can't be compared.
local function check_sizes(state, vectors)
  local first = state.vectors[1] or vectors[1]
  for _, one in ipairs(vectors) do
    if #one ~= #first then
      return fail("validation", ("its vectors have %d numbers, and the model made one of %d"):format(#first, #one))
    end
  end
  return true
end

---- adding --------------------------------------------------------------------------------------

local function item_of(level, value, where)
  if type(value) == "string" then value = { text = value } end
  if type(value) ~= "table" then check.fail(level + 1, where, "a text, or a table with one", value) end
  check.value(level + 1, where .. ".text", "a non-empty string", value.text)
  local item = {}
  for key, inner in pairs(value) do item[key] = inner end
  return item
end

local function items_of(level, value)
  local list = type(value) == "table" and value.text == nil and value or { value }
  local items = {}
  for i, one in ipairs(list) do items[i] = item_of(level + 1, one, ("memory:add, item %d"):format(i)) end
  return items
end

local function texts_of(items)
  local texts = {}
  for i, item in ipairs(items) do texts[i] = item.text end
  return texts
end

local function stored(items, vectors)
  local out = {}
  for i, item in ipairs(items) do
    out[i] = { vector = core.base64.encode(vectors[i]:bytes()) }
    for key, value in pairs(item) do out[i][key] = value end
  end
  return out
end

--- Adds a text, a table `{ text =, source =, ... }`, or a list of these, such as
--- `marea.memory.chunk` gives. Returns the memory; or nil and an error, and then
--- nothing was added.
---@param value string|table
---@return marea.VectorMemory|nil, marea.error|nil
function methods:add(value)
  local state = state_of(self, "add")
  local items = items_of(1, value)
  if not items[1] then return self end
  local max = self.options.max or MAX
  if #state.items + #items > max then return fail("too_large", ("it holds at most %d items"):format(max)) end
  local vectors, err = embed(self, texts_of(items))
  if not vectors then return nil, err end
  local ok
  ok, err = check_sizes(state, vectors)
  if not ok then return nil, err end
  if state.store then
    local why
    ok, why = state.store:append(stored(items, vectors))
    if not ok then return fail("decode", tostring(why)) end
  end
  for i, item in ipairs(items) do
    state.items[#state.items + 1], state.vectors[#state.vectors + 1] = item, vectors[i]
  end
  return self
end

---- asking -----------------------------------------------------------------------------------------

local function found(state, near)
  local out = { score = near.score }
  for key, value in pairs(state.items[near.index]) do out[key] = value end
  return out
end

--- The items nearest to a text, best first: copies, with their `score`. At most
--- `top_k`, none below `min_score`.
---@param text string
---@param k integer|nil in place of `top_k`
---@return table[]|nil, marea.error|nil
function methods:query(text, k)
  local state = state_of(self, "query")
  check.value(1, "memory:query", "a string", text)
  if not state.items[1] or not text:find "%S" then return {} end
  local vectors, err = embed(self, { text })
  if not vectors then return nil, err end
  local ok
  ok, err = check_sizes(state, vectors)
  if not ok then return nil, err end
  local list = {}
  for _, near in ipairs(vector.nearest(vectors[1], state.vectors, k or self.options.top_k or TOP_K)) do
    if near.score >= (self.options.min_score or -1) then list[#list + 1] = found(state, near) end
  end
  return list
end

function metatable:__len()
  return #held[self].items
end

--- How many items it holds; `#memory` too, but on LuaJIT.
---@return integer
function methods:len()
  return #state_of(self, "len").items
end

--- Where it is kept: "sqlite", "file", or nil for in the process alone.
---@return string|nil
function methods:kept_in()
  local store = state_of(self, "kept_in").store
  return store and store.kind
end

--- Forgets all, in its file too.
---@return marea.VectorMemory|nil, marea.error|nil
function methods:clear()
  local state = state_of(self, "clear")
  if state.store then
    local ok, why = state.store:clear()
    if not ok then return fail("decode", tostring(why)) end
  end
  state.items, state.vectors = {}, {}
  return self
end

--- Closes its file.
function methods:close()
  local state = held[self]
  if state and state.store and not state.closed then state.store:close() end
  if state then state.closed = true end
end

return memory
