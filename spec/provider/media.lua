-- SPDX-License-Identifier: MIT
-- Embeddings and audio, made up from the request alone: vectors from the
-- bytes of a text, sound that is no sound, a transcript that says how many
-- bytes were heard. Each function gives a reply, or nil and what is wrong.

local json = require("provider.json")
local text = require("provider.text")

local o, list, null = json.object, json.list, json.null

local media = {}

local MAX_AUDIO = 25 * 1024 * 1024

local function hash(source)
  local sum = 5381
  for i = 1, #source do sum = (sum * 33 + source:byte(i)) % 4294967296 end
  return sum
end

-- Multiples of 1/1024: the same number in JSON and as a float32.
local function vector(source, size)
  local seed, values = hash(source), {}
  for i = 1, size do
    seed = (seed * 1103515245 + 12345) % 2147483648
    values[i] = (math.floor(seed / 65536) % 2049 - 1024) / 1024
  end
  return values
end

local DIGITS =
  "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(value)
  return DIGITS:sub(value + 1, value + 1)
end

local function base64(bytes)
  local encoded = bytes:gsub("..?.?", function(group)
    local a, b, c = group:byte(1, 3)
    local sum = a * 65536 + (b or 0) * 256 + (c or 0)
    return digit(math.floor(sum / 262144)) .. digit(math.floor(sum / 4096) % 64)
      .. (b and digit(math.floor(sum / 64) % 64) or "=")
      .. (c and digit(sum % 64) or "=")
  end)
  return encoded
end

local function packed(values)
  for i, value in ipairs(values) do values[i] = string.pack("<f", value) end
  return base64(table.concat(values))
end

local function inputs_of(body)
  local input = body.input
  if type(input) == "string" then input = { input } end
  if type(input) ~= "table" or #input == 0 then return nil end
  for _, item in ipairs(input) do
    if type(item) ~= "string" then return nil end
  end
  return input
end

function media.embeddings(body)
  local inputs = inputs_of(body)
  if not inputs then return nil, "`input` must be a text or texts", "input" end
  local size = body.model == "qwen3-embedding" and 4096 or 8
  size = math.floor(tonumber(body.dimensions) or size)
  local data, tokens = {}, 0
  for i, input in ipairs(inputs) do
    local values = vector(input, size)
    local coded = body.encoding_format == "base64" and packed(values)
    data[i] = o("object", "embedding", "index", i - 1,
      "embedding", coded or list(values))
    tokens = tokens + text.count(input)
  end
  return o("object", "list", "model", body.model, "data", list(data),
    "usage", o("prompt_tokens", tokens, "total_tokens", tokens))
end

local TYPES = {
  mp3 = "audio/mpeg", wav = "audio/wav", flac = "audio/flac",
  aac = "audio/aac", pcm = "audio/pcm", opus = "audio/ogg",
}

-- A tenth of a second of silence a word, 8 kHz, one byte a sample.
local function wav(input)
  local samples = string.rep("\128", 800 * text.count(input))
  return "RIFF" .. string.pack("<I4", 36 + #samples) .. "WAVEfmt "
    .. string.pack("<I4I2I2I4I4I2I2", 16, 1, 1, 8000, 8000, 1, 8)
    .. "data" .. string.pack("<I4", #samples) .. samples
end

-- Bytes and their content type. Only wav can be played: the others carry the
-- text itself, and say so.
function media.speech(body)
  for _, name in ipairs({ "input", "voice" }) do
    if type(body[name]) ~= "string" then
      return nil, "`" .. name .. "` must be a string", name
    end
  end
  local format = body.response_format or "mp3"
  if not TYPES[format] then
    return nil, "unknown response_format", "response_format"
  end
  if format == "wav" then return wav(body.input), TYPES.wav end
  return "no sound, a script's text: " .. body.input, TYPES[format]
end

local function parse_part(part)
  local head, content = part:match("^\r\n(.-)\r\n\r\n(.*)\r\n$")
  local name = head and head:match('[; ]name="([^"]*)"')
  return name, content, head and head:match('filename="([^"]*)"')
end

-- The fields of a form, and its file as { name, data }; nil when malformed.
local function parse_form(request)
  local kind = request.header["content-type"] or ""
  local boundary = kind:match('boundary="?([^";]+)')
  if not boundary then return nil end
  local fields, mark, from = {}, "--" .. boundary, nil
  for _ = 1, 1000 do
    local start, stop = request.body:find(mark, from or 1, true)
    if not start then return nil end
    local part = from and request.body:sub(from, start - 1)
    if part then
      local name, content, filename = parse_part(part)
      if not name then return nil end
      fields[name] = filename and { name = filename, data = content }
        or content
    end
    from = stop + 1
    if request.body:sub(from, from + 1) == "--" then return fields end
  end
end

local function words_of(source)
  local words = {}
  for i, word in ipairs(text.words(source)) do
    words[i] = o("word", word, "start", (i - 1) / 4, "end", i / 4,
      "probability", 0.5)
  end
  return list(words), #words / 4
end

local function verbose(fields, heard)
  local words, duration = words_of(heard)
  local by_word = fields["timestamp_granularities[]"] == "word"
  return o("text", heard, "language", fields.language or "en",
    "task", "transcribe", "duration", duration,
    "segments", list({ o("id", 1, "start", 0, "end", duration,
      "text", " " .. heard, "tokens", list({ 50365 }), "avg_logprob", -0.059,
      "compression_ratio", 0.806, "no_speech_prob", 0.044,
      "temperature", 0) }),
    "words", by_word and words or null)
end

function media.transcriptions(request)
  if request.body_bytes > MAX_AUDIO then
    return nil, "Maximum content size limit exceeded", "file", 413
  end
  local fields = parse_form(request)
  if not fields then return nil, "not a multipart form" end
  if type(fields.file) ~= "table" then return nil, "no file", "file" end
  local heard = ("A script heard %d bytes of %s."):format(
    #fields.file.data, fields.file.name)
  if fields.response_format == "verbose_json" then
    return verbose(fields, heard)
  end
  return o("text", heard)
end

return media
