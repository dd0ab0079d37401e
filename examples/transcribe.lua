-- SPDX-License-Identifier: MIT
-- Sound to text, with times: lua examples/transcribe.lua FILE [LANGUAGE]

local common = require "examples.common"

local path = arg[1]
if not path then
  io.stderr:write("usage: lua examples/transcribe.lua FILE [LANGUAGE]\n")
  os.exit(2)
end

local client = common.client()
local transcript = common.must(client.audio.transcriptions:create {
  file = path,                                      -- read while it is sent, whatever its size
  language = arg[2],
  response_format = "verbose_json",
  timestamp_granularities = { "segment" },
})

local printable = common.printable()
for _, segment in ipairs(transcript.segments or {}) do
  print(("%7.2f - %7.2f %s"):format(segment.start, segment["end"], printable(segment.text)))
end
print(printable(transcript.output_text))
