-- SPDX-License-Identifier: MIT
-- One accepted TCP connection, driven by one coroutine. Reading, writing and
-- sleeping look blocking to that coroutine, so scripts and streams read as the
-- sequence of things that happen on the wire. The socket is always being read
-- (unless a script stops it), because only then is the moment at which the
-- client went away seen at once.

local uv = require("luv")

local MAX_EVENTS = 100000

local conn = { open = 0, accepted = 0 }
local methods = {}
local mt = { __name = "provider.conn", __index = methods }

function conn.now()
  return uv.hrtime() / 1e9
end

local function resume(self, ...)
  local ok, err = coroutine.resume(self.co, ...)
  if not ok then
    io.stderr:write("provider: ", debug.traceback(self.co, err), "\n")
  end
  if coroutine.status(self.co) == "dead" then self:close() end
end

local function wait(self, reason)
  self.waiting = reason
  return coroutine.yield()
end

local function wake(self, reason)
  if self.waiting ~= reason then return end
  self.waiting = nil
  resume(self)
end

-- A pending write is left alone: its own callback says how it ended.
local function gone(self, kind)
  self.gone = kind
  self:event(kind, self.received)
  if self.waiting and self.waiting ~= "write" then wake(self, self.waiting) end
end

local function on_read(self, err, data)
  if self.closed then return end
  if err then return gone(self, "reset") end
  if not data then return gone(self, "eof") end
  self.received = self.received + #data
  self.inbox[#self.inbox + 1] = data
  wake(self, "read")
end

-- Adds to the log of the script this connection runs, if it runs one.
function methods:event(kind, bytes, name)
  local log = self.log
  if not log or #log >= MAX_EVENTS then return end
  log[#log + 1] = {
    type = kind, connection = self.number, at = conn.now(), bytes = bytes,
    name = name,
  }
end

-- From here on events go to `log`; it also learns when we were accepted.
function methods:log_to(log)
  self.log = log
  if self.logged[log] then return end
  self.logged[log] = true
  log[#log + 1] = {
    type = "accept", connection = self.number, at = self.accepted_at,
  }
end

-- Appends what has arrived to `self.input`; false once nothing more will come.
function methods:fill()
  while #self.inbox == 0 do
    if self.gone or self.closed then return false end
    wait(self, "read")
  end
  local data = table.concat(self.inbox)
  self.inbox = {}
  self.input = self.input == "" and data or self.input .. data
  return true
end

-- Hands the next `count` bytes to `sink`, in pieces; false when cut short.
function methods:take(count, sink)
  while count > 0 do
    if self.input == "" and not self:fill() then return false end
    local piece = self.input:sub(1, count)
    self.input = self.input:sub(#piece + 1)
    count = count - #piece
    sink(piece)
  end
  return true
end

local function lost(self)
  if self.gone ~= "reset" and not self.closed then
    self.gone = "reset"
    self:event("reset", self.received)
  end
  return false
end

local function write_slowly(self, data)
  local failed
  self.handle:write(data, function(err)
    failed = err
    wake(self, "write")
  end)
  wait(self, "write")
  return not failed
end

-- Returns once the kernel has taken every byte; false when the client is gone.
function methods:write(data)
  if self.closed or self.gone == "reset" then return false end
  if data == "" then return true end
  local sent, _, name = self.handle:try_write(data)
  if not sent and name ~= "EAGAIN" then return lost(self) end
  if sent ~= #data and not write_slowly(self, data:sub((sent or 0) + 1)) then
    return lost(self)
  end
  self:event("write", #data)
  return true
end

-- False when the client went away meanwhile. No time at all is a round of the
-- loop: timers of no time, started again and again, would keep libuv from its
-- sockets for as long as they are.
function methods:sleep(seconds)
  if self.gone or self.closed then return false end
  local ms = math.floor(seconds * 1000 + 0.5)
  local name = ms > 0 and "timer" or "round"
  self[name] = self[name] or (ms > 0 and uv.new_timer() or uv.new_idle())
  local function done() wake(self, name) end
  if ms > 0 then self.timer:start(ms, 0, done) else self.round:start(done) end
  wait(self, name)
  if self[name] then self[name]:stop() end
  return not self.gone
end

-- True when the client closed within `seconds` (no bound when nil).
function methods:wait_close(seconds)
  if seconds then
    self:sleep(seconds)
  elseif not self.gone then
    wait(self, "close")
  end
  return self.gone ~= nil
end

-- Waits until `conn:signal` is called, or the client is gone.
function methods:wait_signal()
  if not self.gone then wait(self, "signal") end
  return not self.gone
end

function methods:signal()
  wake(self, "signal")
end

function methods:half_close()
  self.half_closed = true
  if self.gone == "reset" or self.closed then return end
  local started = self.handle:shutdown(function() wake(self, "shutdown") end)
  if started then wait(self, "shutdown") end
end

-- FIN, so that what was written arrives even if the client is still sending.
function methods:finish()
  if self.closed then return end
  if not self.half_closed then self:half_close() end
  self:close()
end

local function drop(self)
  self.closed = true
  if not self.control then conn.open = conn.open - 1 end
  for _, name in ipairs { "timer", "round" } do
    if self[name] then self[name]:close() end
    self[name] = nil
  end
end

function methods:close()
  if self.closed then return end
  drop(self)
  self.handle:close()
  self:event("close", self.received)
end

function methods:reset()
  if self.closed then return end
  drop(self)
  self.handle:close_reset()
  self:event("close", self.received, "reset")
end

function methods:stop_reading()
  self.handle:read_stop()
end

function methods:start_reading()
  self.handle:read_start(function(err, data) on_read(self, err, data) end)
end

-- The control channel is not part of what the specs count.
function methods:hide()
  if self.control then return end
  self.control = true
  conn.open, conn.accepted = conn.open - 1, conn.accepted - 1
end

-- Takes the connection waiting at `listener` and runs `body(conn)` on it.
function conn.accept(listener, port, body)
  local handle = uv.new_tcp()
  if not listener:accept(handle) then return handle:close() end
  handle:nodelay(true)
  conn.open, conn.accepted = conn.open + 1, conn.accepted + 1
  conn.total = (conn.total or 0) + 1
  local self = setmetatable({
    handle = handle, port = port, number = conn.total, inbox = {}, input = "",
    received = 0, accepted_at = conn.now(), logged = {},
  }, mt)
  self:start_reading()
  self.co = coroutine.create(body)
  resume(self, self)
end

return conn
