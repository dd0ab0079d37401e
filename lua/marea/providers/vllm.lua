-- SPDX-License-Identifier: MIT
-- Made from vLLM's pages on its OpenAI-compatible server and on reasoning outputs
-- (docs.vllm.ai). The field was called reasoning_content once; without a reasoning
-- parser the tags stay in the text. A template that opens the tag itself: add
-- `tags = { "think", opened = true }`.

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "vllm",
  base_url = "http://localhost:8000/v1",
  api_key_env = "VLLM_API_KEY",
  key_optional = true,
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = {
    "models", "chat/completions", "completions", "responses", "embeddings", "audio/transcriptions",
    "audio/translations",
  },
  models = {},
  default_model = {},
  reasoning = { fields = { "reasoning", "reasoning_content" }, tags = { "think" } },
  options = { reasoning = switches.template() },
  structured_output = "json_schema",
}
