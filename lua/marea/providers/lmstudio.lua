-- SPDX-License-Identifier: MIT
-- Made from LM Studio's pages on OpenAI compatibility (lmstudio.ai/docs). Whether
-- reasoning has a field of its own is one of its settings; else it has tags.

---@type marea.preset
return {
  name = "lmstudio",
  base_url = "http://localhost:1234/v1",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" }, tags = { "think" } },
  structured_output = "json_schema",
}
