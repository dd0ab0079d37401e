-- SPDX-License-Identifier: MIT
-- firehose_chunks.lua BASE_URL [name=number...]: one long stream, read as
-- decoded chunks. `events` counts [DONE] too, as the floor does.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
local chunks, pieces, bytes = 0, 0, 0
for chunk in stream:chunks() do
  local text = chunk.choices[1].delta.content
  chunks = chunks + 1
  if text then
    pieces = pieces + 1
    bytes = bytes + #text
  end
end
common.report { events = chunks + 1, pieces = pieces, text_bytes = bytes }
