-- SPDX-License-Identifier: MIT
-- Whoever can have a turn in a conversation: an agent, a team, a person. Each
-- kind can make the data of a conversation, and take a turn in one:
--
--   fresh(who)                     a conversation, plain data
--   go(who, state, input, turn)    a result, or nil and an error; the state is
--                                  in order then, whatever happened
--
-- A team or a person has its kind in its metatable, as `party`.

local agents = require "marea.agent"
local kit = require "marea.agent.kit"
local runs = require "marea.agent.run"
local talks = require "marea.agent.talk"

local party = {}

---@class marea.Turn what one who has a turn is given
---@field data any what the run was given
---@field emit fun(event: table)|nil
---@field within table|nil the run it is part of: what is used is counted there too
---@field resumed boolean|nil the turn goes on where it broke off, or waited for a person
---@field outside table[]|nil whom else the conversation may be handed over to
---@field messages table[]|nil the transcript

local agent_kind = {}

function agent_kind.fresh(agent)
  return talks.new(agent)
end

function agent_kind.go(agent, talk, input, turn)
  local run = runs.new(agent, talk, { data = turn.data, emit = turn.emit, outside = turn.outside,
    within = turn.within })
  return runs.go(run, input, turn.resumed and talk.counters ~= nil)
end

--- The kind of somebody, or nil if it can't have a turn.
function party.of(who)
  if agents.is(who) then return agent_kind end
  local mt = type(who) == "table" and getmetatable(who)
  return type(mt) == "table" and rawget(mt, "party") or nil
end

---@return boolean
function party.is(value)
  return party.of(value) ~= nil
end

--- The member of a team, or whom an agent can hand over to, by name.
function party.member(who, name)
  local kind = party.of(who)
  if kind.member then return kind.member(who, name) end
  return kit.find_agent(who, name)
end

function party.fresh(who)
  return party.of(who).fresh(who)
end

function party.go(who, state, input, turn)
  return party.of(who).go(who, state, input, turn)
end

return party
