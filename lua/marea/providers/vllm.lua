-- SPDX-License-Identifier: MIT
-- Made from vLLM's page on its OpenAI-compatible server (docs.vllm.ai).

---@type marea.preset
return {
  name = "vllm",
  base_url = "http://localhost:8000/v1",
  api_key_env = "VLLM_API_KEY",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content", "reasoning" } },
}
