-- SPDX-License-Identifier: MIT
-- An event of a run, told to all who may want it, in this order: hooks of the
-- agent at work and of the one that was asked, the reader of the stream,
-- listeners of marea.on.

local observe = require "marea.observe"

local tell = {}

local hooks = { step = "step", ["tool.start"] = "tool_start", ["tool.end"] = "tool_end", handoff = "handoff",
  done = "done", pending = "pending" }
local heard = { step = "step", ["tool.end"] = "tool", handoff = "handoff" }

local function call_hook(agent, name, event)
  local hook = agent.hooks and agent.hooks[name]
  if hook then hook(event) end
end

---@param run table
---@param event { type: string }
function tell.event(run, event)
  event.agent = event.agent or run.agent.name
  call_hook(run.agent, hooks[event.type], event)
  if run.root ~= run.agent then call_hook(run.root, hooks[event.type], event) end
  if run.emit then run.emit(event) end
  local name = heard[event.type]
  if name and observe.heard(name) then
    event.run = run.id
    observe.emit(name, event)
  end
end

return tell
