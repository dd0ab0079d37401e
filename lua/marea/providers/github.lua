-- SPDX-License-Identifier: MIT
-- Made from GitHub's REST reference for Models (docs.github.com/rest/models/inference).

---@type marea.preset
return {
  name = "github",
  base_url = "https://models.github.ai/inference",
  api_key_env = "GITHUB_TOKEN",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "chat/completions", "embeddings" },
  models = {},
  default_model = {},
  options = { api_version = { text = { headers = { ["X-GitHub-Api-Version"] = "%s" } } } },
}
