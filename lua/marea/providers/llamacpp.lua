-- SPDX-License-Identifier: MIT
-- Made from the README of llama.cpp's server (github.com/ggml-org/llama.cpp,
-- tools/server). With --reasoning-format none reasoning stays in the text, in tags.

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "llamacpp",
  base_url = "http://localhost:8080/v1",
  api_key_env = "LLAMA_API_KEY",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" }, tags = { "think" } },
  options = { reasoning = switches.template() },
  structured_output = "json_schema",
}
