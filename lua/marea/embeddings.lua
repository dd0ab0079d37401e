-- SPDX-License-Identifier: MIT
-- What is particular to embeddings: which inputs go in one request, that
-- vectors come in the order of their inputs, and how several answers become
-- one. An answer whose vectors can't be told apart by input is no answer.

local check = require "marea.check"
local compat = require "marea.compat"
local json = require "marea.json"
local task = compat.lazy "marea.task"
local vector = require("marea.core").vector

local embeddings = {}

--- Raises unless there is something to embed.
function embeddings.check(level, who, params)
  local input = params.input
  local empty = input == "" or type(input) == "table" and input[1] == nil
  if empty or type(input) ~= "string" and type(input) ~= "table" then
    check.fail(level + 1, who .. ", input", "a non-empty string or a non-empty list", input)
  end
end

--- How the answer to these parameters is decoded.
function embeddings.decoding(params)
  return { vectors = params.encoding_format == "base64" }
end

---- one answer ---------------------------------------------------------------

-- Whether each item has an index, and none the same as another.
local function are_indexed(data)
  local seen = {}
  for _, item in ipairs(data) do
    local index = type(item) == "table" and item.index
    if not compat.is_integer(index) or seen[index] then return false end
    seen[index] = true
  end
  return true
end

local function by_index(a, b)
  return a.index < b.index
end

-- How many inputs there are, as far as that can be told; a list of numbers is
-- one, in tokens.
local function count_inputs(input)
  return type(input) == "table" and type(input[1]) ~= "number" and #input or nil
end

-- Makes a vector of what came in place of base64 that could be decoded: numbers,
-- from servers that know no other form. Else returns what is wrong with it.
local function pack(item)
  local given = item.embedding
  if type(given) == "userdata" and not compat.is_null(given) then return nil end
  if type(given) == "string" then return "decode", select(2, vector.from_base64(given)) end
  if type(given) ~= "table" then return "protocol", "it is missing" end
  local ok, made = pcall(vector, given)
  if not ok then return "decode", (made:gsub("^.-marea%.vector: ", "")) end
  item.embedding = made
end

-- Makes each embedding a vector, or returns the kind of error and a message.
local function pack_all(data)
  for i, item in ipairs(data) do
    if type(item) == "table" and item[1] == nil then      -- of a bare list of lists each is as it came
      local kind, why = pack(item)
      if kind then return kind, ("data[%d].embedding: %s"):format(i, why) end
    end
  end
end

--- Puts an answer's vectors in order, packed where base64 was asked for. Returns
--- the kind of error and a message where it is not what was asked for.
---@param result table
---@param params table
---@return string|nil kind, string|nil message
function embeddings.judge(result, params)
  local data, wanted = result.data, count_inputs(params.input)
  if type(data) ~= "table" or data[1] == nil then
    return "protocol", "the answer holds no embeddings"
  end
  if wanted and #data ~= wanted then
    return "protocol", ("%d inputs, but %d embeddings in the answer"):format(wanted, #data)
  end
  if params.encoding_format == "base64" then
    local kind, message = pack_all(data)
    if kind then return kind, message end
  end
  if are_indexed(data) then table.sort(data, by_index) end
end

---- several requests ---------------------------------------------------------

--- The parameters of each request, where one can't take all inputs; else nil.
---@param params table
---@param most integer|nil inputs in a request
---@return table[]|nil
function embeddings.split(params, most)
  local input, count = params.input, count_inputs(params.input)
  if not most or not count or count <= most then return nil end
  local parts = {}
  for first = 1, count, most do
    local part = {}
    for key, value in pairs(params) do part[key] = value end
    local last = math.min(first + most - 1, count)
    part.input = json.array(compat.move(input, first, last, 1, {}))
    parts[#parts + 1] = part
  end
  return parts
end

-- Adds what counts something in `more` to `sum`.
local function add_counts(sum, more)
  for key, value in pairs(more) do
    local known = sum[key]
    if type(value) == "number" and type(known) == "number" then sum[key] = known + value
    elseif type(value) == "table" and type(known) == "table" then add_counts(known, value)
    elseif known == nil then sum[key] = value end
  end
end

-- The first answer, with what the others have.
local function join(results)
  local whole, data = results[1], json.array {}
  for _, result in ipairs(results) do
    for _, item in ipairs(result.data) do
      data[#data + 1] = item
      if type(item) == "table" and item.index ~= nil then item.index = #data - 1 end
    end
    if result ~= whole then add_counts(whole, { usage = result.usage }) end
  end
  whole.data = data
  return whole
end

--- Sends the parts side by side and joins their answers, in the parts' order.
--- The first error ends the others and is returned.
---@param parts table[]
---@param send fun(part: table): table|nil, marea.error|nil
---@return table|nil result, marea.error|nil
function embeddings.gather(parts, send)
  local failed, works, fault = {}, {}, nil
  for i, part in ipairs(parts) do
    works[i] = function()
      local result, err = send(part)
      if not result then
        fault = fault or err
        error(failed, 0)
      end
      return result
    end
  end
  local ok, results = pcall(task.all, works)
  if not ok then
    if results == failed then return nil, fault end
    error(results, 0)
  end
  return join(results)
end

return embeddings
