-- SPDX-License-Identifier: MIT
-- What bounds a run: steps, requests, tokens, tool calls, time; and the same
-- calls made over and over. Reaching a bound ends a run with its name.

local core = require "marea.core"
local json = require "marea.json"

local limits = {}

-- What of usage nobody told is taken to be, for a limit on tokens alone: four
-- bytes to a token.
local function unreported_tokens(run)
  return math.ceil((run.unreported_bytes or 0) / 4)
end

--- Notes the size of a call whose usage was not told.
function limits.note_unreported(run, params, answer)
  if not (run.limits or {}).total_tokens then return end
  local ok, asked = pcall(json.encode, params)
  local text = ok and asked or ""
  run.unreported_bytes = (run.unreported_bytes or 0) + #text + #(answer.text or "")
end

--- Whether the time is over.
function limits.is_late(run)
  return run.deadline ~= nil and core.now() >= run.deadline
end

local function reached(run, name)
  run.limit = name
  return "usage_limit"
end

--- Why no further model call may be made, or nil.
function limits.before_call(run)
  local most, used = run.limits or {}, run.usage
  if run.steps >= run.max_steps then return "max_steps" end
  if most.requests and used.requests >= most.requests then return reached(run, "requests") end
  if most.total_tokens and used.total_tokens + unreported_tokens(run) >= most.total_tokens then
    return reached(run, "total_tokens")
  end
  if limits.is_late(run) then return reached(run, "seconds") end
end

--- Why so many tool calls may not be made, or nil.
function limits.before_tools(run, n)
  local most = (run.limits or {}).tool_calls
  if most and run.usage.tool_calls + n > most then return reached(run, "tool_calls") end
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
