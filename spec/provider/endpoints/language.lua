-- SPDX-License-Identifier: MIT
-- Chat, completions and responses: an answer is canned or made up, given its
-- last touch by the scenario, and sent streamed or whole.

local calls = require("provider.calls")
local chat = require("provider.chat")
local check = require("provider.check")
local responses = require("provider.responses")
local wire = require("provider.wire")

local endpoints = {}

local answers = 0

local function stamp(answer, scenario, body, prefix)
  answers = answers + 1
  answer.id = answer.id or string.format("%s-%08x", prefix, answers)
  answer.created = scenario.created
  answer.model = body.model
  if scenario.ignore_model or type(body.model) ~= "string" then
    answer.model = scenario.default_model or scenario.models[1]
  end
  return answer
end

local function canned(found)
  if not found then return nil end
  local choice = { content = found.content, pieces = found.pieces,
    reasoning = found.reasoning, finish = "stop" }
  local usage = found.usage or { prompt = 0, completion = 0, total = 0 }
  return { id = found.id, choices = { choice }, usage = usage }
end

-- Nil when the body holds something of the wrong type somewhere deep.
local function think(make, body, options)
  local ok, answer = pcall(make, body, options)
  return ok and answer or nil
end

local MALFORMED = check.bad("The request is malformed")

-- Makes the answer and sends it, streamed or whole.
local function answer_with(call, how)
  local scenario, body = call.scenario, call.body
  local options = calls.options(call, body)
  options.only_last = scenario.whole_responses
  local answer = canned(how.canned) or think(how.make, how.asked, options)
  if not answer then return calls.fail(call, MALFORMED) end
  stamp(answer, scenario, body, how.prefix)
  scenario:finish(how.endpoint, answer, body, call)
  if options.stream then
    return calls.stream(call, how.stream, answer, options)
  end
  if options.delay > 0 and not call.conn:sleep(options.delay) then return end
  return calls.reply(call, how.whole(answer))
end

local function last_text(body)
  return (chat.content_text(body.messages[#body.messages].content))
end

function endpoints.chat(call)
  local scenario, body = call.scenario, call.body
  local fault = calls.fault(call, "chat", body)
  if fault then return calls.fail(call, fault) end
  if scenario.only_known then body = check.known(body, scenario.rules.chat) end
  call.body = body
  return answer_with(call, {
    endpoint = "chat", prefix = "chatcmpl", asked = scenario:prepare(body),
    canned = not body.tools and scenario.canned.chat[last_text(body)],
    make = chat.answer, stream = wire.chat,
    whole = function(answer) return scenario:completion(answer) end,
  })
end

function endpoints.completions(call)
  local scenario, body = call.scenario, call.body
  local fault = calls.fault(call, "completions", body)
  if fault then return calls.fail(call, fault) end
  return answer_with(call, {
    endpoint = "completions", prefix = "cmpl", asked = body,
    make = chat.completion, stream = wire.completion,
    whole = function(answer) return scenario:text_completion(answer) end,
  })
end

local function send_events(conn, send, _, answer, options)
  local events = responses.events(answer, options.only_last)
  for i, event in ipairs(events) do
    if not send(event, i == #events) then return false end
    if options.delay > 0 and not conn:sleep(options.delay) then return false end
  end
  return true
end

function endpoints.responses(call)
  local scenario, body = call.scenario, call.body
  local fault = calls.fault(call, "responses", body)
  if fault then return calls.fail(call, fault) end
  return answer_with(call, {
    endpoint = "responses", prefix = "r", asked = responses.as_chat(body),
    canned = type(body.input) == "string"
      and scenario.canned.responses[body.input],
    make = chat.answer, stream = send_events, whole = responses.whole,
  })
end

return endpoints
