-- SPDX-License-Identifier: MIT
-- An answer that was made up, behind the methods of the C core's transfers, so
-- that all above them (tries, streams, errors, clocks of its reader) is what it
-- is in earnest. An answer has a status, headers, and a body or events, each
-- due some seconds after the last; or the failure it ends with.

local core = require "marea.core"
local json = require "marea.json"
local loop = require "marea.loop"

local transfer = {}

---@class marea.testing.Answer
---@field status integer|nil
---@field headers table<string, string>|nil
---@field body string|nil
---@field events table[]|nil each { value = table } or { text = string }, `type`, `after` seconds
---@field after number|nil seconds until the first byte
---@field failure table|nil { kind, message, phase }

local methods = {}
local metatable = { __index = methods }

-- When each event is due, and when all is over.
local function plan(answer, now)
  local due, at = {}, now + (answer.after or 0)
  local first = at
  for i, event in ipairs(answer.events or {}) do
    at = at + (event.after or 0)
    due[i] = at
  end
  return first, due, at + (answer.ends_after or 0)
end

local LATE = { kind = "timeout", phase = "total" }

-- What comes too late doesn't come.
local function cut_at(self, deadline)
  if not deadline or self.over <= deadline then return end
  for i = #self.due, 1, -1 do
    if self.due[i] > deadline then self.due[i] = nil end
  end
  self.is_late = self.first > deadline
  self.first, self.over, self.failed = math.min(self.first, deadline), deadline, LATE
end

--- Begins to answer.
---@param answer marea.testing.Answer
---@param deadline number|nil of the call
---@return table transfer, any id
function transfer.new(answer, deadline)
  local first, due, over = plan(answer, core.now())
  local self = setmetatable({ answer = answer, first = first, due = due, over = over, taken = 0, mode = "held",
    failed = answer.failure, is_late = false, is_closed = false }, metatable)
  cut_at(self, deadline)
  return self, self:id()
end

---- waiting ----------------------------------------------------------------------

local function next_due(self)
  if self.mode == "whole" then return self.over end
  if self.mode == "held" then return self.first end
  return self.due[self.taken + 1] or self.over
end

local function stop_timer(self)
  if not self.timer then return end
  loop.forget(self.timer_id)
  self.timer:close()
  self.timer = nil
end

local function set_timer(self, seconds)
  local timer, id = loop.engine():timer(seconds)
  self.timer, self.timer_id = timer, id
  loop.watch(id, function()
    stop_timer(self)
    loop.interrupt(self)
  end)
end

function methods:wait()
  if self.is_closed then return true end
  local left = next_due(self) - core.now()
  if left <= 0 then return true end
  if not self.timer then set_timer(self, left) end
  return false
end

function methods:done()
  return self.is_closed or not self.due[self.taken + 1] and core.now() >= self.over
end

function methods:closed() return self.is_closed end

-- Any value names a waker, as long as it is its own.
function methods:id() return self end

function methods:close()
  self.is_closed = true
  stop_timer(self)
end

---- the head ---------------------------------------------------------------------

function methods:head()
  local status = not self.is_late and self.answer.status or nil
  local lines = { ("HTTP/1.1 %d \r\n"):format(self.answer.status or 0) }
  for name, value in pairs(self.answer.headers or {}) do lines[#lines + 1] = name .. ": " .. value .. "\r\n" end
  lines[#lines + 1] = "\r\n"
  return status, 1, table.concat(lines)
end

function methods:failure()
  local failure = self.failed
  if failure then return failure.kind, failure.message or failure.kind, failure.phase end
end

function methods:received()
  return self.is_late and 0 or #(self.answer.body or "") + #self.due
end

---- the body ---------------------------------------------------------------------

function methods:read_as(mode) self.mode = mode end

function methods:peek(n)
  if self.given then return "" end
  return self.answer.events and ("data:"):sub(1, n) or (self.answer.body or ""):sub(1, n)
end

function methods:bytes()
  if self.given or self.is_late then return nil end
  self.given = true
  return self.answer.body
end

-- As the C core's `pull` has it.
function methods:pull()
  local i = self.taken + 1
  if not self.due[i] or core.now() < self.due[i] then return nil end
  self.taken = i
  local event = self.answer.events[i]
  if event.done then return false, nil, nil, true end
  if event.value then return false, json.decode(json.encode(event.value)), event.type end
  local value, message = json.decode(event.text)
  return false, value, event.type, message
end

-- No event comes without its blank line, and none by its shape.
function methods:rest() end
function methods:ungathered() end
function methods:forget() end
function methods:pull_whole() end
function methods:hold() end
function methods:learn() return false end

return transfer
