-- SPDX-License-Identifier: MIT
-- Made from Groq's documentation (console.groq.com/docs/openai).

---@type marea.preset
return {
  name = "groq",
  base_url = "https://api.groq.com/openai/v1",
  api_key_env = "GROQ_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning" } },
}
