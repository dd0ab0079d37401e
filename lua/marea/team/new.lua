-- SPDX-License-Identifier: MIT
-- marea.team.new: members, and a policy that says whose turn it is. This file is
-- what a user holds, with an agent's methods; a run is team/run.lua. The other
-- teams are policies, a file each, made into teams here.

local agents = require "marea.agent"
local compat = require "marea.compat"
local approval = compat.lazy "marea.agent.approval"
local check = require "marea.check"
local input_check = require "marea.agent.input"
local holder = require "marea.agent.holder"
local limits = require "marea.agent.limits"
local party = require "marea.agent.party"
local runs = require "marea.team.run"
local states = require "marea.team.state"
local talks = require "marea.agent.talk"

local team = {}

---@class marea.Team
---@field name string
---@field description? string
---@field names string[] of the members, in order
---@field messages table[] what was said
---@field usage marea.Usage over all runs
local methods = {}
local metatable = { __name = "marea.team" }

-- The conversation of each team, and who is to pause.
local conversations = setmetatable({}, { __mode = "k" })
local pausing = setmetatable({}, { __mode = "k" })

function metatable:__index(key)
  if key == "messages" or key == "usage" then return conversations[self][key] end
  return methods[key]
end

function metatable:__tostring()
  return ("marea.team (%s)"):format(self.name)
end

---@return boolean
function team.is(value)
  return getmetatable(value) == metatable
end

---- making one --------------------------------------------------------------------------

local WHOLE = "a whole number of at least 1"

--- Options that every team has.
team.fields = { name = "a non-empty string", description = "a string", max_turns = WHOLE, parallel = WHOLE,
  stop = "a table or a function", hooks = "a table", usage_limits = "a table", prices = "a table" }

local hook_fields = { turn = "a function", message = "a function", handoff = "a function", pending = "a function",
  done = "a function" }

-- The options by name; the members are in the list part.
local function split(level, who, options, more)
  check.value(level + 1, who, "a table", options)
  local named, form = {}, {}
  for key, value in pairs(options) do
    if type(key) ~= "number" then named[key] = value end
  end
  for _, fields in ipairs { team.fields, more or {} } do
    for name, expected in pairs(fields) do form[name] = expected end
  end
  check.fields(level + 1, who, named, form)
  if named.hooks then check.fields(level + 1, who .. ", hooks", named.hooks, hook_fields) end
  limits.check(level + 1, who, named)
  return named
end

