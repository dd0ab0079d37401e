-- SPDX-License-Identifier: MIT
-- OTLP in JSON: spans and histograms as a collector takes them. 64-bit numbers are
-- strings, ids are hex, and each value says of what type it is.

local compat = require "marea.compat"
local core = require "marea.core"
local json = require "marea.json"

local wire = {}

-- Numbers that are of no whole kind, whatever they are.
local doubles = { ["gen_ai.request.temperature"] = true, ["gen_ai.request.top_p"] = true,
  ["gen_ai.request.top_k"] = true, ["gen_ai.request.frequency_penalty"] = true,
  ["gen_ai.request.presence_penalty"] = true, ["gen_ai.response.time_to_first_chunk"] = true }

local function value_of(value, key)
  local kind = type(value)
  if kind == "boolean" then return { boolValue = value } end
  if kind == "number" then
    if compat.is_integer(value) and not doubles[key] then return { intValue = ("%d"):format(value) } end
    return { doubleValue = value }
  end
  if kind ~= "table" then return { stringValue = tostring(value) } end
  local values = json.array {}
  for i, item in ipairs(value) do values[i] = value_of(item) end
  return { arrayValue = { values = values } }
end

--- A map of attributes, as a list in the order of their names.
function wire.attributes(map)
  local names, out = {}, json.array {}
  for name in pairs(map) do names[#names + 1] = name end
  table.sort(names)
  for i, name in ipairs(names) do out[i] = { key = name, value = value_of(map[name], name) } end
  return out
end

local offset = core.wall() - core.now()      -- read once: spans must not end before they began

--- Reads the wall's clock anew, which may have been set.
function wire.set_clock()
  offset = core.wall() - core.now()
end

--- A moment of core.now's clock, in nanoseconds since 1970.
---@param at number
---@return string
function wire.time(at)
  local wall = offset + at
  local seconds = math.floor(wall)
  return ("%d%06d000"):format(seconds, math.floor((wall - seconds) * 1e6))
end

--- A span that has ended.
function wire.span(one, ended)
  return { traceId = one.trace_id, spanId = one.id, parentSpanId = one.parent, name = one.name, kind = one.kind,
    startTimeUnixNano = wire.time(one.began), endTimeUnixNano = wire.time(ended),
    attributes = wire.attributes(one.attributes),
    status = one.failed and { code = 2, message = one.said } or { code = 0 } }
end

local function scope()
  return { name = "marea", version = require("marea")._VERSION }
end

--- What is sent of spans, as JSON.
function wire.traces(resource, spans)
  return json.encode { resourceSpans = json.array { { resource = { attributes = wire.attributes(resource) },
    scopeSpans = json.array { { scope = scope(), spans = json.array(spans) } } } } }
end

local CUMULATIVE = 2

local function point(series, since, now)
  local counts, bounds = json.array {}, json.array {}
  for i, n in ipairs(series.counts) do counts[i] = ("%d"):format(n) end
  for i, bound in ipairs(series.bounds) do bounds[i] = bound end
  return { attributes = wire.attributes(series.attributes), startTimeUnixNano = since, timeUnixNano = now,
    count = ("%d"):format(series.count), sum = series.sum, min = series.min, max = series.max,
    bucketCounts = counts, explicitBounds = bounds }
end

--- What is sent of histograms, as JSON.
function wire.metrics(resource, instruments, since, now)
  local list = json.array {}
  for _, instrument in ipairs(instruments) do
    local points = json.array {}
    for i, series in ipairs(instrument.series) do points[i] = point(series, since, now) end
    list[#list + 1] = { name = instrument.name, unit = instrument.unit, description = instrument.description,
      histogram = { aggregationTemporality = CUMULATIVE, dataPoints = points } }
  end
  return json.encode { resourceMetrics = json.array { { resource = { attributes = wire.attributes(resource) },
    scopeMetrics = json.array { { scope = scope(), metrics = list } } } } }
end

return wire
