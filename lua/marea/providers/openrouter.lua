-- SPDX-License-Identifier: MIT
-- Made from OpenRouter's documentation (openrouter.ai/docs).

---@type marea.preset
return {
  name = "openrouter",
  base_url = "https://openrouter.ai/api/v1",
  api_key_env = "OPENROUTER_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  public_endpoints = { "models" },
  options = {
    -- Who asks, for its lists of applications.
    referer = { text = { headers = { ["HTTP-Referer"] = "%s" } } },
    title = { text = { headers = { ["X-Title"] = "%s" } } },
  },
  max_tokens_parameter = "max_tokens",
  reasoning = { fields = { "reasoning" } },
}
