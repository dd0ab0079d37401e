-- SPDX-License-Identifier: MIT
-- Made from Hugging Face's page on Inference Providers (huggingface.co/docs/inference-providers).

---@type marea.preset
return {
  name = "huggingface",
  base_url = "https://router.huggingface.co/v1",
  api_key_env = "HF_TOKEN",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
}
