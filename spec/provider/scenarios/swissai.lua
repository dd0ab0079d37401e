-- SPDX-License-Identifier: MIT
-- SwissAI as its page shows it: streams unless `stream:false` is sent, takes
-- any `model` and answers `swissai`, ignores every field it doesn't name, has
-- no role chunk and no usage, and only chat.

local json = require("provider.json")
local kinds = require("provider.kinds")

local o, list = json.object, json.list

local swissai = {
  base = "/swissai/api/v1/external",
  keys = { ["sk-souheng-TU_CLAVE"] = true },
  created = 1750000000,
  models = { "swissai" },
  default_model = "swissai",
  ignore_model = true,
  only_known = true,
  stream_default = true,
  role_chunk = false,
  endpoints = { chat = true },
  canned = { chat = {
    ["Saluda en alemán suizo."] = {
      id = "chatcmpl-1a2b3c4d", content = "Hallo!", pieces = { "Hallo", "!" },
    },
    ["Hola"] = {
      id = "chatcmpl-1a2b3c4d", content = "¡Hola! ¿En qué puedo ayudar?",
    },
  } },
}

swissai.rules = { chat = {
  { "messages", kinds.messages, required = true },
  { "stream", "a boolean" },
  { "temperature", "a number", min = 0, max = 2 },
  { "max_tokens", "an integer", min = 1, max = 128000 },
  { "tools", kinds.tools },
  { "tool_choice", "a string" },
} }

function swissai:reasoning()
  return false
end

function swissai:completion(answer)
  local choice = answer.choices[1]
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list({ o("index", 0,
      "message", self.message(choice, self.calls(choice)),
      "finish_reason", choice.finish) }))
end

return swissai
