-- SPDX-License-Identifier: MIT
-- The stream of what runs in a task of its own: for event in agent:stream "..."
-- The task is never more than an event ahead of its reader. Closing the stream
-- cancels the task, and waits until its conversation is in order.

local compat = require "marea.compat"
local sync = require "marea.sync"
local task = require "marea.task"

local events = {}

---@class marea.AgentStream
local methods = {}
local metatable = { __name = "marea.agent.stream", __index = methods }

-- State beside the object: the task must not keep its reader from the collector.
local states = setmetatable({}, { __mode = "k" })

local function body(s, job)
  local ok, result, err = pcall(job.go, function(event) s.box:put(event) end)
  if ok then s.result, s.err = result, err
  elseif not s.closed then s.err = result end
  s.over = true
  s.box:close()
end

local function state_of(self, name)
  local s = states[self]
  if not s then error("call it with a colon: stream:" .. name .. "()", 3) end
  return s
end

-- Reads no more, wakes whoever waits to be read, and lets the task see it.
local function abandon(s)
  if s.over then return end
  s.closed = true
  s.box:close()
end

--- Starts a job: `go(emit)` runs it and returns its result or nil, err; `stopped`
--- gives the result of one that was cancelled; `started(task)` is told the task.
---@param job { go: function, stopped: function, started: function }
---@return marea.AgentStream
function events.new(job)
  local s = { box = sync.queue(1), closed = false, over = false, result = nil, err = nil, job = job }
  local self = setmetatable({}, metatable)
  states[self] = s
  s.task = task.spawn(body, s, job)
  s.task.claimed = true       -- its errors are the reader's
  job.started(s.task)
  self.guard = compat.on_collect(function() abandon(s) end)
  return self
end

--- The next event; nil at the end; nil and the error if the run failed.
---@return marea.AgentEvent|nil event, marea.error|nil
function methods:next()
  local s = state_of(self, "next")
  if s.closed then return nil end
  local ok, event = pcall(s.box.get, s.box)
  if not ok then
    self:close()
    error(event, 0)
  end
  if event ~= nil then return event end
  return nil, s.err
end

function metatable:__call()
  local event, err = self:next()
  if event == nil and err ~= nil then error(err, 0) end
  return event
end

--- Iterates over pieces of the answer's text.
---@return fun(): string|nil
function methods:text()
  state_of(self, "text")
  return function()
    for event in self do
      if event.type == "text" then return event.text end
    end
  end, nil, nil, self
end

--- Reads what is left, and returns the result; or nil and the error. After
--- `close` it is the result of a run that was cancelled.
---@return marea.AgentResult|nil result, marea.error|nil
function methods:result()
  local s = state_of(self, "result")
  repeat local event = self:next() until event == nil
  if not s.result then return nil, s.err end
  return s.result
end

--- Ends the run now. Its conversation stays one that can go on.
function methods:close()
  local s = state_of(self, "close")
  if s.over or s.closed then return end
  s.closed = true
  s.task:cancel()
  s.box:close()
  s.over = true
  if not s.result then s.result = s.job.stopped() end
end

metatable.__close = methods.close

function metatable:__tostring()
  local s = states[self]
  return "marea.agent.stream (" .. (s.closed and "closed" or s.over and "ended" or "open") .. ")"
end

return events
