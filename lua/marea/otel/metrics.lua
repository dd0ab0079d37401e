-- SPDX-License-Identifier: MIT
-- Histograms of what calls of models took: time, tokens, time to the first chunk;
-- and of runs and tools. They count from the start on.

local metrics = {}
metrics.__index = metrics

local MAX_SERIES = 200      -- of one instrument; what is more is one series

local times = { 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92 }
local tokens = { 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864 }
local firsts = { 0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10 }

local known = {
  { name = "gen_ai.client.operation.duration", unit = "s", description = "Time a call took", bounds = times },
  { name = "gen_ai.client.token.usage", unit = "{token}", description = "Tokens used, in and out", bounds = tokens },
  { name = "gen_ai.client.operation.time_to_first_chunk", unit = "s", description = "Time until a stream began",
    bounds = firsts },
  { name = "gen_ai.invoke_agent.duration", unit = "s", description = "Time a run of an agent took", bounds = times },
  { name = "gen_ai.execute_tool.duration", unit = "s", description = "Time a tool took", bounds = times },
}

function metrics.new()
  local self = setmetatable({ list = {}, changed = false }, metrics)
  for i, form in ipairs(known) do
    local one = { series = {}, by_key = {} }
    for name, value in pairs(form) do one[name] = value end
    self.list[i], self.list[form.name] = one, one
  end
  return self
end

local function key_of(attributes)
  local parts = {}
  for name, value in pairs(attributes) do parts[#parts + 1] = name .. "=" .. tostring(value) end
  table.sort(parts)
  return table.concat(parts, "\n")
end

local function series_of(one, attributes)
  local key = key_of(attributes)
  local found = one.by_key[key]
  if found then return found end
  if #one.series >= MAX_SERIES then
    if key == "otel.metric.overflow=true" then return one.series[MAX_SERIES] end
    attributes = { ["otel.metric.overflow"] = true }
    key = key_of(attributes)
    if one.by_key[key] then return one.by_key[key] end
  end
  local counts = {}
  for i = 1, #one.bounds + 1 do counts[i] = 0 end
  found = { attributes = attributes, bounds = one.bounds, counts = counts, count = 0, sum = 0 }
  one.series[#one.series + 1], one.by_key[key] = found, found
  return found
end

--- Counts a value.
function metrics:record(name, value, attributes)
  local series = series_of(self.list[name], attributes)
  local bucket = 1
  while series.bounds[bucket] and value > series.bounds[bucket] do bucket = bucket + 1 end
  series.counts[bucket] = series.counts[bucket] + 1
  series.count, series.sum = series.count + 1, series.sum + value
  series.min, series.max = math.min(series.min or value, value), math.max(series.max or value, value)
  self.changed = true
end

--- The instruments that have counted something.
function metrics:used()
  local out = {}
  for _, one in ipairs(self.list) do
    if one.series[1] then out[#out + 1] = one end
  end
  return out
end

return metrics
