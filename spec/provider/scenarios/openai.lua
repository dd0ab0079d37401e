-- SPDX-License-Identifier: MIT
-- The bundled provider itself, at /v1: OpenAI's shapes, any model but
-- `does-not-exist`. The other scenarios inherit every field they do not set.

local json = require("provider.json")

local o, list, null = json.object, json.list, json.null

local openai = {
  base = "/v1",
  created = 1750000000,
  models = { "bundled-echo", "qwen3.6" },
  default_model = "bundled-echo",
  role_chunk = true,
  stream_default = false,
  strict_models = false,
  ignore_model = false,
}

function openai.reasoning(body)
  local template = body.chat_template_kwargs
  if type(template) == "table" and template.enable_thinking ~= nil then
    return template.enable_thinking == true
  end
  return body.model == "qwen3.6"
end

function openai.usage(usage)
  return o("prompt_tokens", usage.prompt, "completion_tokens",
    usage.completion, "total_tokens", usage.total)
end

function openai.message(choice, calls)
  return o("role", "assistant", "content", choice.content or null,
    "reasoning_content", choice.reasoning, "tool_calls", calls)
end

function openai.completion(self, answer)
  local choices = {}
  for i, choice in ipairs(answer.choices) do
    choices[i] = o("index", i - 1,
      "message", self.message(choice, self.calls(choice)),
      "logprobs", null, "finish_reason", choice.finish)
  end
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list(choices), "usage", self.usage(answer.usage))
end

function openai.calls(choice)
  if not choice.calls then return nil end
  local calls = {}
  for i, call in ipairs(choice.calls) do
    calls[i] = o("id", call.id, "type", "function", "function",
      o("name", call.name, "arguments", call.arguments))
  end
  return list(calls)
end

-- One chunk of a stream: `choices` is a list already in wire shape.
function openai.chunk(self, answer, choices, usage)
  return o("id", answer.id, "object", "chat.completion.chunk",
    "created", answer.created, "model", answer.model, "choices", choices,
    "usage", usage and self.usage(usage))
end

function openai.text_completion(self, answer)
  local choice = answer.choices[1]
  return o("id", answer.id, "object", "text_completion",
    "created", answer.created, "model", answer.model,
    "choices", list({ o("text", choice.content, "index", 0,
      "finish_reason", choice.finish or null, "logprobs", null) }),
    "usage", answer.usage and self.usage(answer.usage))
end

function openai.model(self, id)
  return o("id", id, "object", "model", "created", self.created,
    "owned_by", self.owner or "bundled")
end

-- `fault`: status, message, type, param, code.
function openai.error(fault)
  return fault.status, o("error", o("message", fault.message,
    "type", fault.type or null, "param", fault.param or null,
    "code", fault.code or null))
end

return openai
