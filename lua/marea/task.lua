-- SPDX-License-Identifier: MIT
-- Tasks: functions that run side by side on one thread, each in a coroutine.
-- Cancelling a task raises a `cancelled` error where it waits; what it opened
-- is closed before `cancel` returns.

local compat = require "marea.compat"
local check = require "marea.check"
local Error = compat.lazy "marea.error"
local loop = require "marea.loop"

local pack, unpack = compat.pack, compat.unpack
local status = coroutine.status

local task = {}

local live = {}            -- tasks that have not ended
local nlive = 0
local unclaimed = {}       -- failed tasks nobody has awaited, oldest first
local in_run = false
local listeners = {}       -- told of each task that is made
local MANY = 8             -- live tasks: from here on all that may be needed is loaded

---@class marea.Task
---@field status "running"|"done"|"failed"|"cancelled"
local methods = {}
local metatable = { __name = "marea.task", __index = methods }

function metatable:__tostring()
  return "marea.task (" .. self.status .. ")"
end

local function check_function(f, who, level)
  local kind = type(f)
  local callable = kind == "function" or (getmetatable(f) or {}).__call
  if not callable then
    error(who .. " expects a function, got " .. kind, (level or 1) + 2)
  end
end

---- ending -------------------------------------------------------------------

local function add_waiter(t, waiter)
  t.waiters = t.waiters or { told = 0 }
  t.waiters[#t.waiters + 1] = waiter
end

-- If memory is too short to tell them all, the next call goes on.
local function wake_waiters(t)
  local waiters = t.waiters
  while waiters and waiters[waiters.told + 1] do
    loop.wake(waiters[waiters.told + 1])
    waiters.told = waiters.told + 1
  end
  t.waiters = nil
end

-- A transfer the task owns, and what gives its place in the limits back.
local function next_owned(t)
  if not t.owned then return nil end
  local transfer, release = next(t.owned)
  if transfer == "task" then return next(t.owned, transfer) end
  return transfer, release
end

local function close_owned(t)
  for transfer, release in next_owned, t do
    t.owned[transfer] = nil
    loop.interrupt(transfer:id())     -- another task may read it
    transfer:close()
    release()
  end
end

-- A message gets the coroutine's traceback; an error object keeps what it is.
local function with_traceback(t, err)
  if type(err) == "string" then
    if err:find("\nstack traceback:", 1, true) then return err end   -- an awaited task's
    return debug.traceback(t.co, err)
  end
  if Error.is(err) and not rawget(err, "traceback") then
    err.traceback = debug.traceback(t.co)
  end
  return err
end

local function settle(t, how, err)
  if t.status ~= "running" then return wake_waiters(t) end
  t.status, t.error = how, err
  if live[t] then
    live[t] = nil
    nlive = nlive - 1
  end
  wake_waiters(t)
  if how ~= "done" then
    loop.abandon(t)
    close_owned(t)
  end
  if how == "failed" and not t.claimed then unclaimed[#unclaimed + 1] = t end
end

loop.on_finished(function(t, ok, err)
  if ok or t.results then settle(t, "done")
  elseif err == t.cancelled and err ~= nil then settle(t, "cancelled", err)
  else settle(t, "failed", with_traceback(t, err)) end
end)

-- What a task owns: transfers, by which is what to call once they are closed. On
-- 5.4 it is also told when the coroutine is closed by somebody else while it waits.
local owned_mt = {
  __mode = "k",
  __close = function(owned, err)
    local t = owned.task
    if err ~= nil or t.results then return end
    loop.abandon(t)
    settle(t, "cancelled", Error.new { kind = "cancelled",
      message = "the task's coroutine was closed" })
  end,
}

---- starting -----------------------------------------------------------------

local NOTHING = pack()      -- what most tasks return

local function packed(...)
  if select("#", ...) == 0 then return NOTHING end
  return pack(...)
end

local function first_round(t)
  return not t.results or nil
end

-- f(...) as a function without arguments, as most are.
local function bind(f, ...)
  if select("#", ...) == 0 then return f end
  local args = pack(...)
  return function() return f(unpack(args, 1, args.n)) end
end

-- Its function, taken out: it has started.
local function take_function(t)
  local f = t.f
  t.f = nil
  return f
end

-- What a task's coroutine runs. The loop has one round, and is there for its
-- fourth value, which 5.4 closes with the coroutine; the others ignore it.
local function body(t)
  t.owned = setmetatable({ task = t, [t] = nil }, owned_mt)     -- has room for one
  for _ in first_round, t, nil, t.owned do
    t.results = packed(take_function(t)())
  end
  settle(t, "done")   -- here, since it may not be the loop that resumed us
end

-- Most tasks are waited for by `run`; what goes on in the background is not.
local function enlist(t)
  live[t] = true
  nlive = nlive + 1
  if nlive == MANY then compat.load "marea.ready" end
end

local function make(f, ...)
  -- Beside these it has at times: `results`, packed, once done; `error`;
  -- `cancelled`, the error, once asked to stop; `id`, while it waits for one;
  -- `waiters`, to be woken when it ends; `owned`, once it has started.
  local t = setmetatable({
    status = "running",
    co = coroutine.create(body),   -- given the task when it is first resumed
    f = bind(f, ...),        -- until it starts
    awake = false,
    parked = false,          -- it waits, having yielded
    claimed = false,         -- somebody takes care of its error
    after = false,           -- in the queue: the next one, or true
  }, metatable)
  for i = 1, #listeners do listeners[i](t) end
  return t
end

--- Starts f(...) as a task. It begins to run when its creator next waits.
---@param f function
---@return marea.Task
function task.spawn(f, ...)
  check_function(f, "marea.spawn")
  local t = make(f, ...)
  enlist(t)
  loop.schedule(t)
  return t
end

--- Starts f(...) as a task that `run` doesn't wait for: it goes on as long as
--- anybody drives the loop. Its errors are its own to tell.
---@return marea.Task
function task.background(f, ...)
  local t = make(f, ...)
  t.claimed = true
  loop.schedule(t)
  return t
end

local function remove(list, item)
  for i = #list, 1, -1 do
    if list[i] == item then table.remove(list, i) end
  end
end

--- From now on f(task) is told of each task, before it begins.
---@param f function
---@return fun() ends it
function task.tell(f)
  listeners[#listeners + 1] = f
  return function() remove(listeners, f) end
end

---- methods ------------------------------------------------------------------

local BENEATH = "that task can't end while this one waits for it inside a coroutine of its own: wait in the task itself"

-- Waits until t has ended. Returns as loop.suspend does.
local function join(t)
  while t.status == "running" do
    local waiter = loop.waiter()
    if not waiter.co and loop.is_beneath(t) then return BENEATH end
    t.claimed = true
    add_waiter(t, waiter)
    local cancelled = loop.suspend(waiter)
    if t.status == "running" then remove(t.waiters, waiter) end
    if cancelled then return cancelled end
  end
  t.claimed = true
  remove(unclaimed, t)
end

--- Waits for the task and returns what its function returned; raises its error,
--- with the traceback of the place where it happened.
function methods:await()
  if getmetatable(self) ~= metatable then error("call it with a colon: task:await()", 2) end
  if self == loop.current() then error("a task can't await itself", 2) end
  local cancelled = join(self)
  if cancelled then error(cancelled, 0) end
  if self.status ~= "done" then error(self.error, 0) end
  return unpack(self.results, 1, self.results.n)
end

--- Asks the task to stop. When this returns, what it had open is closed, and
--- it has ended, unless it is the running task (which raises when it next
--- waits) or one that catches the error and goes on.
---@param reason any the error it gets, in place of one of kind `cancelled`
---@return boolean # false if it had ended already
function methods:cancel(reason)
  if self.status ~= "running" then return false end
  self.cancelled = self.cancelled or reason or
    Error.new { kind = "cancelled", message = "the task was cancelled" }
  if self.f then     -- it has not started
    settle(self, "cancelled", self.cancelled)
    self.awake = false
  elseif self.parked and status(self.co) == "suspended" then
    self.awake = true
    loop.resume(self)
  elseif status(self.co) == "dead" then
    settle(self, "cancelled", self.cancelled)
  end
  if self ~= loop.current() then close_owned(self) end
  return true
end

---- groups -------------------------------------------------------------------

local function as_tasks(list, who)
  if type(list) ~= "table" then
    error(who .. " expects a list of tasks or functions, got " .. type(list), 3)
  end
  for i = 1, #list do
    if getmetatable(list[i]) ~= metatable then check_function(list[i], who .. ", item " .. i, 2) end
  end
  local tasks = {}
  for i = 1, #list do
    local item = list[i]
    if getmetatable(item) ~= metatable then item = task.spawn(item) end
    item.claimed = true
    tasks[i] = item
  end
  return tasks
end

local function cancel_all(tasks)
  for _, t in ipairs(tasks) do t:cancel() end
end

local function cancel_live()
  local tasks = {}
  for t in pairs(live) do tasks[#tasks + 1] = t end
  cancel_all(tasks)
end

-- Do all the tasks that still run, or any of those, lie beneath the caller?
local function lie_beneath(tasks, any)
  local found = false
  for _, t in ipairs(tasks) do
    local beneath = t.status == "running" and loop.is_beneath(t)
    if beneath and any then return true end
    if not beneath and t.status == "running" and not any then return false end
    found = found or beneath
  end
  return found
end

-- Waits until `enough(t)` is true of a task that has ended, or all have.
-- Returns that task; cancels the rest, and everything if the caller is.
local function wait_for(tasks, enough, each)
  local pending, over = #tasks, {}
  local found, waiter, woken
  local function ended(t, i)          -- twice, where memory was too short for once
    if not over[i] then pending = pending - 1 end
    over[i] = true
    if not found and enough(t) then found = t end
    if waiter and not woken and (found or pending == 0) then
      loop.wake(waiter)
      woken = true
    end
  end
  for i, t in ipairs(tasks) do
    if t.status ~= "running" then ended(t, i)
    else add_waiter(t, function() ended(t, i) end) end
  end
  local cancelled
  if not found and pending > 0 then
    waiter = loop.waiter()
    cancelled = not waiter.co and lie_beneath(tasks, each) and BENEATH or loop.suspend(waiter)
  end
  waiter = nil
  if cancelled or found then cancel_all(tasks) end
  if cancelled then error(cancelled, 0) end
  for _, t in ipairs(tasks) do remove(unclaimed, t) end
  return found
end

local function has_failed(t)
  return t.status ~= "done"
end

--- Waits for all tasks (functions are started). The first error cancels the rest.
---@param list (marea.Task|function)[]
---@return table # the first result of each, in order, and how many as `n`
function task.all(list)
  local tasks = as_tasks(list, "marea.all")
  local failed = wait_for(tasks, has_failed, true)
  if failed then error(failed.error, 0) end
  local results = { n = #tasks }
  for i, t in ipairs(tasks) do results[i] = t.results[1] end
  return results
end

--- Waits for the first task to end, and returns its results or raises its
--- error. The others are cancelled.
---@param list (marea.Task|function)[]
---@return any ... # its results
function task.race(list)
  local tasks = as_tasks(list, "marea.race")
  if #tasks == 0 then error("marea.race expects at least one task", 2) end
  local first = wait_for(tasks, function() return true end)
  if first.status ~= "done" then error(first.error, 0) end
  return unpack(first.results, 1, first.results.n)
end

local map_options = { concurrency = "a whole number of at least 1" }

--- f(item, index) for each item, side by side; the results in order.
---@param list table
---@param f fun(item: any, index: integer): any
---@param options marea.MapOptions|nil
function task.map(list, f, options)
  if type(list) ~= "table" then
    error("marea.map expects a list, got " .. type(list), 2)
  end
  check_function(f, "marea.map")
  local n = #list
  if options ~= nil then check.fields(1, "marea.map, options", options, map_options) end
  local concurrency = options and options.concurrency or n
  local results, at = { n = n }, 0
  local function worker()
    while at < n do
      at = at + 1
      local i = at
      results[i] = f(list[i], i)
    end
  end
  local workers = {}
  for i = 1, math.min(concurrency, n) do workers[i] = worker end
  task.all(workers)
  return results
end

--- Runs f for at most `seconds`. Returns what it returned, or nil and a
--- `timeout` error, with everything f had open closed.
---@param seconds number
---@param f function
---@return any ... # what f returned
function task.timeout(seconds, f, ...)
  check.value(1, "marea.timeout", "a number of seconds", seconds)
  check_function(f, "marea.timeout")
  local t = task.spawn(f, ...)
  local stop = Error.new { kind = "cancelled", message = "not done after " .. seconds .. " s" }
  local timer, id = loop.engine():timer(seconds)
  loop.watch(id, function() t:cancel(stop) end)
  local cancelled = join(t)
  loop.forget(id)
  timer:close()
  if cancelled then
    t:cancel()
    error(cancelled, 0)
  end
  if t.status == "done" then return unpack(t.results, 1, t.results.n) end
  if t.error == stop then
    return nil, Error.new { kind = "timeout", phase = "total", message = stop.message }
  end
  error(t.error, 0)
end

--- Waits.
---@param seconds number
function task.sleep(seconds)
  check.value(1, "marea.sleep", "a number of seconds", seconds)
  local cancelled = loop.sleep(seconds)
  if cancelled then error(cancelled, 0) end
end

---- running ------------------------------------------------------------------

-- Raises the oldest error nobody awaited.
local function raise_unclaimed()
  local t = table.remove(unclaimed, 1)
  if t then error(t.error, 0) end
end

-- Says how many tasks are stuck, and where one of them is.
local function describe_stuck(main)
  local one = main.status == "running" and main or next(live)
  local what = nlive == 1 and "a task waits" or nlive .. " tasks wait"
  return debug.traceback(one.co, what .. " for something that can't happen")
end

local function drive(main)
  in_run = true
  while nlive > 0 do
    if not loop.turn() and nlive > 0 and loop.is_stuck() then
      error(describe_stuck(main), 0)
    end
    if main.status == "failed" then cancel_live() end
  end
end

local last_things = {}     -- done at the end of each run

--- Has f() called, as a task, at the end of each `run`, whatever its end is.
---@param f function
---@return fun() ends it
function task.at_end(f)
  last_things[#last_things + 1] = f
  return function() remove(last_things, f) end
end

local function do_last_things()
  for _, f in ipairs(last_things) do
    local t = task.spawn(f)
    t.claimed = true
    loop.pcall(drive, t)
  end
end

--- Runs f(...) as a task, and the loop until it and all it spawned has ended.
--- Returns what f returned. Raises f's error (the other tasks are then
--- cancelled), else the first error of a task that nobody awaited.
---@param f function
---@return any ... # what f returned
function task.run(f, ...)
  check_function(f, "marea.run")
  if loop.current() or in_run then error("marea.run is running already", 2) end
  if not loop.driver().turn then
    error("marea.run would block the host's loop: use marea.spawn", 2)
  end
  local main = task.spawn(f, ...)
  main.claimed = true
  local ok, err = loop.pcall(drive, main)
  if not ok then cancel_live() end
  if last_things[1] then do_last_things() end
  in_run = false
  if main.status == "failed" then error(main.error, 0) end
  if not ok then error(err, 0) end
  if main.status == "cancelled" then error(main.error, 0) end
  raise_unclaimed()
  return unpack(main.results, 1, main.results.n)
end

task.raise_unclaimed = raise_unclaimed

return task
