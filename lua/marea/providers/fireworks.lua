-- SPDX-License-Identifier: MIT
-- Made from Fireworks AI's documentation (docs.fireworks.ai), of reasoning its guide
-- to it: for some models it stands between tags in the text.

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "fireworks",
  base_url = "https://api.fireworks.ai/inference/v1",
  api_key_env = "FIREWORKS_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  reasoning = { fields = { "reasoning_content" }, tags = { "think" } },
  options = { reasoning = switches.effort() },
  structured_output = "json_schema",
}
