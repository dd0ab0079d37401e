-- SPDX-License-Identifier: MIT
-- Made from Groq's pages on OpenAI compatibility and on reasoning
-- (console.groq.com/docs/openai, .../docs/reasoning).

---@type marea.preset
return {
  name = "groq",
  base_url = "https://api.groq.com/openai/v1",
  api_key_env = "GROQ_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = {
    "models", "chat/completions", "responses", "audio/speech", "audio/transcriptions", "audio/translations",
  },
  models = {},
  default_model = {},
  required = { ["audio/speech"] = { "voice" } },
  -- Neither vtt nor srt.
  formats = {
    ["audio/transcriptions"] = { "json", "text", "verbose_json" },
    ["audio/translations"] = { "json", "text", "verbose_json" },
  },
  max_tokens_parameter = "max_completion_tokens",
  -- A field where reasoning_format is parsed, as with tools; else tags.
  reasoning = { fields = { "reasoning" }, tags = { "think" } },
  options = {
    reasoning = {
      endpoints = { "chat/completions" },
      on = { body = { reasoning_effort = "default" } }, off = { body = { reasoning_effort = "none" } },
      text = { body = { reasoning_effort = "%s" } },
    },
  },
  structured_output = "json_object",
}
