-- SPDX-License-Identifier: MIT
-- Vectors, which are C (marea.core), and the search among them. The search
-- keeps the best k in a heap whose root is the worst of them: a list may be
-- long, and most of its items are turned away by one comparison.

local core = require "marea.core"
local check = require "marea.check"

---@class marea.Vector packed float32 numbers; they can't be changed
---@field dot fun(self: marea.Vector, other: marea.Vector): number
---@field cosine fun(self: marea.Vector, other: marea.Vector): number from -1 to 1; 0 where one is all zeros
---@field norm fun(self: marea.Vector): number its length in space; `#vector` is how many numbers it has
---@field totable fun(self: marea.Vector): number[]
---@field base64 fun(self: marea.Vector): string
---@field bytes fun(self: marea.Vector): string little-endian
---@field [integer] number

---@class marea.vector
---@field from_base64 fun(text: string): marea.Vector|nil, string|nil
---@field from_bytes fun(bytes: string): marea.Vector|nil, string|nil little-endian float32
---@overload fun(list: number[]|marea.Vector): marea.Vector
local vector = core.vector

local function as_vector(level, name, value)
  local ok, made = pcall(vector, value)
  if not ok then error(name .. ": " .. made:gsub("^.-marea%.vector: ", ""), level + 2) end
  return made
end

---- the heap -----------------------------------------------------------------

-- Whether a is a worse find than b. What can't be compared (NaN) is the worst,
-- and of equals the later one.
local function is_worse(a, b)
  if a.score ~= b.score then
    if a.score ~= a.score and b.score ~= b.score then return a.index > b.index end
    return a.score ~= a.score or a.score < b.score
  end
  return a.index > b.index
end

-- Puts item where it belongs, from place i downwards.
local function sink(heap, i, item)
  local n = #heap
  while 2 * i <= n do
    local child = 2 * i
    if child < n and is_worse(heap[child + 1], heap[child]) then child = child + 1 end
    if not is_worse(heap[child], item) then break end
    heap[i], i = heap[child], child
  end
  heap[i] = item
end

local function rise(heap, item)
  local i = #heap + 1
  while i > 1 do
    local parent = (i - i % 2) / 2
    if not is_worse(item, heap[parent]) then break end
    heap[i], i = heap[parent], parent
  end
  heap[i] = item
end

---- the search ---------------------------------------------------------------

local function vector_of(level, who, list, i, size)
  local item = list[i]
  local is_holder = type(item) == "table" and item.embedding ~= nil
  local name = ("%s, list[%d]%s"):format(who, i, is_holder and ".embedding" or "")
  local found = as_vector(level + 1, name, is_holder and item.embedding or item)
  if #found ~= size then
    error(("%s has %d numbers and the query %d"):format(name, #found, size), level + 2)
  end
  return found
end

--- The vectors of a list that are nearest to a query, by cosine, best first.
---@param query marea.Vector|number[]
---@param list table vectors, or lists of numbers, or tables with one as `embedding`
---@param k integer|nil how many at most; all where absent
---@return marea.Found[]
function vector.nearest(query, list, k)
  local who = "marea.nearest"
  query = as_vector(1, who .. ", query", query)
  check.value(1, who .. ", list", "a table", list)
  if k ~= nil then check.value(1, who .. ", k", "a whole number of at least 1", k) end
  local heap, size = {}, #query
  for i = 1, #list do
    local found = vector_of(1, who, list, i, size)
    local item = { index = i, score = query:cosine(found), vector = found }
    if not k or #heap < k then rise(heap, item)
    elseif is_worse(heap[1], item) then sink(heap, 1, item) end
  end
  table.sort(heap, function(a, b) return is_worse(b, a) end)
  return heap
end

return vector
