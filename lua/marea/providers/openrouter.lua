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
  option_headers = { ["HTTP-Referer"] = {}, ["X-Title"] = {} },
  max_tokens_parameter = "max_tokens",
  reasoning = { fields = { "reasoning" } },
}
