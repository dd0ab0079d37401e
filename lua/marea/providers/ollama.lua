-- SPDX-License-Identifier: MIT
-- Made from Ollama's page on OpenAI compatibility (docs.ollama.com/openai).

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "ollama",
  base_url = "http://localhost:11434/v1",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  reasoning = { fields = { "reasoning" } },
  options = { reasoning = switches.effort "none" },
  structured_output = "json_schema",
}
