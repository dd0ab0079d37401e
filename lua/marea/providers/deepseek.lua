-- SPDX-License-Identifier: MIT
-- Made from DeepSeek's API documentation (api-docs.deepseek.com).

---@type marea.preset
return {
  name = "deepseek",
  base_url = "https://api.deepseek.com/v1",
  api_key_env = "DEEPSEEK_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  reasoning = {
    fields = { "reasoning_content" },
    -- A turn that called tools is sent back with its reasoning.
    echo = "tool_calls",
  },
}
