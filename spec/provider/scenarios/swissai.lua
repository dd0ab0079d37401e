-- SPDX-License-Identifier: MIT
-- SwissAI as its page shows it: streams unless `stream:false` is sent, takes
-- any `model` and answers `swissai`, no role chunk, no usage, only chat.

local json = require("provider.json")

local o, list = json.object, json.list

local swissai = {
  base = "/swissai/api/v1/external",
  created = 1750000000,
  models = { "swissai" },
  default_model = "swissai",
  ignore_model = true,
  stream_default = true,
  role_chunk = false,
  endpoints = { chat = true },
  canned = {
    ["Saluda en alemán suizo."] = {
      id = "chatcmpl-1a2b3c4d", content = "Hallo!", pieces = { "Hallo", "!" },
    },
    ["Hola"] = {
      id = "chatcmpl-1a2b3c4d", content = "¡Hola! ¿En qué puedo ayudar?",
    },
  },
}

function swissai.reasoning()
  return false
end

function swissai.completion(self, answer)
  local choice = answer.choices[1]
  return o("id", answer.id, "object", "chat.completion",
    "created", answer.created, "model", answer.model,
    "choices", list({ o("index", 0,
      "message", self.message(choice, self.calls(choice)),
      "finish_reason", choice.finish) }))
end

return swissai
