-- SPDX-License-Identifier: MIT
-- What tasks coordinate with: semaphores and queues. Both are fair: who came
-- first is served first, and one that is cancelled gives its place back.

local check = require "marea.check"
local loop = require "marea.loop"

local sync = {}

-- A line of people waiting: `serve` wakes the first and hands it a value. Of those
-- who can't yield only the last can go on, since the others lie beneath it: it is
-- served before them all.
local Line = {}
Line.__index = Line

function sync.line()
  return setmetatable({ first = 1, last = 0, n = 0, blocking = 0 }, Line)
end

--- Takes a place at the end, after taking those away from there that are done with.
function Line:join(value)
  local latest = self[self.last]
  while latest and (latest.served or latest.gone) do
    self[self.last], self.last = nil, self.last - 1
    latest = self[self.last]
  end
  local place = { waiter = loop.waiter(), value = value }
  self.last = self.last + 1
  self[self.last] = place
  self.n = self.n + 1
  if not place.waiter.co then self.blocking = self.blocking + 1 end
  return place
end

local function count_out(self, place)
  self.n = self.n - 1
  if not place.waiter.co then self.blocking = self.blocking - 1 end
end

--- Gives a place up, if it has not been served yet.
function Line:leave(place)
  if place.served or place.gone then return false end
  place.gone = true
  count_out(self, place)
  return true
end

--- Waits to be served. Returns the place, whose `value` was handed over, and
--- the error if the task was cancelled: before it was served, or after
--- (`place.served`), when the value must go to somebody else.
function Line:wait(value)
  local place = self:join(value)
  local cancelled = loop.suspend(place.waiter)
  if cancelled then self:leave(place) end
  return place, cancelled
end

-- A task whose coroutine somebody closed could not leave.
local function is_there(place)
  return not place.gone and not place.served and (place.waiter.status or "running") == "running"
end

local function hand_over(self, place, value)
  if not place.gone then count_out(self, place) end
  place.served = true
  if value ~= nil then place.value = value end
  loop.wake(place.waiter)
  return place
end

local function topmost(self)
  for i = self.last, self.first, -1 do
    local place = self[i]
    if not place.waiter.co and is_there(place) then return place end
  end
end

function Line:serve(value)
  if self.blocking > 0 then return hand_over(self, topmost(self), value) end
  while self.first <= self.last do
    local place = self[self.first]
    self[self.first], self.first = nil, self.first + 1
    if is_there(place) then return hand_over(self, place, value) end
    if not place.gone and not place.served then count_out(self, place) end
  end
end

---- semaphore ----------------------------------------------------------------

---@class marea.Semaphore
local semaphore = {}
local semaphore_mt = { __name = "marea.semaphore", __index = semaphore }

--- n places; each `acquire` takes one and each `release` gives one back.
---@param n integer
---@return marea.Semaphore
function sync.semaphore(n)
  check.value(1, "marea.semaphore", "a whole number of at least 1", n)
  return setmetatable({ n = n, free = n, line = sync.line() }, semaphore_mt)
end

--- Takes a place, waiting for one if need be.
function semaphore:acquire()
  if self.free > 0 then
    self.free = self.free - 1
    return
  end
  local place, cancelled = self.line:wait()
  if not cancelled then return end
  if place.served then self:release() end
  error(cancelled, 0)
end

--- Gives a place back. The one who waits longest gets it.
function semaphore:release()
  if self.line:serve() then return end
  if self.free == self.n then error("semaphore:release: no place is taken", 2) end
  self.free = self.free + 1
end

--- How many wait.
---@return integer
function semaphore:waiting()
  return self.line.n
end

local function give_back(self, ok, ...)
  self:release()
  if not ok then error((...), 0) end
  return ...
end

--- Calls f(...) while holding a place, and gives it back whatever happens.
---@param f function
function semaphore:with(f, ...)
  if type(f) ~= "function" then
    error("semaphore:with expects a function, got " .. type(f), 2)
  end
  self:acquire()
  return give_back(self, pcall(f, ...))
end

---- queue --------------------------------------------------------------------

---@class marea.Queue
local queue = {}
local queue_mt = { __name = "marea.queue", __index = queue }

--- A queue of at most n values (nil: no limit).
---@param n integer|nil
---@return marea.Queue
function sync.queue(n)
  if n ~= nil then check.value(1, "marea.queue", "a whole number of at least 1", n) end
  return setmetatable({
    max = n or math.huge, first = 1, last = 0, closed = false,
    getters = sync.line(),    -- who waits for a value
    putters = sync.line(),    -- who waits for room, with their values
  }, queue_mt)
end

--- How many values it holds.
---@return integer
function queue:len()
  return self.last - self.first + 1
end

local function add(self, value)
  self.last = self.last + 1
  self[self.last] = value
end

--- Adds a value, waiting for room. Raises if the queue is closed.
---@param value any not nil
function queue:put(value)
  if value == nil then error("queue:put: nil can't be put in a queue", 2) end
  if self.closed then error("queue:put: the queue is closed", 2) end
  if self.getters:serve(value) then return end
  if self:len() < self.max then return add(self, value) end
  local place, cancelled = self.putters:wait(value)
  if cancelled then error(cancelled, 0) end
  if place.refused then error("queue:put: the queue is closed", 2) end
end

local function take(self)
  local value = self[self.first]
  self[self.first], self.first = nil, self.first + 1
  local place = self.putters:serve()
  if place then add(self, place.value) end
  return value
end

--- Takes the oldest value, waiting for one. nil once the queue is closed and
--- empty.
function queue:get()
  if self:len() > 0 then return take(self) end
  if self.closed then return nil end
  local place, cancelled = self.getters:wait()
  if not cancelled then return place.value end
  if place.served and place.value ~= nil
    and not self.getters:serve(place.value) then   -- back to the front
    self.first = self.first - 1
    self[self.first] = place.value
  end
  error(cancelled, 0)
end

--- No more values: those who wait for one get nil, those who wait for room an
--- error.
function queue:close()
  self.closed = true
  while self.getters:serve() do end
  local place = self.putters:serve()
  while place do
    place.refused = true
    place = self.putters:serve()
  end
end

return sync
