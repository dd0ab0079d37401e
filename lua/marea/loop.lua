-- SPDX-License-Identifier: MIT
-- Waiting, and waking those who wait. A waiter is a task that has yielded, a
-- record that somebody who can't yield looks at while driving the loop, or a
-- function to be called. All yielding of the library happens here, in
-- `suspend`; the C core never runs Lua: it names what is ready, and `dispatch`
-- does the rest. A driver joins the engine to a loop: see `own` below for
-- what one must have.

local core = require "marea.core"
local compat = require "marea.compat"

local running, isyieldable = coroutine.running, compat.isyieldable
local yield, resume, status = coroutine.yield, coroutine.resume, coroutine.status

local loop = {}

local engine               -- made when first needed
local driver
local waiting = {}         -- id of an engine's waker -> waiter; small numbers
local first, last          -- of the tasks to be resumed: each has the next in `after`
local nqueued = 0
local current              -- the task that is running
local finished             -- called with a task whose coroutine is dead
local PARKED = {}          -- what a task yields; anything else came from others
local over                 -- the moment to give the host control back, if any
local passed_over          -- did the queue wait when that moment came?
local nested = 0           -- calls that drive the loop, each on top of the last
local driven_for           -- what the topmost of them waits for
local MAX_NESTED = 8       -- from here on, who can wait alone does
local MOST_NESTED = 60     -- for all: there C's stack ends
local DIED = "the task's coroutine was ended by somebody else"

-- The library's own libuv loop.
local own = {
  name = "libuv",
  -- waits at most `seconds` (nil: as long as it takes) and lets the engine
  -- act; false if nothing can ever happen
  turn = function(e, seconds) return e:turn(seconds) end,
  -- called after anything that may change what the engine wants; optional
  changed = nil,
  -- lets the engine act without waiting; optional
  poke = function(e) e:turn(0) end,
}

function loop.engine()
  if not engine then
    engine = compat.load("marea.network").engine()
    driver = driver or own
  end
  return engine
end

function loop.driver()
  loop.engine()
  return driver
end

--- To be called after anything that may change what the engine wants.
function loop.changed()
  if driver and driver.changed then driver.changed(engine) end
end

--- Lets another loop drive the engine from now on.
function loop.drive(with)
  local e = loop.engine()
  if driver.release then driver.release(e) end
  e:hand_over()
  driver = with or own
  if driver.adopt then driver.adopt(e) end
end

--- Calls f whenever what the library's own loop waits for may have changed.
function loop.on_change(f)
  own.changed = f
end

function loop.current()
  return current
end

--- Has the running task close the transfer, should it be cancelled.
---@param release fun() gives the transfer's place in the limits back
function loop.own(transfer, release)
  if current then current.owned[transfer] = release end
end

--- The transfer is closed.
function loop.disown(transfer)
  if current then current.owned[transfer] = nil end
end

-- Only a task's own coroutine may be parked: a yield from a generator inside
-- it, or from under a C function, would go astray.
local function can_park(task)
  return task and running() == task.co and isyieldable()
end

-- Sets only a field that is there: to be woken a task needs no memory.
local function enqueue(task)
  if task.after then return end
  task.after, nqueued = true, nqueued + 1     -- the last one has no next
  if last then last.after = task else first = task end
  last = task
end

local function dequeue()
  local task = first
  first = task.after
  if first == true then first, last = nil, nil end
  task.after, nqueued = false, nqueued - 1
  return task
end

--- From the moment `at` on, nobody begins anything more: the host wants control
--- back. nil: there is no such moment. Returns the limit there was, to be set
--- again: hosts may call in while a task of theirs runs.
---@param at number|nil
---@return number|nil
function loop.limit(at)
  local before = over
  loop.engine():limit(at)
  over = at
  return before
end

--- Makes a task run at the next opportunity.
function loop.schedule(task)
  task.awake = true
  enqueue(task)
  loop.changed()
end

