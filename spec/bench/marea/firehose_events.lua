-- SPDX-License-Identifier: MIT
-- firehose_events.lua BASE_URL [name=number...]: one long stream, read as events.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
local pieces, bytes, reason = 0, 0, nil
for event in stream:events() do
  if event.type == "text" then
    pieces = pieces + 1
    bytes = bytes + #event.text
  elseif event.type == "finish" then
    reason = event.reason
  end
end
assert(reason == "stop", "the stream ended without its finish event")
common.report { pieces = pieces, text_bytes = bytes }
