-- SPDX-License-Identifier: MIT
-- Text to sound, in a file: lua examples/speech.lua [TEXT [FILE [VOICE]]]

local common = require "examples.common"

local client = common.client()
local path = arg[2] or "speech.mp3"

-- Written as it arrives; where it breaks, no half file is left. Without `to`
-- the sound is in `speech.data`; with `stream = true` instead, what comes back
-- is a stream with `stream:bytes()`.
local speech = common.must(client.audio.speech:create({
  input = arg[1] or "The sea is salty because rivers carry salt into it.",
  voice = arg[3] or os.getenv "MAREA_BASE_URL" and "alloy" or nil,     -- most presets have one of their own
  response_format = path:match "%.(%w+)$",
}, { to = path }))

print(("%s: %d bytes of %s"):format(speech.path, speech.size, speech.content_type))
