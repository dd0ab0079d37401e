-- SPDX-License-Identifier: MIT
-- paced.lua BASE_URL COUNT [name=number...]: COUNT streams open at once, each
-- in a task of its own.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local pieces, bytes = 0, 0

local function read()
  local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
  for text in stream:text() do
    pieces = pieces + 1
    bytes = bytes + #text
  end
end

marea.run(function()
  for _ = 1, tonumber(arg[2]) do
    marea.spawn(read)
  end
end)
common.report { pieces = pieces, text_bytes = bytes }
