-- SPDX-License-Identifier: MIT
-- One call of an endpoint: { conn, request, scenario, account, argument, path },
-- `body` where it is JSON, and `leave`, which says that the answer is out. Ways
-- to answer it, and to find what is wrong with it.

local check = require("provider.check")
local http = require("provider.http")
local json = require("provider.json")

local calls = { delay = 0 }

function calls.respond(call, status, body, headers)
  call.leave()
  return http.respond(call.conn, call.request, status, body, headers)
end

function calls.reply(call, value)
  return calls.respond(call, 200, json.encode(value))
end

function calls.fail(call, fault)
  local status, body, headers = call.scenario:error(fault)
  return calls.respond(call, status, json.encode(body), headers)
end

-- `write` puts the answer on the wire, an event at a time.
function calls.stream(call, write, answer, options)
  local conn, request = call.conn, call.request
  local send, finish = http.stream(conn, request)
  -- Who reads the last event may ask again at once.
  local function send_one(data, is_last)
    if is_last then call.leave() end
    return send(data)
  end
  local whole = write(conn, send_one, call.scenario, answer, options)
    and finish()
  request.close = request.close or not whole
end

local function option(request, name)
  local header = request.header["x-" .. name:gsub("_", "-")]
  return tonumber(header or http.query(request)[name])
end

function calls.options(call, body)
  local scenario, request = call.scenario, call.request
  local stream = body.stream
  if stream == nil or stream == json.null then
    stream = scenario.stream_default
  end
  local usage = type(body.stream_options) == "table"
    and body.stream_options.include_usage == true
  local delay = option(request, "delay_ms")
  return {
    stream = stream, include_usage = usage, words = option(request, "words"),
    delay = delay and delay / 1000 or calls.delay,
    reasoning = scenario:reasoning(body),
  }
end

-- Nil when all is well with it.
function calls.fault(call, endpoint, fields)
  local scenario = call.scenario
  return check.fields(fields, scenario.rules[endpoint], call.request)
    or scenario:model_fault(endpoint, fields.model)
    or scenario:fault(endpoint, fields, call)
end

return calls
