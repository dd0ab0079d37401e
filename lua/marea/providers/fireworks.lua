-- SPDX-License-Identifier: MIT
-- Made from Fireworks AI's documentation (docs.fireworks.ai/tools-sdks/openai-compatibility).

---@type marea.preset
return {
  name = "fireworks",
  base_url = "https://api.fireworks.ai/inference/v1",
  api_key_env = "FIREWORKS_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" } },
}
