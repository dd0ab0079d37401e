-- SPDX-License-Identifier: MIT
-- An agent that is a tool of another: it runs in a conversation of its own,
-- which is forgotten when it has answered. If a person must be asked within,
-- the conversation is kept in the outer call until then.

local content = require "marea.agent.content"
local json = require "marea.json"
local party = require "marea.agent.party"
local talks = require "marea.agent.talk"

local nested = {}

local function text_of(result)
  if result.stop == "done" and result.output ~= nil then return json.encode(result.output) end
  if result.stop == "done" then return content.of(result.output_text) end
  local reason = result.guardrail and result.guardrail.reason or result.refusal
  local said = result.output_text ~= "" and result.output_text .. "\n" or ""
  return ("%s[It stopped: %s%s]"):format(said, result.stop, reason and ", " .. reason or "")
end

-- Agents that are each other's tools would ask one another without end.
local function check_circle(run, agent)
  for _, one in ipairs(run.line) do
    if one.root == agent or one.agent == agent then
      error(("%s is at work already, and waits for this answer"):format(agent.name), 0)
    end
  end
end

--- Runs the agent of a tool for a call, or goes on with it.
function nested.run(run, call, tool)
  check_circle(run, tool.agent)
  local state = call.nested
  call.nested = nil
  local talk = state and talks.copy(state) or party.fresh(tool.agent)
  local result, err = party.go(tool.agent, talk, not state and call.arguments.input or nil,
    { data = run.data, within = run, resumed = state ~= nil })
  if not result then
    call.content, call.failed = "Error: " .. content.message(err), true
  elseif result.stop == "pending" then call.nested = talk
  else call.content = content.cut(text_of(result), tool) end
end

return nested
