-- SPDX-License-Identifier: MIT
-- slow.lua BASE_URL SECONDS [name=number...]: the server sends as fast as it is
-- let; one piece a second is read. Reports how far the process grew, at its
-- largest, over what it was when the first piece was there.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local KIB_A_PAGE = 4

local function resident_kib()
  local file = assert(io.open("/proc/self/statm"))
  local pages = file:read("*a"):match("^%d+ (%d+)")
  file:close()
  return tonumber(pages) * KIB_A_PAGE
end

local client = marea.client { base_url = arg[1], model = "bench" }
local pieces, grown = 0, 0

marea.run(function()
  local stream = assert(client.chat.completions:create { messages = common.messages, stream = true })
  local next_piece = stream:text()
  assert(next_piece())
  local start = resident_kib()
  for _ = 1, tonumber(arg[2]) do
    marea.sleep(1)
    pieces = pieces + #{ next_piece() }
    grown = math.max(grown, resident_kib() - start)
  end
  stream:close()
end)
common.report { pieces = pieces, grown_kib = grown }
