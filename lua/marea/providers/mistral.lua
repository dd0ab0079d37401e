-- SPDX-License-Identifier: MIT
-- Made from Mistral's API reference (docs.mistral.ai/api). It refuses fields it
-- doesn't know with 422, and sends usage with the last chunk unasked. Reasoning
-- comes among the parts of content, as `thinking`.

---@type marea.preset
return {
  name = "mistral",
  base_url = "https://api.mistral.ai/v1",
  api_key_env = "MISTRAL_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "embeddings", "audio/transcriptions" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  stream_options = false,
  reasoning = { parts = "thinking" },
  structured_output = "json_schema",
}
