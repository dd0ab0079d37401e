-- SPDX-License-Identifier: MIT
-- Guardrails: functions that look at what comes in, what goes out, and what a
-- tool is asked to do. Each returns nothing, or the reason to stop the run. One
-- that fails stops it too.

local content = require "marea.agent.content"
local protect = require "marea.agent.protect"

local guard = {}

local function first_reason(list, ...)
  for _, f in ipairs(list or {}) do
    local results, err = protect(f, ...)
    if not results then return "a guardrail failed: " .. content.message(err) end
    local reason = results[1]
    if reason then return type(reason) == "string" and reason or "a guardrail said so" end
  end
end

local function note(run, where, reason, text)
  if reason then run.guardrail = { where = where, reason = reason, text = text } end
  return reason
end

--- What the user said, before the model sees it.
function guard.input(run, text, about)
  local list = (run.agent.guardrails or {}).input
  return note(run, "input", first_reason(list, text, about), text)
end

--- What the model said at the end.
function guard.output(run, text, about)
  local list = (run.agent.guardrails or {}).output
  return note(run, "output", first_reason(list, text, about), text)
end

--- A call whose arguments fit, before it runs or anybody is asked.
function guard.tool(run, call, context)
  local list = (run.agent.guardrails or {}).tool
  return note(run, "tool", first_reason(list, { id = call.id, name = call.name, arguments = call.arguments }, context))
end

return guard
