-- SPDX-License-Identifier: MIT
-- each.lua BASE_URL (PATH TIMES)... [name=number...]: TIMES streams of each path,
-- read as text, and the CPU they took, in microseconds, without what a process
-- costs by itself.

local marea = require "marea"
local common = require "spec.bench.marea.common"
local clock = os.clock

local seen = { pieces = 0, text_bytes = 0 }

local function read(client)
  local pieces, bytes, began = 0, 0, clock()
  local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
  for text in stream:text() do
    pieces = pieces + 1
    bytes = bytes + #text
  end
  local took = clock() - began
  seen.pieces = seen.pieces + pieces
  seen.text_bytes = seen.text_bytes + bytes
  return took * 1e6
end

local function read_all(path, times)
  local client = marea.client { base_url = arg[1] .. path, model = "bench" }
  local took = 0
  for _ = 1, times do
    took = took + read(client)
  end
  return took
end

for i = 2, #arg, 2 do
  if arg[i]:find("=", 1, true) then break end
  seen["cpu_" .. math.floor(i / 2)] = read_all(arg[i], tonumber(arg[i + 1]))
end
common.report(seen)