function loop.wake(waiter)
  if type(waiter) == "function" then waiter()
  elseif waiter.co then loop.schedule(waiter)
  else waiter.awake = true end
end

--- Runs a task until it waits, or ends.
function loop.resume(task)
  local before = current
  current = task
  local ok, what = resume(task.co, task)
  current = before
  if status(task.co) == "dead" then finished(task, ok, what)
  elseif what ~= PARKED then loop.schedule(task) end   -- a plain yield: let others run
end

--- As pcall. Whatever f broke off, the task that runs is the one that did.
function loop.pcall(f, ...)
  local task = current
  local ok, value = pcall(f, ...)
  current = task
  return ok, value
end

function loop.on_finished(f)
  finished = f
end

--- Whether nothing can ever happen again, after a turn that said so: a collected
--- stream or task may still give back what others wait for.
function loop.is_stuck()
  if loop.has_queued() then return false end
  pcall(collectgarbage)             -- what a finalizer raises is not the waiter's
  return not loop.has_queued()
end

-- Why the wait can't end, if that is certain: who could end it lies beneath.
-- What was dropped gives its place back when it is collected.
local function is_hopeless(waiter)
  if not waiter.hopeless or not waiter.hopeless() then return nil end
  pcall(collectgarbage)
  return not waiter.awake and waiter.hopeless()
end

-- Drives the loop until the record is awake, or says why that can't be, or that
-- the task was cancelled.
local function drive(waiter, task)
  local quiet = waiter.id and nested > MAX_NESTED
  while not waiter.awake do
    if task and task.cancelled then return task.cancelled end
    local why = is_hopeless(waiter)
    if why then return why end
    local ok, alive = loop.pcall(loop.turn, waiter.hopeless and 1, quiet)
    if not ok then return alive end
    if not alive and not waiter.awake then
      if not quiet and loop.is_stuck() and not waiter.awake then
        return "nothing is left that could end this wait"
      end
      quiet = false
    end
  end
  return task and task.cancelled    -- meanwhile, as it may be for one that has yielded
end

-- Whoever blocks a host has no time to keep.
local function drive_freely(waiter, task)
  if not over then return drive(waiter, task) end
  local before = loop.limit(nil)
  local cancelled = drive(waiter, task)
  loop.limit(before)
  return cancelled
end

-- Waits without yielding. Other tasks run meanwhile, on top of this one, and
-- may come here too: where that goes deep, who waits for the engine alone lets
-- them wait, or C's stack would not hold them. What prevents the wait is
-- returned, as a cancellation is: the caller has things to put in order before
-- it raises.
local function block(waiter, task)
  if not loop.driver().turn then
    return "this call would block the host's loop: make it inside marea.spawn"
  end
  if nested >= MOST_NESTED and not waiter.id then
    return "too many tasks wait inside coroutines of their own, each on top of the last: wait in the task itself"
  end
  local beneath = driven_for
  nested, driven_for = nested + 1, waiter
  local cancelled = drive_freely(waiter, task)
  nested, driven_for = nested - 1, beneath
  if first then loop.changed() end     -- those this one left in the queue
  return cancelled
end

--- Whether a task can't go on before the caller does: it has called, through
--- coroutines of its own and what runs on top of them, the caller.
---@param task marea.Task|nil
---@return boolean
function loop.is_beneath(task)
  return task ~= nil and (task == current or status(task.co) == "normal")
end

--- The waiter to be woken with `loop.wake` when the caller may go on.
function loop.waiter()
  return can_park(current) and current or { awake = false }
end

--- Waits until `waiter`, made by the caller just before, is woken. Returns
--- nothing, or the error with which the running task was cancelled, or why this
--- wait can't be: the caller puts its things in order and raises it.
---@param id integer|nil what `waiting` has it under
function loop.suspend(waiter, id)
  local cancelled
  if not waiter.co then cancelled = block(waiter, current)
  elseif waiter.cancelled then cancelled = waiter.cancelled
  else
    waiter.awake, waiter.parked = false, true
    -- somebody else may resume the coroutine by hand: that is not a wake
    repeat yield(PARKED) until waiter.awake
    waiter.awake, waiter.parked = false, false
    cancelled = waiter.cancelled
  end
  -- an id is used again once what had it is closed, be it by another task
  if id and waiting[id] == waiter then waiting[id] = nil end
  waiter.id = nil
  return cancelled
