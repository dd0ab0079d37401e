-- SPDX-License-Identifier: MIT
-- Gradiente Sur as its page shows it: vLLM's reply, with reasoning_content
-- before content, `tool_calls: []`, `stop_reason` and `prompt_logprobs`.

local json = require("provider.json")

local o, list, null = json.object, json.list, json.null

local gradientesur = {
  base = "/gradientesur/functions/v1",
  created = 1748351434,
  models = { "Qwen/Qwen3-1.7B" },
  endpoints = { chat = true },
  canned = {
    ["Hola, cómo estás?"] = {
      id = "chatcmpl-ec1e82a53ab04d20b5560ec4c6b1f16a",
      content = "¡Hola! Estoy bien, gracias. ¿Cómo estás tú? 😊 Si tienes "
        .. "alguna pregunta o necesitas ayuda, ¡no dudes en decírmelo!",
      reasoning = "\nOkay, the user said \"Hola, cómo estás?\" which is "
        .. "Spanish for \"Hello, how are you?\"",
      usage = { prompt = 14, completion = 216, total = 230 },
    },
  },
}

function gradientesur.reasoning()
  return true
end

function gradientesur.message(choice, calls)
  return o("role", "assistant", "reasoning_content", choice.reasoning or null,
    "content", choice.content or null, "tool_calls", calls or list({}))
end

function gradientesur.usage(usage)
  return o("prompt_tokens", usage.prompt, "total_tokens", usage.total,
    "completion_tokens", usage.completion, "prompt_tokens_details", null)
end

function gradientesur.completion(self, answer)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = o("index", i - 1,
      "message", self.message(choice, self.calls(choice)), "logprobs", null,
      "finish_reason", choice.finish, "stop_reason", null)
  end
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list(choices), "usage", self.usage(answer.usage),
    "prompt_logprobs", null)
end

return gradientesur
