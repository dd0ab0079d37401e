-- SPDX-License-Identifier: MIT
-- Made from NanoGPT's API reference (docs.nano-gpt.com).

---@type marea.preset
return {
  name = "nanogpt",
  base_url = "https://nano-gpt.com/api/v1",
  api_key_env = "NANOGPT_API_KEY",
  auth = {
    header = "Authorization", prefix = "Bearer ",
    alternatives = { { header = "x-api-key", prefix = "" } },
  },
  -- Prices are left out of the list without a key.
  public_endpoints = { "models" },
  endpoints = { "models", "chat/completions", "completions", "embeddings", "embedding-models" },
  models = {},
  default_model = {},
  suffixes = { ":online", ":online/linkup-deep", ":memory", ":reasoning-exclude" },
  option_headers = { memory = { "true", "false" } },
  extra_parameters = {
    ["chat/completions"] = { "reasoning", "youtube_transcripts", "scraping" },
    ["embeddings"] = { "dimensions" },
  },
  -- /v1/models lists all; these list what a plan includes.
  plans = { subscription = "/subscription/v1", paid = "/paid/v1" },
  max_inputs = 2048,
  limits = { requests_per_second = 100 },
  reasoning = {
    tags = "think",
    -- Streams of these models are to be handed on as they come.
    verbatim = { "phala/" },
    exclude = { reasoning = { exclude = true } },
  },
}
