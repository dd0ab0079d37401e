-- SPDX-License-Identifier: MIT
-- Made from xAI's API reference (docs.x.ai/docs/api-reference).

---@type marea.preset
return {
  name = "xai",
  base_url = "https://api.x.ai/v1",
  api_key_env = "XAI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" } },
}
