-- SPDX-License-Identifier: MIT
-- Audio made up from the request alone: sound that is no sound (only wav can
-- be played: the others begin as their format does and carry the text), and a
-- transcript that says how many bytes were heard.

local json = require("provider.json")
local text = require("provider.text")

local o, list, null = json.object, json.list, json.null

local audio = {}

audio.types = {
  mp3 = "audio/mpeg", wav = "audio/wav", flac = "audio/flac",
  aac = "audio/aac", pcm = "audio/pcm", opus = "audio/ogg",
}

audio.formats = { "mp3", "wav", "flac", "aac", "pcm", "opus" }

local beginnings = { mp3 = "ID3", flac = "fLaC", aac = "\255\241",
  pcm = "", opus = "OggS" }

-- A tenth of a second of silence a word, 8 kHz, one byte a sample.
local function wav(input)
  local samples = string.rep("\128", 800 * text.count(input))
  return "RIFF" .. string.pack("<I4", 36 + #samples) .. "WAVEfmt "
    .. string.pack("<I4I2I2I4I4I2I2", 16, 1, 1, 8000, 8000, 1, 8)
    .. "data" .. string.pack("<I4", #samples) .. samples
end

-- Bytes and their content type.
function audio.speech(body)
  local format = body.response_format or "mp3"
  if format == "wav" then return wav(body.input), audio.types.wav end
  return beginnings[format] .. "no sound, a script's text: " .. body.input,
    audio.types[format]
end

-- Seconds of a wav file, as its head says; nil for what is none.
function audio.seconds(data)
  local rate = data:find("^RIFF....WAVEfmt ") and data:sub(29, 32)
  if not rate or #rate < 4 then return nil end
  rate = string.unpack("<I4", rate)
  return rate > 0 and (#data - 44) / rate or nil
end

local function words_of(source)
  local words = {}
  for i, word in ipairs(text.words(source)) do
    words[i] = o("word", word, "start", (i - 1) / 4, "end", i / 4,
      "probability", 0.5)
  end
  return list(words), #words / 4
end

-- What is heard: text, language, duration, and what a segment shows.
local function hear(fields, canned)
  local heard = canned and canned[fields.file.filename]
  if heard then return heard end
  local said = ("A script heard %d bytes of %s."):format(
    #fields.file.data, fields.file.filename)
  local _, duration = words_of(said)
  return { text = said, language = "en", duration = duration,
    stop = duration, tokens = { 50365 } }
end

local function segment(heard)
  return o("id", 1, "start", 0, "end", heard.stop, "text", " " .. heard.text,
    "tokens", list(heard.tokens), "avg_logprob", -0.059,
    "compression_ratio", 0.806, "no_speech_prob", 0.044, "temperature", 0)
end

local function verbose(fields, heard, granularities, task)
  local by_word = false
  for _, each in ipairs(granularities or {}) do
    by_word = by_word or each == "word"
  end
  return o("text", heard.text, "language", fields.language or heard.language,
    "task", task, "duration", heard.duration,
    "segments", list({ segment(heard) }),
    "words", by_word and words_of(heard.text) or null)
end

local function stamp(seconds, point)
  local ms = math.floor(seconds * 1000 + 0.5)
  return ("00:00:%02d%s%03d"):format(ms // 1000, point, ms % 1000)
end

local plain = {}

function plain.text(heard) return heard.text .. "\n" end

function plain.srt(heard)
  return ("1\n%s --> %s\n%s\n\n"):format(stamp(0, ","), stamp(heard.stop, ","),
    heard.text)
end

function plain.vtt(heard)
  return ("WEBVTT\n\n%s --> %s\n%s\n\n"):format(stamp(0, "."),
    stamp(heard.stop, "."), heard.text)
end

-- A form that was found good, as JSON, or as text where `texts` allows it.
-- `task` is "transcribe" or "translate".
function audio.transcript(parts, task, texts, canned)
  local fields = parts.fields
  local format = fields.response_format or "json"
  local heard = hear(fields, canned)
  if format == "verbose_json" then
    return verbose(fields, heard, parts.lists["timestamp_granularities[]"], task)
  end
  if format == "json" or not plain[format] then return o("text", heard.text) end
  if texts then return nil, plain[format](heard) end
  return o("text", plain[format](heard))
end

-- A transcript in pieces: the JSON of each event.
function audio.events(parts)
  local heard, events = hear(parts.fields), {}
  for i, word in ipairs(text.words(heard.text)) do
    events[i] = json.encode(o("type", "transcript.text.delta", "delta", word))
  end
  events[#events + 1] = json.encode(o("type", "transcript.text.done",
    "text", heard.text))
  return events
end

return audio
