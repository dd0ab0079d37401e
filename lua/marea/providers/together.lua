-- SPDX-License-Identifier: MIT
-- Made from Together AI's documentation (docs.together.ai). Its list of models is a
-- bare array; some models write their reasoning between tags.

---@type marea.preset
return {
  name = "together",
  base_url = "https://api.together.xyz/v1",
  api_key_env = "TOGETHER_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = {
    "models", "chat/completions", "completions", "embeddings", "audio/speech", "audio/transcriptions",
    "audio/translations", "images/generations",
  },
  models = {},
  default_model = {},
  required = { ["audio/speech"] = { "voice" } },
  max_tokens_parameter = "max_tokens",
  reasoning = { fields = { "reasoning" }, tags = { "think" } },
  options = {
    reasoning = {
      endpoints = { "chat/completions" },
      on = { body = { reasoning = { enabled = true } } }, off = { body = { reasoning = { enabled = false } } },
      text = { body = { reasoning_effort = "%s" } },
    },
  },
  structured_output = "json_schema",
}
