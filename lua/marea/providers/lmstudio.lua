-- SPDX-License-Identifier: MIT
-- Made from LM Studio's page on OpenAI compatibility (lmstudio.ai/docs).

---@type marea.preset
return {
  name = "lmstudio",
  base_url = "http://localhost:1234/v1",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" } },
}
