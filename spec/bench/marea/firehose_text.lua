-- SPDX-License-Identifier: MIT
-- firehose_text.lua BASE_URL [name=number...]: one long stream, read as text.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
local pieces, bytes = 0, 0
for text in stream:text() do
  pieces = pieces + 1
  bytes = bytes + #text
end
common.report { pieces = pieces, text_bytes = bytes }
