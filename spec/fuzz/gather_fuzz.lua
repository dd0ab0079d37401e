-- SPDX-License-Identifier: MIT
-- Fuzzes what makes one answer of a stream's chunks. Chunks of any shape, with
-- the names servers use and values they should not, give events of known types
-- and a result that can be read and sent back; none may break the gatherer.

local chat = require "marea.gather.chat"
local Error = require "marea.error"
local grow = require "grow"
local json = require "marea.json"
local responses = require "marea.gather.responses"
local result = require "marea.result"

local types = { text = true, reasoning = true, refusal = true, ["tool_call.delta"] = true,
  tool_call = true, finish = true, usage = true }

local function check_event(event)
  assert(types[event.type], event.type)
  if event.type == "text" or event.type == "reasoning" or event.type == "refusal" then
    assert(type(event.text) == "string" and event.text ~= "")
  elseif event.type == "tool_call" then
    assert(type(event.arguments_json) == "string" and type(event.id) == "string")
  elseif event.type == "tool_call.delta" then
    assert(type(event.arguments_json) == "string" and event.index)
  end
end

-- A wire field of the same name is not hidden, and may be anything.
local function check_result(value)
  local own = not rawget(value, "tool_calls") and value.tool_calls or {}
  for _, call in ipairs(own) do assert(type(call.arguments_json) == "string") end
  assert(rawget(value, "output_text") or type(value.output_text) == "string")
  assert(rawget(value, "reasoning_text") or type(value.reasoning_text or "") == "string")
  assert(type(tostring(value)) == "string")
  assert(json.decode(json.encode(value)) ~= nil)
end

local function as_chat(choose)
  local chunk = grow.object(choose)
  if choose(4) > 1 then chunk.choices = json.array { grow.object(choose) } end
  local choice = type(chunk.choices) == "table" and chunk.choices[1]
  if type(choice) == "table" and choose(4) > 1 then choice.delta = grow.object(choose) end
  local delta = type(choice) == "table" and choice.delta
  if type(delta) == "table" and choose(3) == 1 then
    delta.tool_calls = json.array { grow.object(choose), grow.object(choose) }
  end
  return chunk
end

local function as_response(choose)
  local event = grow.object(choose)
  if choose(4) > 1 then event.type = grow.texts[choose(#grow.texts)] end
  if choose(3) == 1 then event.item = grow.object(choose) end
  if choose(3) == 1 then event.response = grow.object(choose) end
  return event
end

local function gather(into, make, choose, more)
  local out = {}
  for _ = 1, 12 do
    if not more() then break end
    local chunk = make(choose)
    Error.is_error_payload(chunk)
    local event, key = into:add(chunk, out)
    if event then
      assert(event.type and type(key) == "string")
      into:add_run("more")
    end
    assert(into.failed == nil or type(into.failed) == "table")
    if choose(4) == 1 then check_result(result.new(into:result())) end
  end
  if not into:is_finished() then into:finish(out) end
  assert(type(into:has_output()) == "boolean" and type(into:ended_with("error")) == "boolean")
  for _, event in ipairs(out) do check_event(event) end
  check_result(result.new(into:result()))
end

return function(input)
  local choose, more = grow.chooser(input:sub(2))
  local n = (input:byte(1) or 0) % 5
  gather(chat.new(n), as_chat, choose, more)
  choose, more = grow.chooser(input:sub(2))
  gather(responses.new(), as_response, choose, more)
  check_result(result.new(grow.object(grow.chooser(input))))
end
