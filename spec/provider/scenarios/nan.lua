-- SPDX-License-Identifier: MIT
-- NaN (and Helmcode) as their page shows it: its own models only, reasoning on
-- for qwen3.6 and off for gemma4 unless chat_template_kwargs says otherwise, a
-- streamed response sent as one event.

local json = require("provider.json")

local o, list, null = json.object, json.list, json.null

local nan = {
  base = "/nan/v1",
  created = 1778258163,
  model_created = 1677610602,
  owner = "openai",
  models = { "qwen3.6", "gemma4", "qwen3-embedding", "kokoro", "whisper" },
  strict_models = true,
  whole_responses = true,
  required = { "model" },
}

function nan.completion(self, answer)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = o("finish_reason", choice.finish, "index", i - 1,
      "message", self.message(choice, self.calls(choice)))
  end
  local usage = answer.usage
  return o("id", answer.id, "created", answer.created,
    "model", answer.model, "object", "chat.completion",
    "choices", list(choices), "usage",
    o("completion_tokens", usage.completion, "prompt_tokens", usage.prompt,
      "total_tokens", usage.total))
end

function nan.message(choice, calls)
  return o("role", "assistant", "content", choice.content or null,
    "reasoning_content", choice.reasoning, "tool_calls", calls)
end

function nan.model(self, id)
  return o("id", id, "object", "model", "created", self.model_created,
    "owned_by", self.owner)
end

return nan
