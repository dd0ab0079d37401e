-- SPDX-License-Identifier: MIT
-- Made from Ollama's page on OpenAI compatibility (docs.ollama.com/openai).

---@type marea.preset
return {
  name = "ollama",
  base_url = "http://localhost:11434/v1",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning" } },
}
