-- SPDX-License-Identifier: MIT
-- What must be true after every test: no transfer, timer or watched socket is
-- left in the engine, and every descriptor that has been added is an idle
-- connection, which the server knows of too.

local assert = require("luassert")
local leaks = require("spec.support.leaks")
local loop = require("marea.loop")
local server = require("spec.support.server")
local socket = require("socket")

local sweep = {}

local baseline

local function count()
  return leaks.fds() - server.shared():stats().open_connections
end

---Remembers what is open. The engine has a loop, and so its descriptors,
---from here on.
function sweep.start()
  server.shared()
  loop.engine():turn(0)
  collectgarbage()
  collectgarbage()
  baseline = count()
end

-- Descriptors that no connection of the server accounts for. The server may
-- need a moment to see a connection go.
local function unaccounted()
  local deadline = socket.gettime() + 2
  local extra
  repeat
    extra = count() - baseline
    if extra == 0 then return 0 end
    socket.sleep(0.02)
  until socket.gettime() > deadline
  return extra
end

---Fails if anything is left.
function sweep.check()
  collectgarbage()
  collectgarbage()
  loop.turn(0)
  local stats = loop.engine():stats()
  assert.same({ transfers = 0, timers = 0, objects = 0 },
    { transfers = stats.transfers, timers = stats.timers, objects = stats.objects })
  assert.equal(0, stats.sockets, "watched sockets")
  assert.equal(0, unaccounted(), "file descriptors no connection accounts for")
end

return sweep
