-- SPDX-License-Identifier: MIT
-- Made from Google's page on OpenAI compatibility (ai.google.dev/gemini-api/docs/openai).

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "gemini",
  base_url = "https://generativelanguage.googleapis.com/v1beta/openai",
  api_key_env = "GEMINI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = { "models", "chat/completions", "embeddings", "images/generations" },
  models = {},
  default_model = {},
  -- Not every model can do without: the server says so.
  options = { reasoning = switches.effort "none" },
  structured_output = "json_schema",
}
