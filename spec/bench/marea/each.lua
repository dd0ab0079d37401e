-- SPDX-License-Identifier: MIT
-- each.lua BASE_URL (PATH TIMES SKIP)... [name=number...]: TIMES streams of each
-- path, read as text, and the CPU each path took, in microseconds, counted in
-- each stream once SKIP pieces were read. What a process costs by itself, and
-- a long stream's first part, can so be left out.

local marea = require "marea"
local common = require "spec.bench.marea.common"
local clock = os.clock

local seen = { pieces = 0, text_bytes = 0 }

local function read(client, skip)
  local pieces, bytes, began = 0, 0, clock()
  local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
  for text in stream:text() do
    pieces = pieces + 1
    bytes = bytes + #text
    if pieces == skip then began = clock() end
  end
  local took = clock() - began
  seen.pieces = seen.pieces + pieces
  seen.text_bytes = seen.text_bytes + bytes
  return took * 1e6
end

local function read_all(path, times, skip)
  local client = marea.client { base_url = arg[1] .. path, model = "bench" }
  local took = 0
  for _ = 1, times do
    took = took + read(client, skip)
  end
  return took
end

for i = 2, #arg, 3 do
  if arg[i]:find("=", 1, true) then break end
  seen["cpu_" .. math.floor((i + 1) / 3)] = read_all(arg[i], tonumber(arg[i + 1]), tonumber(arg[i + 2]))
end
common.report(seen)
