-- SPDX-License-Identifier: MIT
-- Made from OpenAI's API reference (platform.openai.com/docs/api-reference).

---@type marea.preset
return {
  name = "openai",
  base_url = "https://api.openai.com/v1",
  api_key_env = "OPENAI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  max_file_size = 25 * 1024 * 1024,
  max_inputs = 2048,
  -- Its reasoning models refuse max_tokens.
  max_tokens_parameter = "max_completion_tokens",
}
