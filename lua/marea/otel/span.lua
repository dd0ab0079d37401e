-- SPDX-License-Identifier: MIT
-- Spans: what they are part of, when they began and ended. Each task has the span
-- it is in; one it starts begins in the same. Ids are random bytes in hex.

local core = require "marea.core"
local loop = require "marea.loop"

local span = {}

---@class marea.otel.Span
---@field trace_id string 32 hex digits
---@field id string 16
---@field parent string|nil
---@field name string
---@field kind integer 1 internal, 3 client, 4 producer, 5 consumer
---@field began number of core.now's clock
---@field attributes table<string, any>
---@field failed string|nil the type of the error it ended with

local MAIN = {}
local current = setmetatable({}, { __mode = "k" })

local source

-- Where the system has no source of them, Lua's own will do: ids only must differ.
local function random(n)
  if source == nil then source = io.open("/dev/urandom", "rb") or false end
  local bytes = source and source:read(n)
  if bytes and #bytes == n then return bytes end
  local out = {}
  for i = 1, n do out[i] = string.char(math.random(0, 255)) end
  return table.concat(out)
end

local function hex(n)
  return (random(n):gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

--- The span the running task is in.
---@return marea.otel.Span|nil
function span.current()
  return current[loop.current() or MAIN]
end

--- Puts the running task into another span. Returns the one it was in.
function span.enter(one)
  local key = loop.current() or MAIN
  local before = current[key]
  current[key] = one
  return before
end

--- A task begins where the one that starts it is.
function span.inherit(task)
  current[task] = span.current()
end

--- Begins one, within `parent` or where the task is.
---@return marea.otel.Span
function span.start(name, kind, attributes, parent)
  parent = parent or span.current()
  return { name = name, kind = kind, attributes = attributes or {}, began = core.now(), id = hex(8),
    trace_id = parent and parent.trace_id or hex(16), parent = parent and parent.id or nil }
end

--- As a header hands it on.
function span.traceparent(one)
  return ("00-%s-%s-01"):format(one.trace_id, one.id)
end

--- Forgets all.
function span.forget()
  for key in pairs(current) do current[key] = nil end
end

return span
