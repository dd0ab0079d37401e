-- SPDX-License-Identifier: MIT
-- One recipient of a runtime: its inbox, and the task that handles what is in it,
-- one message after the other. It is there while it has something to do; what its
-- factory made is kept until it has been idle for long enough.

local compat = require "marea.compat"
local core = require "marea.core"
local Error = require "marea.error"
local loop = require "marea.loop"
local speaker = require "marea.runtime.speaker"
local sync = require "marea.sync"
local task = require "marea.task"
local trace = require "marea.trace"

local recipient = {}
recipient.__index = recipient

--- It tells when it has `settled` a message, and when it is `idle`.
---@param options table id, type, key, max, span, make, and these two
function recipient.new(options)
  local self = { first = 1, last = 0, room = sync.line(), running = nil, handler = nil, idle_since = nil }
  for name, value in pairs(options) do self[name] = value end
  return setmetatable(self, recipient)
end

function recipient:waiting()
  return self.last - self.first + 1
end

function recipient:is_full()
  return self:waiting() >= self.max
end

-- What the factory gives is a function, or a table with `handle`.
local function handle(self, delivery)
  if not self.handler then
    local made = self.make(self.key, self.id)
    local kind = type(made)
    if kind ~= "function" and not (kind == "table" and type(made.handle) == "function") then
      error(("the factory of %q made no handler: expected a function, or a table with `handle`, got %s"):format(
        self.type, kind), 0)
    end
    self.handler = made
  end
  if type(self.handler) == "function" then return self.handler(delivery.message, delivery.context) end
  return self.handler:handle(delivery.message, delivery.context)
end

local function take(self)
  while self.first <= self.last do
    local delivery = self[self.first]
    self[self.first], self.first = nil, self.first + 1
    self.room:serve()
    if not delivery.gone then return delivery end
  end
end

local function note(delivery, ok, ...)
  delivery.ok, delivery.over = ok, true
  if ok then delivery.results = compat.pack(...) else delivery.err = (...) end
end

-- Each message has a task of its own, which can be cancelled.
local function run(self, delivery)
  delivery.task = task.background(trace.span, "message.handle", delivery, handle, self, delivery)
  speaker.set(delivery.task, self.id)
  note(delivery, pcall(delivery.task.await, delivery.task))
  if delivery.task.status == "running" then     -- it is this worker that was cancelled
    delivery.task:cancel()
    error(delivery.err, 0)
  end
  if delivery.waiter then loop.wake(delivery.waiter) end
  self.settled(delivery)
end

local function run_all(self)
  while true do
    local delivery = take(self)
    if not delivery then break end
    self.current = delivery
    run(self, delivery)
    self.current = nil
  end
end

local function work(self)
  local ok, err = pcall(run_all, self)
  if not ok then self:stop("the recipient was cancelled") end
  self.running, self.idle_since = nil, core.now()
  self.idle(self)
  if not ok then error(err, 0) end
end

--- Whether its worker was cancelled before it began. It may then work anew.
function recipient:is_dead()
  if not self.running or self.running.status == "running" then return false end
  self.running = nil
  return true
end

--- Puts a message into the inbox.
function recipient:put(delivery)
  self.last = self.last + 1
  self[self.last] = delivery
  self.idle_since = nil
  if self.running then return end
  self.running = task.spawn(work, self)
  speaker.set(self.running, nil)      -- it is who sent that started it
end

--- Takes back what nobody waits for any more: out of the inbox, or where it runs.
function recipient.withdraw(_, delivery)
  delivery.gone = true
  if delivery.task then delivery.task:cancel() end
end

--- Ends all: what runs is cancelled, what waits is refused.
function recipient:stop(why)
  local err = Error.new { kind = "cancelled", message = why }
  for i = self.first, self.last do
    local delivery = self[i]
    if not delivery.gone then
      delivery.gone, delivery.over, delivery.err = true, true, err
      if delivery.waiter then loop.wake(delivery.waiter) end
    end
  end
  if self.current and self.current.task then self.current.task:cancel(err) end
end

--- Lets go of what the factory made.
function recipient:close()
  local handler = self.handler
  self.handler = nil
  if type(handler) == "table" and type(handler.close) == "function" then handler:close() end
end

return recipient
