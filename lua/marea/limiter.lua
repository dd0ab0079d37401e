-- SPDX-License-Identifier: MIT
-- Keeps calls within a provider's limits: so many at once, so many a minute, so
-- many a second. Who came first goes first. A place is held from the start of a
-- request to the end of its answer, and given back on every way out.
--
-- A request counts at the server when it arrives, which is not when it starts
-- here. So a start is taken to be a little later than it was, or as late as the
-- answer's end if that comes first: by then it has been counted.

local compat = require "marea.compat"
local core = require "marea.core"
local loop = require "marea.loop"
local sync = compat.lazy "marea.sync"
local url = require "marea.url"

local MINUTE, SECOND = 60, 1

local limiter = {}

---@class marea.Limits
---@field requests_per_minute number|nil
---@field requests_per_second number|nil
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

-- At most n starts in so many seconds; `starts` is a ring of the last n. What
-- is on its way arrives within `way` seconds, or is rarely later.
local function add_window(list, n, seconds)
  if n then list[#list + 1] = { n = n, seconds = seconds, starts = {}, way = math.max(0.25, seconds / 50) } end
end

--- limits: { requests_per_minute =, requests_per_second =, concurrent = }, all optional.
---@return marea.Limits
function limiter.new(limits)
  limits = limits or {}
  local windows = {}
  add_window(windows, limits.requests_per_minute, MINUTE)
  add_window(windows, limits.requests_per_second, SECOND)
  local any = windows[1] or limits.concurrent
  return setmetatable({
    requests_per_minute = limits.requests_per_minute,
    requests_per_second = limits.requests_per_second,
    concurrent = limits.concurrent,
    running = 0,
    windows = windows,
    nstarts = 0,
    holders = setmetatable({}, { __mode = "v" }),     -- tasks by the number of their start
    line = any and sync.line() or { n = 0 },
    timer = nil, rings = nil,     -- when the count allows the next
  }, metatable)
end

-- Limits by whose they are, while anybody has them.
local shared = setmetatable({}, { __mode = "v" })

--- The one limiter of those who are counted together.
---@param owner string
---@param limits table
---@return marea.Limits
function limiter.shared(owner, limits)
  local found = shared[owner]
  if not found then
    found = limiter.new(limits)
    shared[owner] = found
  end
  return found
end

-- What a key is known by before it is asked for.
local function owner_of_key(source, preset)
  if source == nil then source = preset.api_key_env and os.getenv(preset.api_key_env) end
  return tostring(source)
end

--- The limits of a preset, for those whom it counts together: who has the same
--- key, or everybody here.
---@param s table settings of a client
---@param source string|function|nil the key, where it is not the client's
---@return marea.Limits
function limiter.of_preset(s, source)
  local limits = s.preset.limits or {}
  if not limits.per then return limiter.new(limits) end
  local owner = { limits.per, url.origin(s.base_url), s.preset.name or "",
    limits.requests_per_minute or "", limits.requests_per_second or "", limits.concurrent or "" }
  if limits.per == "key" then owner[#owner + 1] = owner_of_key(source or s.api_key, s.preset) end
  return limiter.shared(table.concat(owner, "\0"), limits)
end

-- When the next may start, as far as the counts go.
local function next_start(self)
  local moment = 0
  for _, window in ipairs(self.windows) do
    if self.nstarts >= window.n then
      moment = math.max(moment, window.starts[self.nstarts % window.n] + window.seconds)
    end
  end
  return moment
end

local function has_place(self)
  return not self.concurrent or self.running < self.concurrent
end

-- Returns the number of the start.
local function note_start(self, now, task)
  local number = self.nstarts
  self.running, self.nstarts = self.running + 1, number + 1
  self.holders[number] = task
  for _, window in ipairs(self.windows) do
    window.starts[number % window.n] = now + window.way
  end
  return number
end

-- `moment`: when it had been counted at the latest; 0: it never began.
local function note_end(self, number, moment)
  self.running, self.holders[number] = self.running - 1, nil
  for _, window in ipairs(self.windows) do
    local at = number % window.n
    if self.nstarts - number <= window.n and moment < window.starts[at] then window.starts[at] = moment end
  end
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
  if self.timer and self.rings <= moment then return end
  stop_timer(self)
  local timer, id = loop.engine():timer(moment - now)
  self.timer, self.timer_id, self.rings = timer, id, moment
  loop.watch(id, function()
    stop_timer(self)
    pump(self)
  end)
end

function pump(self)
  while self.line.n > 0 and has_place(self) do
    local now, moment = core.now(), next_start(self)
    if moment > now then return ring_at(self, moment, now) end
    local number = note_start(self, now)
    local place = self.line:serve(number)
    if place then self.holders[number] = place.task else note_end(self, number, 0) end
  end
end

-- Gives a place back exactly once; also if whoever should is collected.
local function place_of(self, number)
  local held = true
  local function give_back()
    if not held then return end
    held = false
    note_end(self, number, core.now())
    pump(self)
  end
  local dropped = compat.on_collect(give_back)
  return function()
    if dropped then give_back() end
    dropped = nil
  end
end

local function nothing() end

local HOPELESS = "the limits let no call begin before others end, and those can't go on before this one ends:"
  .. " call in the task itself, not in a coroutine of its own"

local PATIENCE = 5      -- seconds: somebody else might give a place back for its holder

-- Who waits without yielding waits on top of others: do those hold all places?
local function is_held_beneath(self)
  if has_place(self) then return false end
  local count = 0
  for _, task in pairs(self.holders) do
    if not loop.is_beneath(task) then return false end
    count = count + 1
  end
  return count == self.running
end

-- A function that tells why such a wait is in vain, once it has been so for long.
local function hopelessness(self)
  local since
  return function()
    if not is_held_beneath(self) then since = nil return nil end
    since = since or core.now()
    return core.now() - since > PATIENCE and HOPELESS or nil
  end
end

-- Waits in line until `deadline` (nil: for ever). The start's number if served.
local function wait_in_line(self, deadline)
  local place = self.line:join()
  place.task = loop.current()
  if not place.waiter.co then place.waiter.hopeless = hopelessness(self) end
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
  return place.served and place.value, cancelled
end

--- Waits for a place. Returns a function that gives it back; or nil, and the
--- error if the task was cancelled, nil if the deadline came first.
---@private
---@param deadline number|nil on the clock of core.now
function methods:enter(deadline)
  if not self.concurrent and not self.windows[1] then return nothing end
  local now = core.now()
  if self.line.n == 0 and has_place(self) and next_start(self) <= now then
    return place_of(self, note_start(self, now, loop.current()))
  end
  local number, cancelled = wait_in_line(self, deadline)
  if number and not cancelled then return place_of(self, number) end
  if number then
    note_end(self, number, 0)
    pump(self)
  end
  return nil, cancelled
end

return limiter
