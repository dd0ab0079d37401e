-- SPDX-License-Identifier: MIT
-- first.lua BASE_URL TIMES [name=number...]: from the call to the first piece
-- of text, one stream after another on a kept connection. Lua has no clock
-- fine enough of its own: luv lends its.

local marea = require "marea"
local common = require "spec.bench.marea.common"
local hrtime = require("luv").hrtime

local client = marea.client { base_url = arg[1], model = "bench" }
local pieces, bytes, times = 0, 0, {}

for i = 1, tonumber(arg[2]) do
  local sent = hrtime()
  local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
  for text in stream:text() do
    times[i] = times[i] or (hrtime() - sent) / 1e3
    pieces = pieces + 1
    bytes = bytes + #text
  end
end

table.sort(times)
common.report {
  pieces = pieces,
  text_bytes = bytes,
  median_us = times[math.floor(#times / 2) + 1],
}
