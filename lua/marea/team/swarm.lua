-- SPDX-License-Identifier: MIT
-- Who has the conversation hands it over to another, by a tool; it is over when
-- somebody answers without doing so. Of several handovers in one turn the first
-- counts, and the others are told so. A person gives it back to who asked.

local teams = require "marea.team.new"

local spec = { who = "marea.team.swarm", kind = "swarm" }

local function after_person(turn)
  return turn.to or turn.memo.asked or turn.names[1]
end

-- New words, where a person had it, are that person's.
local function first(turn)
  local memo = turn.memo
  if memo.now and turn.team:member(memo.now).is_person then memo.now = memo.asked end
  return memo.now or turn.names[1]
end

-- Who asks a person gets the answer, also if that takes several questions.
local function policy(turn)
  local memo, team = turn.memo, turn.team
  local last = turn.last and team:member(turn.last)
  if turn.fresh then
    memo.now = first(turn)
    return memo.now
  end
  if turn.handoff then
    if not last.is_person then memo.asked = turn.last end
    memo.now = turn.handoff
    return memo.now
  end
  if last and last.is_person then
    memo.now = after_person(turn)
    return memo.now
  end
  return nil, "done", turn.last
end

-- Handed over is to a member's name, which its tool is called after.
local function others(team)
  local list = {}
  for i, name in ipairs(team.names) do list[i] = team.members[name] end
  return list
end

function spec.policy(team)
  team.outside = others(team)
  return policy
end

--- The first has the conversation, until it hands it over; the last one to have
--- it has it in the next run. A member's `handoffs` say to whom it may hand over;
--- one without may to all others.
---@param options marea.TeamOptions members; stop =, max_turns =, name =
---@return marea.Team
return function(options)
  local made = teams.make(1, spec, options)
  return made
end
