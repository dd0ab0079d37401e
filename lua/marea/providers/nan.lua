-- SPDX-License-Identifier: MIT
-- Made from NaN's API reference ("Referencia de la API", nan.builders).

local switches = require "marea.providers.switches"

local chat_defaults = { temperature = 0.6, top_p = 0.95, stream = false }

---@type marea.preset
return {
  name = "nan",
  base_url = "https://api.nan.builders/v1",
  api_key_env = "NAN_API_KEY",
  auth = { header = "Authorization", prefix = "Bearer " },
  endpoints = {
    "models", "chat/completions", "completions", "embeddings", "audio/speech", "audio/transcriptions", "responses",
  },
  models = {
    ["qwen3.6"] = {
      kinds = { "chat", "completions", "responses" }, tools = true, vision = true, structured = true,
      reasoning = "on by default",
    },
    ["gemma4"] = { kinds = { "chat", "responses" }, vision = true, structured = true, reasoning = "off by default" },
    ["qwen3-embedding"] = { kinds = { "embeddings" }, dimensions = 4096 },
    ["kokoro"] = { kinds = { "speech" }, voices = { "af_heart", "ef_dora", "em_alex" } },
    ["whisper"] = { kinds = { "transcription" } },
  },
  default_model = {
    chat = "qwen3.6", completions = "qwen3.6", responses = "qwen3.6",
    embeddings = "qwen3-embedding", speech = "kokoro", transcription = "whisper",
  },
  -- A voice must be named; this is the one of the page's own example.
  required = { ["audio/speech"] = { voice = "ef_dora" } },
  defaults = {
    ["chat/completions"] = chat_defaults,
    ["completions"] = chat_defaults,
    ["responses"] = { max_output_tokens = 65536, temperature = 0.6, top_p = 0.95 },
    ["embeddings"] = { encoding_format = "float" },
    ["audio/speech"] = { response_format = "mp3", speed = 1.0 },
    ["audio/transcriptions"] = { response_format = "json", timestamp_granularities = { "segment" } },
  },
  values = {
    ["embeddings"] = { encoding_format = { "float", "base64" } },
    ["audio/transcriptions"] = { timestamp_granularities = { "word", "segment" } },
  },
  formats = {
    ["audio/speech"] = { "mp3", "wav", "flac", "aac", "pcm", "opus" },
    ["audio/transcriptions"] = { "json", "verbose_json" },
  },
  extra_parameters = { ["chat/completions"] = { "chat_template_kwargs" } },
  limits = { requests_per_minute = 100, concurrent = 5, per = "key" },
  max_file_size = 25 * 1024 * 1024,
  -- Longer audio may end in 524: to be parted before. Ogg with Opus and MP3 are
  -- recommended.
  max_audio_seconds = 120,
  responses_stream = "single",
  reasoning = { fields = { "reasoning_content" } },
  options = { reasoning = switches.template() },
  structured_output = "json_schema",
}
