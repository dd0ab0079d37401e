-- SPDX-License-Identifier: MIT
-- The endpoints that take or give sound and images, as data (see endpoints.lua).

local check = require "marea.check"
local json = require "marea.json"

local media = {}

-- A field that takes files, and must be given.
local function need_file(name)
  return function(level, who, params)
    local value = params[name]
    if value == nil or value == json.null or value == "" then
      check.fail(level + 1, who .. ", " .. name, "a path, or a table with path or data", value)
    end
  end
end

media.speech = {
  who = "client.audio.speech:create", method = "POST", path = "audio/speech", kind = "speech",
  bytes = "audio", needs = "input", expected = "a non-empty string",
}

-- Audio is what a provider's bound on files is for.
local audio_form = { paths = { file = true }, bounded = true }

media.transcriptions = {
  who = "client.audio.transcriptions:create", method = "POST", path = "audio/transcriptions",
  kind = "transcription", streams = true, text = true, form = audio_form, check = need_file "file",
}

media.translations = {
  who = "client.audio.translations:create", method = "POST", path = "audio/translations",
  kind = "translation", text = true, form = audio_form, check = need_file "file",
}

media.images = {
  who = "client.images:generate", method = "POST", path = "images/generations", kind = "image",
  any_model = true, streams = true, needs = "prompt", expected = "a non-empty string",
}

local image_form = { paths = { image = true, mask = true } }

media.image_edits = {
  who = "client.images:edit", method = "POST", path = "images/edits", kind = "image",
  any_model = true, streams = true, form = image_form, check = need_file "image",
}

media.image_variations = {
  who = "client.images:create_variation", method = "POST", path = "images/variations", kind = "image",
  any_model = true, form = image_form, check = need_file "image",
}

return media
