-- SPDX-License-Identifier: MIT
-- Keeps calls within a provider's limits: so many at once, so many a minute.
-- Who came first goes first. A place is held from the start of a request to
-- the end of its answer, and given back on every way out.

local compat = require "marea.compat"
local core = require "marea.core"
local loop = require "marea.loop"
local sync = compat.lazy "marea.sync"

local MINUTE = 60

local limiter = {}

---@class marea.Limits
---@field requests_per_minute number|nil
---@field concurrent number|nil
---@field running integer how many hold a place
---@field waiting integer how many wait for one
local methods = {}
local metatable = { __name = "marea.limits" }

function metatable.__index(self, key)
  if key == "waiting" then return rawget(self, "line").n end
  return methods[key]
end

function metatable.__tostring(self)
  return ("marea.limits (%d running, %d waiting)"):format(self.running, self.waiting)
end

--- limits: { requests_per_minute =, concurrent = }, both optional.
---@return marea.Limits
function limiter.new(limits)
  limits = limits or {}
  return setmetatable({
    requests_per_minute = limits.requests_per_minute,
    concurrent = limits.concurrent,
    running = 0,
    starts = {},         -- moments of the last starts, a ring
    nstarts = 0,
    line = next(limits) and sync.line() or { n = 0 },
    timer = nil,         -- rings when the minute's count allows the next
  }, metatable)
end

-- When the next may start, as far as the count in a minute goes.
local function next_start(self)
  local rpm = self.requests_per_minute
  if not rpm or self.nstarts < rpm then return 0 end
  return self.starts[self.nstarts % rpm] + MINUTE
end

local function has_place(self)
  return not self.concurrent or self.running < self.concurrent
end

local function note_start(self, now)
  self.running = self.running + 1
  local rpm = self.requests_per_minute
  if not rpm then return end
  self.starts[self.nstarts % rpm] = now
  self.nstarts = self.nstarts + 1
end

local pump

local function stop_timer(self)
  local timer = self.timer
  if not timer then return end
  self.timer = nil
  loop.forget(self.timer_id)
  timer:close()
end

local function ring_at(self, moment, now)
  if self.timer then return end
  local timer, id = loop.engine():timer(moment - now)
  self.timer, self.timer_id = timer, id
  loop.watch(id, function()
    stop_timer(self)
    pump(self)
  end)
end

function pump(self)
  while self.line.n > 0 and has_place(self) do
    local now, moment = core.now(), next_start(self)
    if moment > now then return ring_at(self, moment, now) end
    note_start(self, now)
    self.line:serve()
  end
end

-- Gives a place back exactly once; also if whoever should is collected.
local function place_of(self)
  local held = true
  local function give_back()
    if not held then return end
    held = false
    self.running = self.running - 1
    pump(self)
  end
  local dropped = compat.on_collect(give_back)
  return function()
    if dropped then give_back() end
    dropped = nil
  end
end

local function nothing() end

-- Waits in line until `deadline` (nil: for ever). True if served.
local function wait_in_line(self, deadline)
  local place = self.line:join()
  local timer, id
  if deadline then
    timer, id = loop.engine():timer(deadline - core.now())
    loop.watch(id, function()
      if self.line:leave(place) then loop.wake(place.waiter) end
    end)
  end
  pump(self)
  local cancelled
  if not place.served then cancelled = loop.suspend(place.waiter) end
  if timer then
    loop.forget(id)
    timer:close()
  end
  if cancelled then self.line:leave(place) end
  if self.line.n == 0 then stop_timer(self) end
  return place.served, cancelled
end

--- Waits for a place. Returns a function that gives it back; or nil, and the
--- error if the task was cancelled, nil if the deadline came first.
---@param deadline number|nil on the clock of core.now
function methods:enter(deadline)
  if not self.concurrent and not self.requests_per_minute then return nothing end
  local now = core.now()
  if self.line.n == 0 and has_place(self) and next_start(self) <= now then
    note_start(self, now)
    return place_of(self)
  end
  local served, cancelled = wait_in_line(self, deadline)
  if served and not cancelled then return place_of(self) end
  if served then place_of(self)() end
  return nil, cancelled
end

return limiter
