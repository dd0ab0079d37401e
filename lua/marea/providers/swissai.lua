-- SPDX-License-Identifier: MIT
-- Made from SwissAI's API page (swiss-ai.one). `model` is ignored there: the
-- key decides. Unknown fields are ignored too.

---@type marea.preset
return {
  name = "swissai",
  base_url = "https://api.swiss-ai.one/api/v1/external",
  api_key_env = "SWISSAI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "chat/completions" },
  models = {},
  default_model = {},
  model_optional = true,
  stream_default = true,
  defaults = { ["chat/completions"] = { stream = true, temperature = 0.7, max_tokens = 4096 } },
  ranges = { ["chat/completions"] = { temperature = { 0, 2 }, max_tokens = { 1, 128000 } } },
  structured_output = "tool",
}
