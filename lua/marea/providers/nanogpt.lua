-- SPDX-License-Identifier: MIT
-- Made from NanoGPT's API reference (docs.nano-gpt.com).

local chat, texts = { "chat/completions" }, { "chat/completions", "completions" }

---@type marea.preset
return {
  name = "nanogpt",
  base_url = "https://nano-gpt.com/api/v1",
  api_key_env = "NANOGPT_API_KEY",
  auth = {
    header = "Authorization", prefix = "Bearer ",
    alternatives = { { header = "x-api-key", prefix = "" } },
  },
  -- What costs nothing needs no key; without one the list of models leaves
  -- out the prices.
  public_endpoints = { "models", "embedding-models" },
  endpoints = { "models", "chat/completions", "completions", "embeddings", "embedding-models" },
  models = {},
  default_model = {},
  extra_parameters = {
    ["chat/completions"] = { "reasoning", "youtube_transcripts", "scraping" },
    ["embeddings"] = { "dimensions" },
  },
  max_inputs = 2048,
  limits = { requests_per_second = 100, per = "address" },
  reasoning = {
    tags = { "think" },
    -- Streams of these models are to be handed on as they come.
    verbatim = { "phala/" },
  },
  options = {
    -- Also to be had by the suffix :memory.
    memory = {
      endpoints = texts, on = { headers = { memory = "true" } }, off = { headers = { memory = "false" } },
    },
    -- Searches the web, for a fee: true, or the depth, as in "linkup-deep".
    online = { endpoints = chat, on = { suffix = ":online" }, text = { suffix = ":online/%s" } },
    reasoning = {
      endpoints = chat,
      on = { body = { reasoning = { exclude = false } } }, off = { body = { reasoning = { exclude = true } } },
    },
    reasoning_exclude = { endpoints = texts, on = { suffix = ":reasoning-exclude" } },
    -- /v1/models lists all; these list what a plan includes.
    plan = {
      endpoints = { "models" },
      values = { subscription = { base = "subscription/v1" }, paid = { base = "paid/v1" } },
    },
  },
  structured_output = "tool",
}
