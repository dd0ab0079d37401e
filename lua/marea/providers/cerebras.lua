-- SPDX-License-Identifier: MIT
-- Made from Cerebras' documentation (inference-docs.cerebras.ai).

---@type marea.preset
return {
  name = "cerebras",
  base_url = "https://api.cerebras.ai/v1",
  api_key_env = "CEREBRAS_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning" } },
}