local function add_member(self, level, who, name, one)
  if not party.is(one) then
    check.fail(level + 1, ("%s, member %s"):format(who, name), "an agent, a team or a person", one)
  end
  if self.members[name] then error(("%s: two members are called %q"):format(who, name), level + 2) end
  self.members[name] = one
  self.names[#self.names + 1] = name
end

--- Makes a team. `spec`: who (for errors), kind, policy (made of the team),
--- fields (options of its own), nodes (members by name, if they aren't a list).
---@param level integer
function team.make(level, spec, options)
  local self = { name = "team", members = {}, names = {}, kind = spec.kind }
  local named = split(level + 1, spec.who, options, spec.fields)
  for name, value in pairs(named) do self[name] = value end
  for i, one in ipairs(spec.members or options) do
    add_member(self, level + 1, spec.who, type(one) == "table" and one.name or ("%d"):format(i), one)
  end
  for _, name in ipairs(spec.order or {}) do add_member(self, level + 1, spec.who, name, spec.nodes[name]) end
  if not self.names[1] then error(spec.who .. ": expected at least one member", level + 2) end
  self.options = options
  setmetatable(self, metatable)
  conversations[self] = states.new()
  self.policy = spec.policy(self)
  return self
end

--- A team with a policy of one's own: `policy(turn)` returns the name of who is
--- next, or several names, or nil and why the run ends.
---@param options marea.TeamOptions members; policy =, name =, stop =, max_turns =
---@return marea.Team
function team.new(options)
  local spec = { who = "marea.team.new", kind = "new", fields = { policy = "a function" },
    policy = function() return options.policy end }
  check.value(1, "marea.team.new", "a table", options)
  check.value(1, "marea.team.new, policy", "a function", options.policy)
  local made = team.make(1, spec, options)
  return made
end

--- The member of that name.
---@param name string
---@return marea.Agent|marea.Team|marea.UserProxy|nil
function methods:member(name)
  return self.members[name]
end

local function conversation_of(self, name)
  local state = conversations[self]
  if not state then error(("call it with a colon: team:%s()"):format(name), 3) end
  return state
end

---- as one who has a turn, of other teams and agents ----------------------------------------

metatable.party = {
  fresh = function() return states.new() end,
  go = function(self, state, input, turn) return runs.go(runs.new(self, state, turn), input) end,
  member = function(self, name) return self.members[name] end,
}

---- running -------------------------------------------------------------------------------

local run_fields = { data = "anything", max_turns = WHOLE }

local function take(self, state, level)
  holder.take(self, state, level + 1)
  pausing[self] = nil
end

local function new_run(self, state, options)
  options = options or {}
  return runs.new(self, state, { data = options.data }, options.max_turns)
end

local function perform(run, input)
  local result, err = holder.perform(run.state, runs.go, run, input)
  if not result then return nil, err end
  runs.tell_end(run, result)
  return result
end

local function stream_of(run, input)
  return holder.stream(run.state, function(emit)
    run.emit = emit
    return perform(run, input)
  end, function() return run.state.run and runs.result(run, "cancelled") end)
end

--- Has the team work: turn after turn, until it is done or a bound is reached.
--- Returns the result; or nil and an error.
---@param input string|table|nil a text, a message, a list of messages; nil: goes on
---@param options marea.TeamRunOptions|nil
---@return marea.AgentResult|nil, marea.error|nil
function methods:run(input, options)
  local state = conversation_of(self, "run")
  input_check.check(1, "team:run", input)
  holder.check_run(1, "team:run", options, run_fields)
  take(self, state, 2)
  return perform(new_run(self, state, options), input)
end

--- The same, as a stream of events: those of its members, each with the `agent`
--- it is of, and `turn`, `message`, `handoff`, `pending`, `done`.
---@param input string|table|nil
---@param options marea.TeamRunOptions|nil
---@return marea.AgentStream
function methods:stream(input, options)
  local state = conversation_of(self, "stream")
  input_check.check(1, "team:stream", input)
  holder.check_run(1, "team:stream", options, run_fields)
  take(self, state, 2)
  return stream_of(new_run(self, state, options), input)
end

--- Has the run that goes on end after the turn it is in, with `paused`; `run()`
--- or `resume(result)` goes on from there.
function methods:pause()
  conversation_of(self, "pause")
  pausing[self] = true
  return self
end

--- Whether a run of this state is to pause now.
---@param state marea.TeamState
---@return boolean
function methods:is_paused(state)
  if not pausing[self] or state ~= conversations[self] and holder.is_busy(conversations[self]) then return false end
  pausing[self] = nil
  return true
end

---- going on ------------------------------------------------------------------------------------

-- What is saved of a member is a team's, an agent's, or a person's.
local function load_member(self, name, data)
  local who = self.members[name]
  if not who then return nil, "nobody is called so" end
  if team.is(who) then return team.load_state(who, data) end
  if not agents.is(who) then return talks.copy(data) end
  data.marea, data.version = "conversation", 1
  return talks.load(data)
end

--- A state of this team from data, or nil and what is wrong.
function team.load_state(self, data)
  if type(data) == "table" and data.marea == nil then data.marea, data.version = "team", 1 end
  return states.load(data, function(name, member) return load_member(self, name, member) end)
end

local function restore(self, data)
  if data.stop ~= "pending" and data.stop ~= "paused" or type(data.state) ~= "table" then
    return nil, "nothing waits in it"
  end
  if data.resumed then return nil, "it was resumed already" end
  if data.state.name ~= self.name then
    return nil, ("it is of the team %q, not of %q"):format(tostring(data.state.name), self.name)
  end
  return team.load_state(self, data.state)
end

--- Goes on with a run that waited or was paused: a result, or its data, from this
--- process or another. `decisions`, by id, as an agent's.
---@param data table
---@param decisions table|nil
---@param options marea.TeamResumeOptions|nil
---@return marea.AgentResult|marea.AgentStream|nil, marea.error|nil
function methods:resume(data, decisions, options)
  conversation_of(self, "resume")
  check.value(1, "team:resume", "a table", data)
  local streamed
  options, streamed = holder.split(options)
  holder.check_run(1, "team:resume", options, run_fields)
  local state, why = restore(self, data)
  if not state then return holder.invalid("team:resume: " .. why) end
  local decided
  decided, why = approval.decisions(state, data.pending, decisions)
  if not decided then error("team:resume: " .. why, 2) end
  local ok
  ok, why = approval.apply(state, decided, self)
  if not ok then return holder.invalid("team:resume: " .. why) end
  take(self, conversations[self], 2)
  holder.give_back(conversations[self])
  holder.take(self, state, 2)
  data.resumed = true           -- once: its calls run now
  conversations[self] = state
  local run = new_run(self, state, options)
  if streamed then return stream_of(run) end
  return perform(run)
end

---- the conversation ------------------------------------------------------------------------

--- Forgets the conversation, its members' too.
function methods:reset()
  take(self, conversation_of(self, "reset"), 2)
  holder.give_back(conversations[self])
  conversations[self] = states.new()
  return self
end

--- The conversation as data: of the team, of each member, and what its policy and
--- its stop condition have counted. Also in the middle of a run, and of a turn.
---@return table
function methods:save()
  return states.save(conversation_of(self, "save"), self.name)
end

--- Takes up a conversation that was saved; `run()` goes on with it. Returns the
--- team; or nil and an error if the data is none.
---@param data table
---@return marea.Team|nil, marea.error|nil
function methods:load(data)
  take(self, conversation_of(self, "load"), 2)
  holder.give_back(conversations[self])
  local state, why = team.load_state(self, talks.copy(data))
  if not state then return holder.invalid("team:load: " .. why) end
  conversations[self] = state
  return self
end

--- A tool that asks this team, in a conversation of its own each time.
---@param options marea.AsToolOptions|nil
---@return marea.Tool
function methods:as_tool(options)
  conversation_of(self, "as_tool")
  return holder.as_tool(1, "team:as_tool", self, options)
end

return team
