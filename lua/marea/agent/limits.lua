-- SPDX-License-Identifier: MIT
-- What bounds a run: steps, requests, tokens, tool calls, time; and the same
-- calls made over and over. Reaching a bound ends a run with its name. What is
-- used within a run, by agents that are its tools, is used by it: all is counted
-- and bounded along `run.line`, from the run outwards.

local check = require "marea.check"
local core = require "marea.core"
local json = require "marea.json"
local usage = require "marea.usage"

local limits = {}

local WHOLE = "a whole number of at least 1"

local fields = { requests = WHOLE, total_tokens = WHOLE, tool_calls = "a whole number of at least 0",
  seconds = "a number of seconds" }

--- Checks the `usage_limits` among options.
---@param level integer as for `error`, from the function that calls this
---@param options table|nil
function limits.check(level, who, options)
  local most = options and options.usage_limits
  if most then check.fields(level + 1, who .. ", usage_limits", most, fields) end
end

-- What of usage nobody told is taken to be, for a limit on tokens alone: four
-- bytes to a token.
local function unreported_tokens(run)
  return math.ceil((run.unreported_bytes or 0) / 4)
end

-- Notes the size of a call whose usage was not told.
local function note_unreported(run, params, text)
  if not (run.limits or {}).total_tokens then return end
  local ok, asked = pcall(json.encode, params)
  run.unreported_bytes = (run.unreported_bytes or 0) + #(ok and asked or "") + #(text or "")
end

--- Counts a model call and what it says it used; what was asked and what was
--- said are for where it says nothing.
function limits.count_call(run, raw, params, text)
  for _, one in ipairs(run.line) do
    local told = usage.add_call(one.usage, raw, run.agent.prices)
    if not told then note_unreported(one, params, text) end
  end
end

--- Counts a call of a tool.
function limits.count_tool(run)
  for _, one in ipairs(run.line) do one.usage.tool_calls = one.usage.tool_calls + 1 end
end

--- Whether the time is over.
function limits.is_late(run)
  return run.deadline ~= nil and core.now() >= run.deadline
end

local function reached(run, name)
  if name == "seconds" and run.stop_at and core.now() >= run.stop_at then return "timeout" end
  run.limit = name
  return "usage_limit"
end

-- The limit that leaves no room for a model call.
local function used_up(run)
  local most, used = run.limits or {}, run.usage
  if most.requests and used.requests >= most.requests then return "requests" end
  if most.total_tokens and used.total_tokens + unreported_tokens(run) >= most.total_tokens then
    return "total_tokens"
  end
end

--- Why no further model call may be made, or nil.
function limits.before_call(run)
  if run.steps >= run.max_steps then return "max_steps" end
  for _, one in ipairs(run.line) do
    local name = used_up(one)
    if name then return reached(run, name) end
  end
  if limits.is_late(run) then return reached(run, "seconds") end
end

--- Why so many tool calls may not be made, or nil.
function limits.before_tools(run, n)
  for _, one in ipairs(run.line) do
    local most = (one.limits or {}).tool_calls
    if most and one.usage.tool_calls + n > most then return reached(run, "tool_calls") end
  end
  if limits.is_late(run) then return reached(run, "seconds") end
end

--- The stop reason for a time that is over.
function limits.late(run)
  return reached(run, "seconds")
end

---- the same calls again ---------------------------------------------------------------------

--- Counts how often in a row this call was made, step after step.
---@return integer
function limits.count_repeats(run, call)
  local key = call.name .. "\0" .. call.arguments_json
  local before = run.repeats[key]
  local seen = { step = run.steps, n = 1 }
  if before and before.step >= run.steps - 1 then seen.n = before.n + (before.step < run.steps and 1 or 0) end
  run.repeats[key] = seen
  return seen.n
end

return limits
