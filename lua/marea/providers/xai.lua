-- SPDX-License-Identifier: MIT
-- Made from xAI's API reference (docs.x.ai).

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "xai",
  base_url = "https://api.x.ai/v1",
  api_key_env = "XAI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "images/generations" },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" } },
  options = { reasoning = switches.effort(nil, true) },
  structured_output = "json_schema",
}
