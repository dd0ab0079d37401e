-- SPDX-License-Identifier: MIT
-- close.lua BASE_URL TIMES [name=number...]: from `stream:close()`, and from a
-- task's `cancel()`, to the moment the server sees the connection end. Both
-- read the same clock of the machine, the server by itself, this by luv.

local marea = require "marea"
local common = require "spec.bench.marea.common"
local hrtime = require("luv").hrtime

local PAUSE = 0.002    -- the server sees each alone

local client = marea.client { base_url = arg[1], model = "bench" }
local times = tonumber(arg[2])
local began, pieces = {}, 0

local function open()
  return assert(client.chat.completions:create { messages = common.messages, stream = true })
end

local function close_one()
  local stream = open()
  assert(stream:text()())
  pieces = pieces + 1
  began[#began + 1] = hrtime()
  stream:close()
end

-- One piece is read, the rest too; then the task waits for more.
local function cancel_one()
  local reading = false
  local task = marea.spawn(function()
    for _ in open():text() do
      reading = true
    end
  end)
  while not reading do marea.sleep(PAUSE) end
  pieces = pieces + 1
  began[#began + 1] = hrtime()
  task:cancel()
end

local function repeated(f)
  for _ = 1, times do
    f()
    marea.sleep(PAUSE)
  end
end

local function delays(left, first)
  local list = {}
  for i = first, first + times - 1 do
    list[#list + 1] = (left[i] - began[i]) / 1e3
  end
  table.sort(list)
  return list[math.floor(times / 2) + 1], list[math.floor(times * 0.99) + 1]
end

marea.run(function()
  repeated(close_one)
  repeated(cancel_one)
end)
local left = assert(client:request { method = "GET", path = "left" }).left
local seen = { pieces = pieces, left = #left }
assert(#left == #began, "the server saw another number of connections end")
seen.close_p50_us, seen.close_p99_us = delays(left, 1)
seen.cancel_p50_us, seen.cancel_p99_us = delays(left, times + 1)
common.report(seen)
