-- SPDX-License-Identifier: MIT
-- Made from OpenAI's API reference (platform.openai.com/docs/api-reference).

local switches = require "marea.providers.switches"

---@type marea.preset
return {
  name = "openai",
  base_url = "https://api.openai.com/v1",
  api_key_env = "OPENAI_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = {
    "models", "chat/completions", "completions", "responses", "embeddings", "audio/speech", "audio/transcriptions",
    "audio/translations", "images/generations", "images/edits", "images/variations",
  },
  models = {},
  default_model = {},
  required = { ["audio/speech"] = { "voice" } },
  formats = {
    ["audio/speech"] = { "mp3", "opus", "aac", "flac", "wav", "pcm" },
    ["audio/transcriptions"] = { "json", "text", "srt", "verbose_json", "vtt" },
    ["audio/translations"] = { "json", "text", "srt", "verbose_json", "vtt" },
  },
  max_file_size = 25 * 1024 * 1024,
  max_inputs = 2048,
  -- Its reasoning models refuse max_tokens.
  max_tokens_parameter = "max_completion_tokens",
  -- Summaries of reasoning come as blocks of a response alone.
  options = { reasoning = switches.effort(nil, true) },
  structured_output = "json_schema",
  strict_schemas = true,
}
