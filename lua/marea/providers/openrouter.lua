-- SPDX-License-Identifier: MIT
-- Made from OpenRouter's documentation (openrouter.ai/docs), of reasoning its page
-- on reasoning tokens. Usage comes with the last chunk unasked.

---@type marea.preset
return {
  name = "openrouter",
  base_url = "https://openrouter.ai/api/v1",
  api_key_env = "OPENROUTER_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "completions", "responses", "embeddings" },
  public_endpoints = { "models" },
  models = {},
  default_model = {},
  max_tokens_parameter = "max_tokens",
  stream_options = false,
  reasoning = { fields = { "reasoning", "reasoning_details" }, echo = "tool_calls" },
  options = {
    reasoning = {
      endpoints = { "chat/completions" },
      on = { body = { reasoning = { enabled = true } } }, off = { body = { reasoning = { enabled = false } } },
      text = { body = { reasoning = { effort = "%s" } } },
    },
    reasoning_exclude = { endpoints = { "chat/completions" }, on = { body = { reasoning = { exclude = true } } } },
    online = { endpoints = { "chat/completions" }, on = { suffix = ":online" } },
    -- Who asks, for its lists of applications.
    referer = { text = { headers = { ["HTTP-Referer"] = "%s" } } },
    title = { text = { headers = { ["X-Title"] = "%s" } } },
  },
  structured_output = "json_schema",
}
