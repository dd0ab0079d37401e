-- SPDX-License-Identifier: MIT
-- Made from Google's page on OpenAI compatibility (ai.google.dev/gemini-api/docs/openai).

---@type marea.preset
return {
  name = "gemini",
  base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
  api_key_env = "GEMINI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
}
