-- SPDX-License-Identifier: MIT
-- Made from GitHub's REST reference for Models (docs.github.com/rest/models/inference).

---@type marea.preset
return {
  name = "github",
  base_url = "https://models.github.ai/inference",
  api_key_env = "GITHUB_TOKEN",
  auth = { header = "Authorization", prefix = "Bearer " },
  models = {},
  default_model = {},
  endpoints = { "chat/completions", "embeddings" },
}
