-- SPDX-License-Identifier: MIT
-- marea.otel: runs, steps, calls of models, tools, handoffs and messages as spans,
-- and what they took as metrics, sent to an OpenTelemetry collector over
-- OTLP/HTTP. While it is off, nothing of this is loaded.

local check = require "marea.check"
local core = require "marea.core"
local describe = require "marea.otel.describe"
local exporters = require "marea.otel.exporter"
local histograms = require "marea.otel.metrics"
local observe = require "marea.observe"
local spans = require "marea.otel.span"
local task = require "marea.task"
local trace = require "marea.trace"
local wire = require "marea.otel.wire"

local otel = {}

---@class marea.OtelOptions
---@field endpoint? string where the collector is (OTEL_EXPORTER_OTLP_ENDPOINT, or http://localhost:4318)
---@field headers? table<string, string> sent to it
---@field service? string the name of this program (OTEL_SERVICE_NAME, or "marea")
---@field resource? table<string, any> more attributes of it
---@field content? boolean also what was said, and what tools were given (false)
---@field propagate? boolean hand the trace on to providers and servers of tools (true)
---@field interval? number|false seconds until what was gathered is sent (5); false: at the end of a run only
---@field on_error? fun(err: marea.error) is told, once, that the collector doesn't answer; else stderr is

---@class marea.Otel
---@field dropped integer spans nobody took
local methods = {}
local metatable = { __name = "marea.otel" }

local states = setmetatable({}, { __mode = "k" })
local active             -- the one that is on

local fields = { endpoint = "a non-empty string", headers = "a table", service = "a non-empty string",
  resource = "a table", content = "a boolean", propagate = "a boolean", on_error = "a function",
  interval = "seconds (a number above 0), or false" }
local INTERVAL = 5

function metatable:__index(key)
  if key == "dropped" then return states[self].exporter.dropped end
  return methods[key]
end

local function say_on_stderr(err)
  io.stderr:write(("marea.otel: the collector takes nothing, which is said once: %s\n"):format(tostring(err)))
end

---- spans --------------------------------------------------------------------------------------

local function end_span(s, span, ended)
  s.exporter:add(wire.span(span, ended or core.now()))
end

local function metric_attributes(span)
  local out = {}
  for _, name in ipairs { "gen_ai.operation.name", "gen_ai.agent.name", "gen_ai.tool.name", "gen_ai.provider.name",
    "gen_ai.request.model", "error.type" } do
    out[name] = span.attributes[name]
  end
  return out
end

local function conclude(s, span, form, about, ok, result, err)
  if not ok then describe.fail(span, result, s.content)
  elseif result == nil and err ~= nil then describe.fail(span, err, s.content) end
  if form.finish and ok then form.finish(span, about, result, s.content) end
  if form.metric then s.metrics:record(form.metric, core.now() - span.began, metric_attributes(span)) end
  end_span(s, span)
end

local function leave(s, span, before, form, about, ok, ...)
  spans.enter(before)
  conclude(s, span, form, about, ok, ...)
  if not ok then error((...), 0) end
  return ...
end

-- Around what is traced.
local function tracer_of(s)
  return function(kind, about, f, ...)
    local form = describe.kinds[kind]
    local name, span_kind, attributes = form.begin(about)
    local span = spans.start(name, span_kind, attributes, form.parent and form.parent(about))
    return leave(s, span, spans.enter(span), form, about, pcall(f, ...))
  end
end

---- calls of models --------------------------------------------------------------------------------

local function with_header(options, span)
  local out, headers = {}, {}
  for key, value in pairs(options) do out[key] = value end
  for key, value in pairs(options.headers or {}) do headers[key] = value end
  headers.traceparent = headers.traceparent or spans.traceparent(span)
  out.headers = headers
  return out
end

local function begin_of(s)
  return function(event, base, options)
    event.asked = event.model
    local attributes = describe.common(event, base)
    local name = attributes["gen_ai.operation.name"] .. (event.asked and " " .. tostring(event.asked) or "")
    local span = spans.start(name, 3, attributes)
    describe.request(attributes, event, s.content)
    s.calls[event] = { span = span, common = describe.common(event, base) }
    return s.propagate and with_header(options, span) or options
  end
end

local function count_call(s, event, common)
  local attributes = common
  attributes["gen_ai.response.model"] = event.result and event.model or nil
  local input, output
  if event.usage then input, output = describe.tokens(event.usage) end
  for kind, n in pairs { input = input, output = output } do
    local own = { ["gen_ai.token.type"] = kind }
    for name, value in pairs(attributes) do own[name] = value end
    s.metrics:record("gen_ai.client.token.usage", n, own)
  end
  if event.stream and event.first then
    s.metrics:record("gen_ai.client.operation.time_to_first_chunk", event.first, attributes)
  end
  local timed = event.error and {} or attributes
  if event.error then
    for name, value in pairs(attributes) do timed[name] = value end
    timed["error.type"] = event.error_type
  end
  s.metrics:record("gen_ai.client.operation.duration", event.seconds, timed)
end

local function on_call(s, event)
  local call = s.calls[event]
  if not call then return end
  s.calls[event] = nil
  describe.answer(call.span.attributes, event, s.content)
  if event.error then
    describe.fail(call.span, event.error, s.content)
    event.error_type = call.span.failed
  end
  count_call(s, event, call.common)
  end_span(s, call.span, call.span.began + event.seconds)
end

local function on_handoff(s, event)
  local span = spans.start("handoff " .. tostring(event.to), 1,
    { ["gen_ai.agent.name"] = event.from, ["marea.handoff.to"] = event.to })
  end_span(s, span)
end

---- on and off --------------------------------------------------------------------------------------

local function headers_of(s)
  return function()
    local span = s.propagate and spans.current()
    return span and { traceparent = spans.traceparent(span) } or nil
  end
end

local function none() end

local function turn_on(s)
  trace.tracer, trace.current, trace.headers = tracer_of(s), spans.current, headers_of(s)
  observe.begin = begin_of(s)
  s.undo = { task.tell(spans.inherit), observe.on("llm.call", function(event) on_call(s, event) end),
    observe.on("handoff", function(event) on_handoff(s, event) end),
    task.at_end(function() s.exporter:flush() end) }
end

local function turn_off(s)
  trace.tracer, trace.current, trace.headers, observe.begin = nil, none, none, nil
  for _, f in ipairs(s.undo) do f() end
  spans.forget()
end

local function resource_of(options)
  local out = { ["service.name"] = options.service or os.getenv("OTEL_SERVICE_NAME") or "marea",
    ["telemetry.sdk.name"] = "marea", ["telemetry.sdk.language"] = "lua",
    ["telemetry.sdk.version"] = require("marea")._VERSION }
  for name, value in pairs(options.resource or {}) do out[name] = value end
  return out
end

-- What the client refuses was written here, or in the environment.
local function exporter_of(level, s, options)
  local interval = options.interval
  if interval == nil then interval = INTERVAL end
  local ok, made = pcall(exporters.new, { headers = options.headers, resource = resource_of(options),
    endpoint = options.endpoint or os.getenv("OTEL_EXPORTER_OTLP_ENDPOINT") or "http://localhost:4318",
    interval = interval, metrics = s.metrics, say = options.on_error or say_on_stderr })
  if not ok then error("marea.otel: " .. tostring(made):gsub("^[^:]*:%d+: ", ""), level + 1) end
  return made
end

--- Turns it on. One at a time.
---@param options marea.OtelOptions?
---@return marea.Otel
function otel.new(options)
  options = options or {}
  check.fields(1, "marea.otel", options, fields)
  if active then error("marea.otel: it is on already: stop it first", 2) end
  wire.set_clock()
  local s = { content = options.content or false, propagate = options.propagate ~= false, metrics = histograms.new(),
    calls = setmetatable({}, { __mode = "k" }) }
  s.exporter = exporter_of(2, s, options)
  local self = setmetatable({}, metatable)
  states[self] = s
  turn_on(s)
  active = s
  return self
end

--- Runs f(...) in a span of your own.
---@param name string
---@param attributes table<string, any>|nil
---@param f function
function methods:span(name, attributes, f, ...)
  local s = states[self]
  local span = spans.start(name, 1, attributes)
  return leave(s, span, spans.enter(span), {}, nil, pcall(f, ...))
end

--- Sends what was gathered, now. Returns true; or nil and why not.
---@return true|nil, marea.error|nil
function methods:flush()
  return states[self].exporter:flush()
end

--- Sends what was gathered, and turns it off.
---@return true|nil, marea.error|nil
function methods:stop()
  local s = states[self]
  if active ~= s then return true end
  turn_off(s)
  active = nil
  return s.exporter:flush()
end


return otel
