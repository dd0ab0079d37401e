-- SPDX-License-Identifier: MIT
-- Made from the README of llama.cpp's server (github.com/ggml-org/llama.cpp, tools/server).

---@type marea.preset
return {
  name = "llamacpp",
  base_url = "http://localhost:8080/v1",
  api_key_env = "LLAMA_API_KEY",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning_content" } },
}
