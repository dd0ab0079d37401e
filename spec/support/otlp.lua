-- SPDX-License-Identifier: MIT
-- Looks at what a collector is sent as strictly as OTLP in JSON is written: every
-- key must be one there is, every number of the form it has there.

local cjson = require("cjson")

local otlp = {}

local function fail(path, what, value)
  local got = type(value) == "table" and cjson.encode(value) or tostring(value)
  error(("%s: expected %s, got %s"):format(path, what, got), 0)
end

local function text(path, value) if type(value) ~= "string" then fail(path, "a string", value) end end
local function number(path, value) if type(value) ~= "number" then fail(path, "a number", value) end end
local function hex(n)
  return function(path, value)
    text(path, value)
    if #value ~= n or not value:find("^[0-9a-f]+$") or value:find("^0+$") then fail(path, n .. " hex digits", value) end
  end
end
local function digits(path, value)
  text(path, value)
  if not value:find("^%d+$") then fail(path, "digits in a string", value) end
end
local function time(path, value)
  digits(path, value)
  if #value ~= 19 then fail(path, "nanoseconds of this age", value) end
end
local function among(...)
  local all = {}
  for i = 1, select("#", ...) do all[select(i, ...)] = true end
  return function(path, value)
    if not all[value] then fail(path, "one of what there is", value) end
  end
end

-- A form is name -> check, or { check, "optional" }.
local function object(form)
  return function(path, value)
    if type(value) ~= "table" or value[1] ~= nil then fail(path, "an object", value) end
    for name, item in pairs(value) do
      local check = form[name]
      if not check then fail(path .. "." .. tostring(name), "no such key", item) end
      if type(check) == "table" then check = check[1] end
      check(path .. "." .. name, item)
    end
    for name, check in pairs(form) do
      if type(check) == "function" and value[name] == nil then fail(path .. "." .. name, "to be there", nil) end
    end
  end
end
local function list(check)
  return function(path, value)
    if type(value) ~= "table" then fail(path, "a list", value) end
    for key, item in pairs(value) do
      if type(key) ~= "number" then fail(path, "a list", value) end
      check(("%s[%d]"):format(path, key), item)
    end
  end
end

local value
local function one_of(path, given)
  local forms = { stringValue = text, intValue = digits, doubleValue = number,
    boolValue = among(true, false), arrayValue = object { values = list(function(...) return value(...) end) } }
  local name, item = next(given)
  if not forms[name] or next(given, name) ~= nil then fail(path, "one value", given) end
  forms[name](path .. "." .. name, item)
end
value = one_of

local attribute = object { key = text, value = value }
local function attributes(path, given)
  list(attribute)(path, given)
  local seen = {}
  for _, one in ipairs(given) do
    if seen[one.key] then fail(path, "each key once", one.key) end
    seen[one.key] = true
  end
end

local scope = object { name = text, version = text }
local resource = object { attributes = attributes }

local span = object { traceId = hex(32), spanId = hex(16), parentSpanId = { hex(16) }, name = text,
  kind = among(1, 2, 3, 4, 5), startTimeUnixNano = time, endTimeUnixNano = time, attributes = attributes,
  status = object { code = among(0, 1, 2), message = { text } } }

local traces = object { resourceSpans = list(object { resource = resource,
  scopeSpans = list(object { scope = scope, spans = list(span) }) }) }

local point = object { attributes = attributes, startTimeUnixNano = time, timeUnixNano = time, count = digits,
  sum = number, min = number, max = number, bucketCounts = list(digits), explicitBounds = list(number) }

local metrics = object { resourceMetrics = list(object { resource = resource,
  scopeMetrics = list(object { scope = scope, metrics = list(object { name = text, unit = text, description = text,
    histogram = object { aggregationTemporality = among(1, 2), dataPoints = list(point) } }) }) }) }

local function simple(given)
  local out = {}
  for _, one in ipairs(given) do
    local _, item = next(one.value)
    out[one.key] = type(item) == "table" and item.values[1].stringValue or one.value.intValue and tonumber(item) or item
  end
  return out
end

-- 19 digits are more than a float has.
local function is_later(a, b) return a < b end

---The spans of some bodies, by name and in a list, each checked, with `at`, its
---attributes by name.
function otlp.spans(bodies)
  local all, by_id = {}, {}
  for _, body in ipairs(bodies) do
    local decoded = cjson.decode(body)
    traces("traces", decoded)
    for _, group in ipairs(decoded.resourceSpans) do
      for _, one in ipairs(group.scopeSpans[1].spans) do
        if by_id[one.spanId] then fail(one.name, "an id of its own", one.spanId) end
        if is_later(one.endTimeUnixNano, one.startTimeUnixNano) then fail(one.name, "to end after it began", one) end
        one.at, one.resource = simple(one.attributes), simple(group.resource.attributes)
        all[#all + 1], by_id[one.spanId] = one, one
        all[one.name] = all[one.name] or one
      end
    end
  end
  for _, one in ipairs(all) do
    one.parent = one.parentSpanId and by_id[one.parentSpanId]
    if one.parentSpanId and not one.parent then fail(one.name, "a parent that was sent", one.parentSpanId) end
    if one.parent and one.parent.traceId ~= one.traceId then fail(one.name, "its parent's trace", one.traceId) end
  end
  return all
end

---The points of the last of some bodies: name -> list, each checked, with `at`.
function otlp.metrics(bodies)
  local out = {}
  for _, body in ipairs(bodies) do
    local decoded = cjson.decode(body)
    metrics("metrics", decoded)
    for _, metric in ipairs(decoded.resourceMetrics[1].scopeMetrics[1].metrics) do
      out[metric.name] = metric.histogram.dataPoints
      for _, one in ipairs(metric.histogram.dataPoints) do
        one.at = simple(one.attributes)
        local sum = 0
        for _, n in ipairs(one.bucketCounts) do sum = sum + tonumber(n) end
        if sum ~= tonumber(one.count) then fail(metric.name, "buckets that add up", one) end
        if #one.bucketCounts ~= #one.explicitBounds + 1 then fail(metric.name, "a bucket more than bounds", one) end
      end
    end
  end
  return out
end

return otlp
