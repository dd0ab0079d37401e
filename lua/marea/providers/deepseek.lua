-- SPDX-License-Identifier: MIT
-- Made from DeepSeek's API documentation (api-docs.deepseek.com), of reasoning its
-- page on the thinking mode.

---@type marea.preset
return {
  name = "deepseek",
  base_url = "https://api.deepseek.com/v1",
  api_key_env = "DEEPSEEK_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  reasoning = {
    fields = { "reasoning_content" },
    -- A turn that called tools is sent back with its reasoning.
    echo = "tool_calls",
  },
  options = {
    reasoning = {
      endpoints = { "chat/completions" },
      on = { body = { thinking = { type = "enabled" } } }, off = { body = { thinking = { type = "disabled" } } },
      text = { body = { reasoning_effort = "%s" } },
    },
  },
  structured_output = "json_object",
}
