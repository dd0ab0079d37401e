-- SPDX-License-Identifier: MIT
-- Made from Together AI's documentation (docs.together.ai/docs/openai-api-compatibility).

---@type marea.preset
return {
  name = "together",
  base_url = "https://api.together.xyz/v1",
  api_key_env = "TOGETHER_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
}
