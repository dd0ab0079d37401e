-- SPDX-License-Identifier: MIT
-- What the specs of agents share: clients that answer from a script, tools that
-- note what they were called with, and the check every history must pass.

local assert = require("luassert")
local history = require("marea.agent.history")
local marea = require("marea")

local agents = {}

---A client with these replies.
function agents.client(replies, options)
  local all = { replies = replies }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.testing.client(all)
end

---A reply that calls tools: { { name, arguments }, ... }.
function agents.calling(list, fields)
  local out = { tool_calls = {} }
  for i, call in ipairs(list) do out.tool_calls[i] = { name = call[1], arguments = call[2], id = call.id } end
  for name, value in pairs(fields or {}) do out[name] = value end
  return out
end

---A tool that notes its arguments in `seen`, and returns what `f` does.
function agents.tool(name, f, options)
  local seen = {}
  local all = { name = name, parameters = { x = "any?" }, run = function(args, context)
    seen[#seen + 1] = args
    if f then return f(args, context) end
    return "ok"
  end }
  for key, value in pairs(options or {}) do all[key] = value end
  return marea.tool(all), seen
end

---The contents of the tool messages, in order.
function agents.results(messages)
  local out = {}
  for _, message in ipairs(messages) do
    if message.role == "tool" then out[#out + 1] = message.content end
  end
  return out
end

---Who speaks, in order: "user assistant tool".
function agents.roles(messages)
  local out = {}
  for i, message in ipairs(messages) do out[i] = message.role end
  return table.concat(out, " ")
end

---The history of an agent, or a list, can be sent as it is.
function agents.is_valid(messages)
  assert(history.check(messages.messages or messages))
end

---Events as words: the type, and what tells one from another.
function agents.words(stream)
  local out = {}
  for event in stream do
    local what = event.text or event.result and event.result.stop or event.name or event.to or event.step
    if event.type ~= "tool_call.delta" then out[#out + 1] = event.type .. (what and " " .. tostring(what) or "") end
  end
  return out
end

return agents
