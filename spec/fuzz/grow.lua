-- SPDX-License-Identifier: MIT
-- Makes values of bytes: each byte is a choice, so that a changed input is a
-- changed value. The names and texts are those that servers use, so that what
-- looks for them is reached.

local json = require "marea.json"

local grow = {}

local MAX_DEPTH = 8

local names = {
  "choices", "delta", "message", "content", "role", "index", "id", "tool_calls", "function", "name",
  "arguments", "finish_reason", "usage", "error", "type", "text", "reasoning", "reasoning_content",
  "refusal", "code", "param", "status", "object", "model", "created", "logprobs", "function_call",
  "output", "item", "item_id", "output_index", "content_index", "response", "part", "summary",
  "call_id", "details", "detail", "loc", "msg", "errors", "annotations", "total_tokens", "data",
  "reasoning_details", "incomplete_details", "reason", "arguments_json", "thinking", "input",
}

local texts = {
  "", "a", "hola", "{", '{"a":', '1}', "stop", "length", "tool_calls", "error", "content_filter",
  "assistant", "call_1", "call_2", "add", "weather", "chat.completion.chunk", "response.created",
  "response.output_text.delta", "response.completed", "response.failed", "response.incomplete",
  "response.output_item.added", "response.output_item.done", "response.function_call_arguments.delta",
  "response.function_call_arguments.done", "response.content_part.added", "response.refusal.delta",
  "response.reasoning_summary_text.delta", "response.output_text.done", "message", "function_call",
  "output_text", "reasoning", "refusal", "function", "text", "thinking", "429", "invalid_api_key",
  "insufficient_quota", "failed", "completed", "incomplete", "\195\169", "\255", "a\0b", "\240\159\152\128",
}

local numbers = { 0, 1, 2, 127, 128, -1, 0.5, 400, 429, 500, 1e300, 2 ^ 53, 2 ^ 63, math.mininteger, -0.0 }

---A reader of choices: `choose(n)` is from 1 to n, 1 once the bytes are used up.
function grow.chooser(bytes)
  local at = 0
  return function(n)
    at = at + 1
    return (bytes:byte(at) or 0) % n + 1
  end, function() return at < #bytes end
end

local value

local function list(choose, depth)
  local out = json.array {}
  for i = 1, choose(5) - 1 do out[i] = value(choose, depth + 1) end
  return out
end

local function object(choose, depth)
  local out = {}
  for _ = 1, choose(6) - 1 do
    out[names[choose(#names)]] = value(choose, depth + 1)
  end
  return out
end

function value(choose, depth)
  local kind = choose(8)
  if depth >= MAX_DEPTH and kind > 4 then kind = kind - 4 end
  if kind == 1 then return texts[choose(#texts)]
  elseif kind == 2 then return numbers[choose(#numbers)]
  elseif kind == 3 then return json.null
  elseif kind == 4 then return choose(2) == 1
  elseif kind <= 6 then return list(choose, depth) end
  return object(choose, depth)
end

---Any value.
function grow.value(choose)
  return value(choose, 1)
end

---An object.
function grow.object(choose)
  return object(choose, 1)
end

grow.texts = texts

return grow
