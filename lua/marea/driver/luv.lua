-- SPDX-License-Identifier: MIT
-- Drives the engine on a loop that belongs to a host, through the public
-- functions of the host's luv (Neovim's vim.uv, or `require "luv"`). Our own
-- loop goes on watching the sockets, and the host watches that loop's one
-- descriptor, as libuv's manual says of embedding. So nothing of the host's
-- libuv is touched from C (it may be another libuv than ours), and luv, which
-- prints the errors of what it watches, sees none.

local core = require "marea.core"
local loop = require "marea.loop"

-- The longest the host's loop is held at once, in seconds: by what has arrived,
-- and then by the tasks that have waited for it. Together with the piece that
-- is under way when time is up, well under 5 ms.
local RECEIVE, RUN = 0.001, 0.0025

local luv = {}

-- "At once" is an idle handle: a timer of 0 ms that sets itself again keeps
-- older libuvs from ever leaving their timers.
local function arm_clock(self, due)
  local uv = self.uv
  if due == 0 then uv.idle_start(self.idle, self.on_event)
  else uv.idle_stop(self.idle) end
  if due and due > 0 then uv.timer_start(self.timer, math.ceil(due * 1000), 0, self.on_event)
  else uv.timer_stop(self.timer) end
end

-- Keeps the host's loop awake, and alive, exactly while there is something to
-- wait for.
local function arm(self, engine)
  local due = loop.has_queued() and 0 or engine:due()
  if due == 0 and self.settling then due = nil end   -- the host is told already
  arm_clock(self, due)
  local watching = engine:watching()
  if watching == self.watching then return end
  self.watching = watching
  if watching then self.uv.poll_start(self.poll, "r", self.on_event)
  else self.uv.poll_stop(self.poll) end
end

-- Runs what is ready, in a context where the host allows everything. Whoever
-- called `turn` does so himself, outside of the host's callbacks.
local function settle(self, engine)
  if self.settling or self.turning then return end
  self.settling = true
  self.schedule(function()
    self.settling = false
    local before = loop.limit(core.now() + RUN)
    loop.dispatch()
    loop.limit(before)
    arm(self, engine)
    self.raise()
  end)
end

local function adopt(self, engine)
  local uv = self.uv
  function self.on_event()
    local before = loop.limit(core.now() + RECEIVE)
    engine:turn(0)
    loop.limit(before)
    settle(self, engine)
    arm(self, engine)
  end
  self.poll, self.timer = assert(uv.new_poll(engine:fd())), uv.new_timer()
  -- The collector, too, ends transfers, and tells nobody.
  self.idle, self.prepare = uv.new_idle(), uv.new_prepare()
  uv.unref(self.prepare)
  uv.prepare_start(self.prepare, function() arm(self, engine) end)
  arm(self, engine)
end

local function release(self)
  for _, handle in ipairs { self.poll, self.timer, self.idle, self.prepare, self.limit } do handle:close() end
end

-- One turn of a loop that its host isn't running.
local function turn(self, engine, seconds)
  local uv = self.uv
  arm(self, engine)
  if seconds then
    self.limit = self.limit or uv.new_timer()
    uv.timer_start(self.limit, math.ceil(seconds * 1000), 0, function() end)
  end
  local alive = uv.loop_alive()
  self.turning = true
  uv.run("once")
  self.turning = false
  if self.limit then uv.timer_stop(self.limit) end
  return alive
end

--- A driver for the loop behind `uv`.
---@param uv table luv
---@param options { schedule: fun(f: function), raise: fun(), can_run: (fun(): boolean)|nil }
function luv.new(uv, options)
  local self = { name = "luv", uv = uv, schedule = options.schedule, raise = options.raise,
    watching = false, settling = false, turning = false }
  function self.adopt(engine) adopt(self, engine) end
  function self.release() release(self) end
  function self.changed(engine) arm(self, engine) end
  function self.poke(engine) engine:turn(0) end
  if not options.can_run then return self end
  function self.turn(engine, seconds)
    if not options.can_run() then
      error("this call would block the loop it runs on: make it inside marea.spawn", 0)
    end
    return turn(self, engine, seconds)
  end
  return self
end

return luv
