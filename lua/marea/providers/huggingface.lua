-- SPDX-License-Identifier: MIT
-- Made from Hugging Face's pages on Inference Providers
-- (huggingface.co/docs/inference-providers).

---@type marea.preset
return {
  name = "huggingface",
  base_url = "https://router.huggingface.co/v1",
  api_key_env = "HF_TOKEN",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "responses" },
  models = {},
  default_model = {},
  options = {
    -- Which of the providers answers: its name, or "fastest", "cheapest".
    route = { endpoints = { "chat/completions", "responses" }, text = { suffix = ":%s" } },
  },
}
