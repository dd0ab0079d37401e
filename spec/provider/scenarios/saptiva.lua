-- SPDX-License-Identifier: MIT
-- Saptiva as its page shows it: `tool_calls: []` in every message, a success
-- that carries `"error": false, "status": 200`, errors as `{"detail": ...}`,
-- and 422 when one of the five required parameters is missing.

local json = require("provider.json")

local o, list = json.object, json.list

local saptiva = {
  base = "/saptiva/v1",
  created = 1745449715,
  models = { "Saptiva Turbo", "DeepSeek R1 Lite" },
  required = { "model", "max_tokens", "messages", "temperature", "top_p" },
  endpoints = { chat = true },
  canned = {
    ["¿Cuál es la capital de Francia?"] = {
      id = "chatcmpl-211",
      content = "La capital de México es **Ciudad de México**. 🇲🇽 \n",
      usage = { prompt = 22, completion = 16, total = 38 },
    },
  },
}

function saptiva.reasoning()
  return false
end

function saptiva.message(choice, calls)
  return o("role", "assistant", "content", choice.content or "",
    "tool_calls", calls or list({}))
end

function saptiva.completion(self, answer)
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

function saptiva.error(fault)
  local status = fault.status == 400 and 422 or fault.status
  return status, o("detail", fault.message)
end

return saptiva
