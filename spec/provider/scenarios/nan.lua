-- SPDX-License-Identifier: MIT
-- NaN as its page shows it: its own models, each for its own endpoints;
-- reasoning on for qwen3.6 and off for gemma4 unless chat_template_kwargs says
-- otherwise; a streamed response sent as one event; 100 requests a minute and
-- 5 at once for a key; files of at most 25 MB; wav of more than two minutes
-- ends in 524. What the page doesn't name is let through.

local audio = require("provider.audio")
local check = require("provider.check")
local json = require("provider.json")
local kinds = require("provider.kinds")

local o, list, null = json.object, json.list, json.null

local nan = {
  base = "/nan/v1",
  keys = { ["sk-tu-key-aqui"] = true },
  created = 1778258163,
  model_created = 1677610602,
  owner = "openai",
  models = { "qwen3.6", "gemma4", "qwen3-embedding", "kokoro", "whisper" },
  strict_models = true,
  whole_responses = true,
  text_transcripts = false,
  streams_transcripts = false,
  max_audio_seconds = 120,
  limits = { requests = 100, window = 60, parallel = 5 },
  endpoints = { chat = true, completions = true, responses = true,
    embeddings = true, speech = true, transcriptions = true, models = true },
}

local uses = {
  ["qwen3.6"] = { chat = true, completions = true, responses = true },
  ["gemma4"] = { chat = true, responses = true },
  ["qwen3-embedding"] = { embeddings = true },
  ["kokoro"] = { speech = true },
  ["whisper"] = { transcriptions = true },
}

nan.canned = {
  chat = {},
  responses = {
    ["Hola, ¿cómo estás?"] = {
      content = "Hola.", reasoning = "El usuario saluda: hay que saludar.",
      usage = { prompt = 17, completion = 118, total = 135 },
    },
  },
  transcriptions = {
    ["grabacion.mp3"] = { text = "Hola, esto es una prueba.", language = "es",
      duration = 1.728, stop = 1.4, tokens = { 50365, 22637 } },
  },
}

local model = { "model", "a string", required = true }

local function template_kwargs(value)
  if not check.is_object(value) then return "must be an object" end
  local thinking = value.enable_thinking
  if thinking ~= nil and type(thinking) ~= "boolean" then
    return "has an enable_thinking that is no boolean"
  end
end

local function sampling(rules)
  for _, name in ipairs({ "temperature", "top_p" }) do
    rules[#rules + 1] = { name, "a number" }
  end
  rules[#rules + 1] = { "stream", "a boolean" }
  return rules
end

nan.rules = {
  chat = sampling {
    model,
    { "messages", kinds.messages, required = true },
    { "max_tokens", "an integer", min = 1 },
    { "tools", kinds.tools },
    { "tool_choice", "a string or an object" },
    { "response_format", kinds.response_format },
    { "chat_template_kwargs", template_kwargs },
  },
  completions = sampling {
    model,
    { "prompt", "a string", required = true },
    { "max_tokens", "an integer", min = 1 },
  },
  responses = sampling {
    model,
    { "input", kinds.input, required = true },
    { "max_output_tokens", "an integer", min = 1 },
    { "instructions", "a string" },
  },
  embeddings = {
    model,
    { "input", "a text or texts", required = true },
    { "encoding_format", "a string", one_of = { "float", "base64" } },
  },
  speech = {
    model,
    { "input", "a string", required = true },
    { "voice", "a string", required = true },
    { "response_format", "a string", one_of = audio.formats },
    { "speed", "a number" },
  },
  transcriptions = {
    model,
    { "language", function(value)
      return not value:find("^%l%l$") and "must be an ISO-639-1 code" or nil
    end },
    { "response_format", "a string" },
    { "timestamp_granularities[]", "a string",
      one_of = { "word", "segment" } },
    { "temperature", "a numeral" },
  },
}

function nan:model_fault(endpoint, id)
  if not uses[id] then return self:unknown_model(id) end
  if uses[id][endpoint] then return nil end
  return check.bad("The model `" .. id .. "` is not for this endpoint", "model")
end

function nan:fault(endpoint, fields)
  if endpoint == "transcriptions" and fields["timestamp_granularities[]"]
    and fields.response_format ~= "verbose_json" then
    return check.bad("timestamp_granularities[] goes only with verbose_json",
      "timestamp_granularities[]")
  end
end

-- Calling tools is promised of qwen3.6 alone.
function nan:prepare(body)
  if body.model == "qwen3.6" then return body end
  local out = {}
  for name, value in pairs(body) do out[name] = value end
  out.tools = nil
  return out
end

function nan:dimensions()
  return 4096
end

function nan:completion(answer)
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

local limit_codes = { requests = "rpm_limit",
  parallel = "max_parallel_requests" }

-- `type` is null there, and the code a string.
function nan:error(fault)
  local code = limit_codes[fault.limit] or fault.code or fault.status
  return fault.status, o("error", o("message", fault.message, "type", null,
    "param", fault.param or null, "code", tostring(code)))
end

return nan
