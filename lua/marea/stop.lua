-- SPDX-License-Identifier: MIT
-- marea.stop: when a team, or an agent, has done enough. A condition is a
-- description and holds no state: what it has counted is plain data of the run
-- that asks it, so one condition serves many runs at once, begins anew with
-- each, and is saved and loaded with it.

local check = require "marea.check"
local kinds = require "marea.stop.kinds"

---@class marea.stop
local stop = {}

---@class marea.Stop
---@field kind string
---@operator bor(marea.Stop): marea.Stop
---@operator band(marea.Stop): marea.Stop
local methods = {}
local metatable = { __name = "marea.stop", __index = methods }

--- Whether a value is a condition.
---@param value any
---@return boolean
function stop.is(value)
  return getmetatable(value) == metatable
end

local function new(kind, fields)
  fields.kind = kind
  return setmetatable(fields, metatable)
end

--- Asks it: the reason to stop, or nil.
---@param about table messages, usage, agent, new (messages since it was last asked), state (its own)
function metatable:__call(about)
  local state = about.state
  if not state then return kinds.check(self, about, {}) end
  return kinds.check(self, about, state)
end

function metatable:__tostring()
  return ("marea.stop (%s)"):format(self.kind)
end

--- Seconds until time alone will end the run, if it will.
---@param state table
---@param seconds number how long the run has been at it
---@return number|nil
function methods:left(state, seconds)
  return kinds.left(self, state, seconds)
end

---- the kinds --------------------------------------------------------------------------

local COUNT = "a whole number of at least 1"

-- One name or several, as a list.
local function names(level, who, value)
  if type(value) == "string" then value = { value } end
  check.value(level + 1, who, "a table", value)
  for i, name in ipairs(value) do check.value(level + 1, ("%s[%d]"):format(who, i), "a non-empty string", name) end
  return value
end

--- After n messages of the run, not counting what it was asked.
---@param n integer
---@return marea.Stop
function stop.messages(n)
  check.value(1, "marea.stop.messages", COUNT, n)
  return new("messages", { n = n })
end

--- Once somebody says this text; who counts can be said, else all but the user.
---@param text string
---@param sources string|string[]|nil
---@return marea.Stop
function stop.text(text, sources)
  check.value(1, "marea.stop.text", "a non-empty string", text)
  if sources then sources = names(1, "marea.stop.text, sources", sources) end
  return new("text", { text = text, sources = sources })
end

--- Once the run has used so many tokens.
---@param n integer
---@return marea.Stop
function stop.tokens(n)
  check.value(1, "marea.stop.tokens", COUNT, n)
  return new("tokens", { n = n })
end

--- Once the conversation is handed over, to one of that name if one is given.
---@param name string|nil
---@return marea.Stop
function stop.handoff(name)
  if name ~= nil then check.value(1, "marea.stop.handoff", "a non-empty string", name) end
  return new("handoff", { name = name })
end

--- After so many seconds: what is in flight then is cancelled.
---@param seconds number
---@return marea.Stop
function stop.timeout(seconds)
  check.value(1, "marea.stop.timeout", "a number of at least 0", seconds)
  return new("timeout", { seconds = seconds })
end

--- Once one of these has spoken.
---@param sources string|string[]
---@return marea.Stop
function stop.source(sources)
  return new("source", { sources = names(1, "marea.stop.source", sources) })
end

--- Once a tool of that name was called.
---@param tool string
---@return marea.Stop
function stop.call(tool)
  check.value(1, "marea.stop.call", "a non-empty string", tool)
  return new("call", { name = tool })
end

--- When the program says so: `condition:set()`, from wherever it has it.
---@return marea.Stop
function stop.external()
  return new("external", {})
end

--- Of one made by `external`: the run that goes on, or else the next, stops.
---@param reason string|nil
function methods:set(reason)
  if getmetatable(self) ~= metatable or self.kind ~= "external" then
    error("set is for a condition made by marea.stop.external", 2)
  end
  self.reason = reason or "external"
end

--- When f says so: f(about) returns the reason, or nothing.
---@param f fun(about: table): string|boolean|nil
---@return marea.Stop
function stop.when(f)
  check.value(1, "marea.stop.when", "a function", f)
  return new("when", { f = f })
end

---- several --------------------------------------------------------------------------------

local function several(kind, list)
  local who = "marea.stop." .. kind
  check.value(2, who, "a table", list)
  if not list[1] then check.fail(2, who, "at least one condition", list) end
  for i, one in ipairs(list) do
    if not stop.is(one) then check.fail(2, ("%s[%d]"):format(who, i), "a condition of marea.stop", one) end
  end
  return new(kind, { list = list })
end

--- As soon as one of them holds.
---@param list marea.Stop[]
---@return marea.Stop
function stop.any(list)
  local made = several("any", list)
  return made
end

--- Once each of them has held.
---@param list marea.Stop[]
---@return marea.Stop
function stop.all(list)
  local made = several("all", list)
  return made
end

function metatable.__bor(a, b)
  local made = several("any", { a, b })
  return made
end

function metatable.__band(a, b)
  local made = several("all", { a, b })
  return made
end

---- as data ----------------------------------------------------------------------------------

-- What each kind must have of what was written of it.
local forms = { messages = { n = COUNT }, text = { text = "a non-empty string" }, tokens = { n = COUNT },
  timeout = { seconds = "a number of at least 0" }, source = { sources = "a table" },
  call = { name = "a non-empty string" }, when = { f = "a function" }, any = { list = "a table" },
  all = { list = "a table" } }

-- Returns what is wrong with it, if something is.
local function fault_of(fields)
  for name, expected in pairs(forms[fields.kind] or {}) do
    if not check.is(expected, fields[name]) then
      return ("marea.stop.%s, %s: expected %s"):format(fields.kind, name, expected)
    end
  end
  if fields.kind ~= "any" and fields.kind ~= "all" then return nil end
  for i, one in ipairs(fields.list) do
    if not stop.is(one) then return ("marea.stop.%s, list[%d]: it is no condition"):format(fields.kind, i) end
  end
  if not fields.list[1] then return ("marea.stop.%s, list: it is empty"):format(fields.kind) end
end

--- Makes one again from what was written of it.
---@param fields table
---@return marea.Stop|nil, string|nil
function stop.restore(fields)
  if type(fields) ~= "table" or not kinds.known[fields.kind] then return nil, "it is no condition of marea.stop" end
  local why = fault_of(fields)
  if why then return nil, why end
  local out = {}
  for key, value in pairs(fields) do out[key] = value end
  return setmetatable(out, metatable)
end

return stop
