-- SPDX-License-Identifier: MIT
-- Made from Cerebras' documentation (inference-docs.cerebras.ai), of reasoning its
-- page on that: a field of its own, or tags, by model.

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "cerebras",
  base_url = "https://api.cerebras.ai/v1",
  api_key_env = "CEREBRAS_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_completion_tokens",
  reasoning = { fields = { "reasoning" }, tags = { "think" } },
  options = { reasoning = switches.effort() },
  structured_output = "json_schema",
}
