-- SPDX-License-Identifier: MIT
-- The bundled provider itself, at /v1: OpenAI's shapes, any key, any model but
-- `does-not-exist`, and not strict about what it is asked. The other scenarios
-- inherit every field they do not set.

local audio = require("provider.audio")
local json = require("provider.json")
local kinds = require("provider.kinds")

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
  max_file_size = 25 * 1024 * 1024,
  text_transcripts = true,
  streams_transcripts = true,
  canned = { chat = {}, responses = {} },
  open = {},      -- endpoints that need no key
  keys = nil,     -- the set of those it knows; nil: it asks for none
  endpoints = { chat = true, completions = true, responses = true,
    embeddings = true, speech = true, transcriptions = true,
    translations = true, images = true, image_edits = true,
    image_variations = true, models = true },
}

local heard = {
  { "response_format", "a string",
    one_of = { "json", "text", "srt", "verbose_json", "vtt" } },
  { "temperature", "a numeral" },
}

local drawn = {
  { "n", "a numeral", min = 1, max = 10 },
  { "response_format", "a string", one_of = { "url", "b64_json" } },
}

openai.rules = {
  chat = { { "messages", kinds.loose_messages, required = true } },
  completions = { { "prompt", kinds.prompt, required = true } },
  responses = { { "input", kinds.input, required = true } },
  embeddings = {
    { "input", "a text or texts", required = true },
    { "dimensions", "an integer", min = 1 },
    { "encoding_format", "a string", one_of = { "float", "base64" } },
  },
  speech = {
    { "input", "a string", required = true },
    { "voice", "a string", required = true },
    { "response_format", "a string", one_of = audio.formats },
    { "speed", "a number", min = 0.25, max = 4 },
  },
  transcriptions = heard,
  translations = heard,
  image_edits = { { "prompt", "a string", required = true }, drawn[1],
    drawn[2] },
  image_variations = drawn,
  images = {
    { "prompt", "a string", required = true },
    { "n", "an integer", min = 1, max = 10 },
    { "response_format", "a string", one_of = { "url", "b64_json" } },
  },
}

---- who asks, and for what -----------------------------------------------------

function openai:key_of(request)
  return (request.header.authorization or ""):match("^Bearer (.+)$")
end

-- Headers of every answer.
function openai:headers() end

function openai:unknown_model(id)
  return { status = 404, code = "model_not_found", param = "model",
    type = "invalid_request_error",
    message = "The model `" .. tostring(id) .. "` does not exist" }
end

function openai:model_fault(_, id)
  if self.ignore_model or id == nil then return nil end
  for _, model in ipairs(self.models) do
    if model == id then return nil end
  end
  if self.strict_models or id == "does-not-exist" then
    return self:unknown_model(id)
  end
end

-- What else may be wrong with a request that its rules let through.
function openai:fault() end

---- what is answered -----------------------------------------------------------

-- The body as the script that answers is to see it.
function openai:prepare(body)
  return body
end

-- The last touch to an answer, before it is put in shape.
function openai:finish() end

function openai:reasoning(body)
  local template = body.chat_template_kwargs
  if type(template) == "table" and template.enable_thinking ~= nil then
    return template.enable_thinking == true
  end
  return body.model == "qwen3.6"
end

function openai:dimensions(body)
  return body.dimensions or 8
end

---- shapes ---------------------------------------------------------------------

function openai.usage(usage)
  return o("prompt_tokens", usage.prompt, "completion_tokens",
    usage.completion, "total_tokens", usage.total)
end

function openai.message(choice, calls)
  return o("role", "assistant", "content", choice.content or null,
    "reasoning_content", choice.reasoning, "tool_calls", calls)
end

function openai:completion(answer)
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
function openai:chunk(answer, choices, usage)
  return o("id", answer.id, "object", "chat.completion.chunk",
    "created", answer.created, "model", answer.model, "choices", choices,
    "usage", usage and self.usage(usage))
end

function openai:text_completion(answer)
  local choice = answer.choices[1]
  return o("id", answer.id, "object", "text_completion",
    "created", answer.created, "model", answer.model,
    "choices", list({ o("text", choice.content, "index", 0,
      "finish_reason", choice.finish or null, "logprobs", null) }),
    "usage", answer.usage and self.usage(answer.usage))
end

function openai:model(id)
  return o("id", id, "object", "model",
    "created", self.model_created or self.created,
    "owned_by", self.owner or "bundled")
end

function openai:list_models(call)
  local data = {}
  for i, id in ipairs(self.models) do data[i] = self:model(id, call) end
  return data
end

-- `fault`: status, message, type, param, code. Gives the status, the body and,
-- where there are any, headers.
function openai:error(fault)
  return fault.status, o("error", o("message", fault.message,
    "type", fault.type or null, "param", fault.param or null,
    "code", fault.code or null))
end

return openai
