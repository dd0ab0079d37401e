-- SPDX-License-Identifier: MIT
-- Saptiva as its page shows it: `tool_calls: []` in every message, a success
-- that carries `"error": false, "status": 200`, errors as `{"detail": ...}`,
-- and 422 when one of the five required parameters is missing or wrong.

local json = require("provider.json")
local kinds = require("provider.kinds")

local o, list = json.object, json.list

local saptiva = {
  base = "/saptiva/v1",
  keys = { ["<TU_API_KEY>"] = true },
  created = 1745449715,
  models = { "Saptiva Turbo", "DeepSeek R1 Lite", "LLAMA3.3 70B", "Phi 4",
    "Qwen", "Gemma 3" },
  strict_models = true,
  endpoints = { chat = true },
  canned = { chat = {
    ["¿Cuál es la capital de Francia?"] = {
      id = "chatcmpl-211",
      content = "La capital de México es **Ciudad de México**. 🇲🇽 \n",
      usage = { prompt = 22, completion = 16, total = 38 },
    },
  } },
}

-- A list by the page's table, an object by its example.
local function options(value)
  local window = type(value) == "table" and value.num_ctx
  if type(value) ~= "table" then return "must be an object or a list" end
  if window ~= nil and math.type(window) == nil then
    return "has a num_ctx that is no number"
  end
end

saptiva.rules = { chat = {
  { "model", "a string", required = true },
  { "max_tokens", "a number", required = true },
  { "messages", kinds.messages, required = true },
  { "temperature", "a number", required = true, min = 0, max = 1 },
  { "top_p", "a number", required = true, min = 0, max = 1 },
  { "stream", "a boolean" },
  { "options", options },
} }

function saptiva:reasoning()
  return false
end

function saptiva.message(choice, calls)
  return o("role", "assistant", "content", choice.content or "",
    "tool_calls", calls or list({}))
end

function saptiva:completion(answer)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = o("index", i - 1,
      "message", self.message(choice, self.calls(choice)),
      "finish_reason", choice.finish)
  end
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list(choices), "usage", self.usage(answer.usage),
    "error", false, "status", 200)
end

function saptiva:error(fault)
  local invalid = fault.type == "invalid_request_error" and fault.status == 400
  return invalid and 422 or fault.status, o("detail", fault.message)
end

return saptiva
