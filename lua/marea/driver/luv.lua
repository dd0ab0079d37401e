-- SPDX-License-Identifier: MIT
-- Drives the engine on a loop that belongs to a host, through the public
-- functions of the host's luv (Neovim's vim.uv, or `require "luv"`). Nothing
-- of the host's libuv is touched from C: it may be another libuv than ours.

local core = require "marea.core"
local loop = require "marea.loop"

local BUDGET = 0.004     -- longest stay in one callback, in seconds

local luv = {}

local function events_of(read, write)
  return (read and "r" or "") .. (write and "w" or "")
end

-- Watches one socket, or goes on watching it for other events.
local function watch(self, engine, fd, read, write)
  local poll = self.polls[fd] or assert(self.uv.new_poll(fd))
  local wanted = events_of(read, write)
  self.polls[fd] = poll
  local function on_events(err, seen)
    self.on_socket(engine, fd, seen or "")
    -- libuv stops a watcher that reports an error; the engine may still want it
    if err and self.polls[fd] == poll and not poll:is_active() then
      self.uv.poll_start(poll, wanted, on_events)
    end
  end
  self.uv.poll_start(poll, wanted, on_events)
end

-- Watches sockets as the engine wants them.
local function apply_wants(self, engine)
  local fd, read, write = engine:wanted()
  while fd do
    local poll = self.polls[fd]
    if read or write then watch(self, engine, fd, read, write)
    elseif poll then
      poll:close()
      self.polls[fd] = nil
    end
    fd, read, write = engine:wanted()
  end
end

local function arm(self, engine)
  local due = loop.has_queued() and 0 or engine:due()
  if not due then return self.uv.timer_stop(self.timer) end
  self.uv.timer_start(self.timer, math.ceil(due * 1000), 0, self.on_timer)
end

-- Runs what is ready, in a context where the host allows everything. Whoever
-- called `turn` does so himself, outside of the host's callbacks.
local function settle(self, engine)
  if self.settling or self.turning then return end
  self.settling = true
  self.schedule(function()
    self.settling = false
    loop.dispatch(core.now() + BUDGET)
    self.changed(engine)
    self.raise()
  end)
end

local function on_socket(self, engine, fd, seen)
  engine:socket(fd, seen:find("r") ~= nil, seen:find("w") ~= nil)
  apply_wants(self, engine)
  settle(self, engine)
end

local function release(self)
  for _, poll in pairs(self.polls) do poll:close() end
  self.polls = {}
  self.timer:close()
  self.prepare:close()
  if self.limit then self.limit:close() end
end

-- The collector, too, closes sockets: the loop must not go on watching them.
local function watch_changes(self, engine)
  self.prepare = self.uv.new_prepare()
  self.uv.unref(self.prepare)
  self.uv.prepare_start(self.prepare, function() apply_wants(self, engine) end)
end

-- One turn of a loop that its host isn't running.
local function turn(self, engine, seconds)
  local uv = self.uv
  self.changed(engine)
  if seconds then
    self.limit = self.limit or uv.new_timer()
    uv.timer_start(self.limit, math.ceil(seconds * 1000), 0, function() end)
  end
  self.turning = true
  local alive = uv.run("once")
  self.turning = false
  if self.limit then uv.timer_stop(self.limit) end
  self.changed(engine)
  return alive
end

--- A driver for the loop behind `uv`.
---@param uv table luv
---@param options { schedule: fun(f: function), raise: fun(), can_run: (fun(): boolean)|nil }
function luv.new(uv, options)
  local self = { name = "luv", uv = uv, polls = {}, schedule = options.schedule,
    raise = options.raise, timer = uv.new_timer(), settling = false, turning = false }
  function self.on_socket(...) return on_socket(self, ...) end
  function self.changed(engine)
    apply_wants(self, engine)
    arm(self, engine)
  end
  function self.adopt(engine)
    function self.on_timer()
      engine:expire()
      apply_wants(self, engine)
      settle(self, engine)
    end
    watch_changes(self, engine)
    self.changed(engine)
  end
  function self.release() release(self) end
  if options.can_run then
    function self.turn(engine, seconds)
      if not options.can_run() then
        error("this call would block the loop it runs on: make it inside marea.spawn", 0)
      end
      return turn(self, engine, seconds)
    end
  end
  return self
end

return luv
