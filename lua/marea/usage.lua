-- SPDX-License-Identifier: MIT
-- What calls used, in buckets that don't overlap: input, cached, output and
-- reasoning tokens. Providers count under a dozen names, some with a bucket
-- within another; what they said is kept in `raw`. Calls that said nothing are
-- counted in `unreported`, and nothing is made up for them.

local usage = {}

---@class marea.Usage
---@field input integer tokens read, but for those from a cache
---@field cached integer tokens read from a cache
---@field output integer tokens written, but for reasoning
---@field reasoning integer
---@field total_tokens integer
---@field requests integer model calls
---@field tool_calls integer
---@field unreported integer calls whose usage nobody told
---@field cost number|nil where prices are known
---@field raw table[] as the provider said it, call by call

---@class marea.Prices per million tokens
---@field input number
---@field output number
---@field cached number|nil as input, unless given
---@field reasoning number|nil as output, unless given

local MILLION = 1e6

local function number(value)
  return type(value) == "number" and value >= 0 and value or nil
end

-- Each place is { name } or { name within, of what }.
local function first(raw, places)
  for i = 1, #places do
    local name, within = places[i][1], places[i][2]
    local at = within and raw[within] or raw
    local value = type(at) == "table" and number(at[name])
    if value then return value, name end
  end
end

local INPUT = { { "prompt_tokens" }, { "input_tokens" } }
local OUTPUT = { { "completion_tokens" }, { "output_tokens" } }
-- The last is beside the input tokens, the others are among them.
local CACHED = { { "cached_tokens", "prompt_tokens_details" }, { "cached_tokens", "input_tokens_details" },
  { "cached_tokens" }, { "num_cached_tokens" }, { "prompt_cache_hit_tokens" }, { "cache_read_input_tokens" } }
local REASONING = { { "reasoning_tokens", "completion_tokens_details" },
  { "reasoning_tokens", "output_tokens_details" }, { "reasoning_tokens" } }

-- Whether reasoning was counted beside the output: the total tells.
local function is_beside(raw, input, output, reasoning)
  local total = number(raw.total_tokens)
  return reasoning > output or reasoning > 0 and total == input + output + reasoning
end

--- The buckets of one call, or nil where it told nothing.
---@param raw any
---@return table|nil
function usage.read(raw)
  if type(raw) ~= "table" then return nil end
  local input, output = first(raw, INPUT) or 0, first(raw, OUTPUT) or 0
  local total = number(raw.total_tokens)
  if input == 0 and output == 0 and not total then return nil end
  local cached, name = first(raw, CACHED)
  cached = cached or 0
  if name ~= "cache_read_input_tokens" and cached <= input then input = input - cached end
  local reasoning = first(raw, REASONING) or 0
  if not is_beside(raw, input + cached, output, reasoning) then output = output - reasoning end
  return { input = input, cached = cached, output = output, reasoning = reasoning,
    total_tokens = total or input + cached + output + reasoning }
end

---@return marea.Usage
function usage.new()
  return { input = 0, cached = 0, output = 0, reasoning = 0, total_tokens = 0, requests = 0, tool_calls = 0,
    unreported = 0, raw = {} }
end

local buckets = { "input", "cached", "output", "reasoning" }
local instead = { cached = "input", reasoning = "output" }

--- What the buckets cost.
---@param counted table
---@param prices marea.Prices
---@return number
function usage.cost(counted, prices)
  local sum = 0
  for _, bucket in ipairs(buckets) do
    local price = prices[bucket] or prices[instead[bucket]] or 0
    sum = sum + counted[bucket] * price / MILLION
  end
  return sum
end

--- Adds a model call; says whether its usage was told.
---@param sum marea.Usage
---@param raw any the usage it told
---@param prices marea.Prices|nil
---@return boolean
function usage.add_call(sum, raw, prices)
  sum.requests = sum.requests + 1
  local counted = usage.read(raw)
  if not counted then
    sum.unreported = sum.unreported + 1
    return false
  end
  for _, bucket in ipairs(buckets) do sum[bucket] = sum[bucket] + counted[bucket] end
  sum.total_tokens = sum.total_tokens + counted.total_tokens
  sum.raw[#sum.raw + 1] = raw
  if prices then sum.cost = (sum.cost or 0) + usage.cost(counted, prices) end
  return true
end

local sums = { "input", "cached", "output", "reasoning", "total_tokens", "requests", "tool_calls", "unreported" }

--- Adds another sum; what was said call by call is added unless `raw` is false.
---@param sum marea.Usage
---@param more marea.Usage
---@param raw boolean|nil
function usage.add(sum, more, raw)
  for _, name in ipairs(sums) do sum[name] = sum[name] + (number(more[name]) or 0) end
  if number(more.cost) then sum.cost = (sum.cost or 0) + more.cost end
  if raw == false then return end
  for _, item in ipairs(more.raw or {}) do sum.raw[#sum.raw + 1] = item end
end

return usage
