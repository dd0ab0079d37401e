-- SPDX-License-Identifier: MIT
-- Made from Saptiva's page "TEXT API (NEW)" (saptiva.com). Success carries
-- `"error": false`; errors are `{"detail": "..."}`.

---@type marea.preset
return {
  name = "saptiva",
  base_url = "https://api.saptiva.com/v1",
  api_key_env = "SAPTIVA_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "chat/completions" },
  -- Its menu also has cards of LLAMA3.3 70B, Phi 4, Qwen and Gemma 3, without ids.
  models = {
    ["Saptiva Turbo"] = { kinds = { "chat" } },
    ["DeepSeek R1 Lite"] = { kinds = { "chat" } },
  },
  default_model = { chat = "Saptiva Turbo" },
  -- The page lists these as obligatory; the values are its examples.
  required = { ["chat/completions"] = { max_tokens = 256, temperature = 0.7, top_p = 0.95 } },
  defaults = { ["chat/completions"] = { stream = false } },
  ranges = { ["chat/completions"] = { temperature = { 0, 1 }, top_p = { 0, 1 } } },
  extra_parameters = { ["chat/completions"] = { "options" } },
  structured_output = "prompt",
}
