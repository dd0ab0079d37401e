-- SPDX-License-Identifier: MIT
-- An agent that is a tool of another: it runs in a conversation of its own,
-- which is forgotten when it has answered. If a person must be asked within,
-- the conversation is kept in the outer call until then.

local content = require "marea.agent.content"
local json = require "marea.json"
local loop = require "marea.agent.loop"
local talks = require "marea.agent.talk"
local runs = require "marea.agent.run"
local usage = require "marea.usage"

local nested = {}

local function text_of(child, stop)
  if stop == "done" and child.output ~= nil then return json.encode(child.output) end
  local text = child.text or ""
  if stop == "done" then return content.of(text) end
  local reason = child.guardrail and child.guardrail.reason or child.refusal
  return ("%s\n[It stopped: %s%s]"):format(child.guardrail and "" or text, stop, reason and ", " .. reason or "")
end

local function fresh(tool, call)
  local talk = talks.new(tool.agent)
  talk.messages[1] = { role = "user", content = call.arguments.input }
  return talk
end

--- Runs the agent of a tool for a call, or goes on with it.
function nested.run(run, call, tool)
  local talk = call.nested and talks.copy(call.nested) or fresh(tool, call)
  local child = runs.new(tool.agent, talk, { data = run.data })
  child.deadline = child.deadline and run.deadline and math.min(child.deadline, run.deadline)
    or child.deadline or run.deadline
  child.first = 1
  runs.restore(child)
  local before = child.usage
  child.usage = usage.new()
  local stop, err = loop.go(child)
  usage.add(run.usage, child.usage)
  if stop == "pending" then
    usage.add(child.usage, before)
    runs.pause(child)
    call.nested = talk
    return
  end
  call.nested = nil
  if err then
    call.content, call.failed = "Error: " .. content.message(err), true
  else call.content = content.cut(text_of(child, stop), tool) end
end

return nested
