-- SPDX-License-Identifier: MIT
-- What each kind of condition looks at. `state` is what one has counted so far:
-- plain data, which begins empty with each run.

local normalise = require "marea.normalise"

local kinds = {}

local function source_of(message, about)
  if message.name then return message.name end
  return message.role == "user" and "user" or about.agent
end

local function contains(list, name)
  for _, one in ipairs(list) do
    if one == name then return true end
  end
  return false
end

local holds = {}

function holds.messages(self, about, state)
  for _, message in ipairs(about.new or {}) do
    if message.role ~= "user" or message.name then state.n = (state.n or 0) + 1 end
  end
  return (state.n or 0) >= self.n
end

function holds.text(self, about)
  for _, message in ipairs(about.new or {}) do
    local source = source_of(message, about)
    local counts = self.sources and contains(self.sources, source) or not self.sources and source ~= "user"
    if counts and normalise.content(message.content):find(self.text, 1, true) then return true end
  end
  return false
end

function holds.tokens(self, about)
  return about.usage.total_tokens >= self.n
end

function holds.handoff(self, about)
  for _, name in ipairs(about.handoffs or {}) do
    if not self.name or name == self.name then return true end
  end
  return false
end

function holds.timeout(self, about)
  return (about.seconds or 0) >= self.seconds
end

function holds.source(self, about)
  for _, message in ipairs(about.new or {}) do
    if contains(self.sources, source_of(message, about)) then return true end
  end
  return false
end

function holds.call(self, about)
  if contains(about.calls or {}, self.name) then return true end
  for _, message in ipairs(about.new or {}) do
    for _, call in ipairs(message.tool_calls or {}) do
      if call["function"].name == self.name then return true end
    end
  end
  return false
end

-- A signal is for one run.
function holds.external(self)
  local reason = self.reason
  self.reason = nil
  return reason or false
end

function holds.when(self, about)
  return self.f(about) or false
end

-- By a text: data with numbers among its keys would not be JSON.
local function inner(state, i)
  local key = ("%d"):format(i)
  state[key] = state[key] or {}
  return state[key]
end

-- Each is asked, for they may count.
function holds.any(self, about, state)
  local found = false
  for i, one in ipairs(self.list) do
    local reason = kinds.check(one, about, inner(state, i))
    found = found or reason or false
  end
  return found
end

-- One that held once need not go on doing so.
function holds.all(self, about, state)
  local reasons = {}
  for i, one in ipairs(self.list) do
    local mine = inner(state, i)
    mine.held = mine.held or kinds.check(one, about, mine)
    reasons[#reasons + 1] = mine.held
  end
  return #reasons == #self.list and table.concat(reasons, " and ")
end

kinds.known = holds

--- The reason to stop, or nil.
---@return string|nil
function kinds.check(self, about, state)
  local reason = holds[self.kind](self, about, state)
  if not reason then return nil end
  return type(reason) == "string" and reason or self.kind
end

local left = {}

function left.timeout(self, _, seconds)
  return math.max(self.seconds - seconds, 0)
end

function left.any(self, state, seconds)
  local least
  for i, one in ipairs(self.list) do
    local mine = kinds.left(one, inner(state, i), seconds)
    least = mine and math.min(mine, least or mine) or least
  end
  return least
end

-- Only where all others have held already.
function left.all(self, state, seconds)
  local most
  for i, one in ipairs(self.list) do
    local mine = inner(state, i)
    local wait = not mine.held and kinds.left(one, mine, seconds)
    if not mine.held and not wait then return nil end
    most = wait and math.max(wait, most or wait) or most
  end
  return most
end

--- Seconds until time alone makes it hold, if it ever will.
---@return number|nil
function kinds.left(self, state, seconds)
  local of = left[self.kind]
  return of and of(self, state, seconds) or nil
end

return kinds