end

--- Waits until the engine names this id. Returns as `suspend` does; a tail call,
--- since thousands of tasks may wait here, each with all its frames.
---@param whose table|nil once it is `ended` the id is another's
function loop.wait(id, whose)
  local waiter = loop.waiter()     -- may run a finalizer
  if whose and whose.ended then return nil end
  waiting[id], waiter.id = waiter, id
  return loop.suspend(waiter, id)
end

--- Forgets what a task waited for whose coroutine is no more.
function loop.abandon(task)
  if task.id and waiting[task.id] == task then waiting[task.id] = nil end
end

--- Calls f when the engine names this id, unless `loop.forget(id)` comes first.
function loop.watch(id, f)
  waiting[id] = f
end

function loop.forget(id)
  waiting[id] = nil
end

--- Wakes whoever waits for this id, as if the engine had named it.
function loop.interrupt(id)
  local waiter = waiting[id]
  waiting[id] = nil
  if waiter then loop.wake(waiter) end
end

--- Lets the engine take what has arrived, without waiting and without waking
--- anybody yet.
function loop.poke()
  if driver.poke then driver.poke(engine) end
end

-- Whether the host wants control back, or who drives the loop can go on: all that
-- is started now would be on top of it.
local function is_time()
  return over and core.now() >= over or driven_for and driven_for.awake
end

local function wake_ready(e, quiet)
  local id = e:ready()
  while id do
    local waiter = waiting[id]
    if waiter then
      waiting[id] = nil
      if not quiet and type(waiter) == "table" and waiter.co then
        waiter.awake = true
        loop.resume(waiter)
        if (over or driven_for) and is_time() then return true end
      else
        loop.wake(waiter)
      end
    end
    id = e:ready()
  end
end

-- As `wake_ready`: true where the limit left some for another time.
local function run_queue()
  for _ = 1, nqueued do            -- what is added meanwhile waits a turn
    if not first then return end
    local task = dequeue()
    local state = status(task.co)
    if state == "dead" then finished(task, false, DIED)   -- if nobody saw it die
    elseif task.awake and state == "suspended" then loop.resume(task) end
    if (over or driven_for) and is_time() then return true end
  end
end

--- Wakes whom the engine names and runs what is queued, as far as the limit
--- goes. Where `quiet`, no task runs: they are queued. Streams that always have
--- something to read would take all the time there is: then the queue is first
--- the next time.
function loop.dispatch(quiet)
  if quiet then return wake_ready(engine, true) end
  if passed_over and run_queue() then
    passed_over = false
    return
  end
  passed_over = wake_ready(engine)
  if not passed_over then run_queue() end
end

function loop.has_queued()
  return first ~= nil
end

--- One turn: waits at most `seconds` for something to happen, then dispatches.
--- False if nothing can ever happen again.
function loop.turn(seconds, quiet)
  local e = loop.engine()
  if first and not quiet then seconds = 0 end
  local alive = driver.turn(e, seconds)
  loop.dispatch(quiet)
  return alive
end

-- Lets what is ready now go first. A timer of no length would ring before the
-- queue is served.
local function give_way(task)
  if task.cancelled then return task.cancelled end
  task.parked = true
  loop.schedule(task)
  yield(PARKED)
  task.awake, task.parked = false, false
  return task.cancelled
end

--- Waits. Returns as `suspend` does.
function loop.sleep(seconds)
  if seconds <= 0 and can_park(current) then return give_way(current) end
  local timer, id = loop.engine():timer(seconds)
  loop.changed()
  local cancelled = loop.wait(id)
  timer:close()
  return cancelled
end

return loop
