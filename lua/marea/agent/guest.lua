-- SPDX-License-Identifier: MIT
-- A turn in an agent's conversation of one that is no agent: a team, or a
-- person, whom it was handed over to. Each is told what was said since it last
-- was; what a team says is an answer, and after a person the conversation goes
-- back to who handed it over.

local json = require "marea.json"
local normalise = require "marea.normalise"
local party = require "marea.agent.party"

local guest = {}

-- Questions as they are, answers as their text.
local function untold(talk, name)
  local list = {}
  for i = (talk.heard[name] or 0) + 1, #talk.messages do
    local message = talk.messages[i]
    local text = normalise.content(message.content)
    if message.role == "user" then list[#list + 1] = message
    elseif message.role == "assistant" and text ~= "" then list[#list + 1] = { role = "assistant", content = text } end
  end
  return list
end

local function say(run, role, result)
  local text = result.output ~= nil and json.encode(result.output) or result.output_text
  local messages = run.talk.messages
  messages[#messages + 1] = { role = role, content = text ~= "" and text or ("(stopped: %s)"):format(result.stop) }
  run.text = text
end

local function back(run)
  local to = run.from or run.root
  run.agent, run.talk.active = to, to.name
end

local function wait(run, name)
  run.talk.waiting = { name }
  return "pending"
end

--- Takes the turn. Returns why the run stops, nothing to go on, or nil and an
--- error.
---@return string|nil stop, marea.error|nil
function guest.turn(run)
  local who, talk, name = run.agent, run.talk, run.agent.name
  talk.members, talk.heard = talk.members or {}, talk.heard or {}
  local state = talk.members[name] or party.fresh(who)
  local resumed = talk.waiting ~= nil
  talk.members[name], talk.waiting = state, nil
  local input = not resumed and untold(talk, name) or nil
  talk.heard[name] = #talk.messages
  run.steps = run.steps + (party.of(who).is_person and 1 or 0)
  local result, err = party.go(who, state, input, { data = run.data, emit = run.emit, within = run,
    resumed = resumed, messages = talk.messages })
  local done = result or err.result
  if done and done.stop ~= "pending" then run.steps = run.steps + done.steps end
  if not result then return nil, err end
  if result.stop == "pending" then return wait(run, name) end
  say(run, party.of(who).is_person and result.stop == "done" and "user" or "assistant", result)
  talk.heard[name] = #talk.messages
  if not party.of(who).is_person or result.stop ~= "done" then return result.stop end
  back(run)
end

return guest
