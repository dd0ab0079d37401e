-- SPDX-License-Identifier: MIT
-- One run of a team: turn after turn, until its policy, its stop condition or a
-- bound says so.
--
--   go      to the end, however it ends
--   turns   whose turn, the turn, what is enough
--   turn    one member speaks, or several side by side
--
-- The team's state is in order whenever somebody waits: what ends a run, an
-- error, a cancelled task, a dead process, leaves a turn that can be taken up.

local core = require "marea.core"
local approval = require "marea.agent.approval"
local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local hear = require "marea.team.hear"
local limits = require "marea.agent.limits"
local party = require "marea.agent.party"
local runs = require "marea.agent.run"
local states = require "marea.team.state"
local task = require "marea.task"
local trace = require "marea.trace"
local usage = require "marea.usage"

local run = {}

local MAX_TURNS = 20

--- A run of a team, not begun. `turn` is what its caller has for it.
---@param team marea.Team
---@param state marea.TeamState
---@param turn marea.Turn
---@param max_turns integer|nil
function run.new(team, state, turn, max_turns)
  return { team = team, state = state, data = turn.data, emit = turn.emit, within = turn.within,
    max_turns = max_turns or team.max_turns or MAX_TURNS, began = core.now() }
end

local function seconds(self)
  return self.state.run.seconds + core.now() - self.began
end

---- telling ---------------------------------------------------------------------------------

local function call_hook(self, event)
  event.team = self.team.name
  local hook = self.team.hooks and self.team.hooks[event.type]
  if hook then hook(event) end
end

local function tell(self, event)
  call_hook(self, event)
  if self.emit then self.emit(event) end
end

-- A member's end is not the team's.
local private = { done = true, pending = true }

local function emit_for(self, name)
  if not self.emit then return nil end
  return function(event)
    if private[event.type] then return end
    event.agent = event.agent or name
    self.emit(event)
  end
end

---- the end of a run ------------------------------------------------------------------------

-- What a member said last.
local function words_of(messages, name)
  for i = #messages, 1, -1 do
    local message = messages[i]
    local speaks = message.name and message.role ~= "user"
    if speaks and (not name or message.name == name) then return hear.text(message), message.name end
  end
  return "", name
end

-- The output that goes with these words: a policy's own have none.
local function output_of(self, name)
  if self.text or not name then return nil end
  return hear.copy(self.state.outputs[name])
end

local function copy_usage(sum)
  local out = usage.new()
  usage.add(out, sum)
  return out
end

--- The result of a run that stopped.
---@return marea.AgentResult
function run.result(self, stop)
  local state = self.state
  local text, who = words_of(state.messages, self.answer)
  local counted = state.run
  local result = { output_text = self.text or text, output = output_of(self, who), stop = stop,
    agent = who or self.team.name, messages = compat.move(state.messages, 1, #state.messages, 1, {}),
    usage = copy_usage(counted.usage), steps = counted.steps, turns = counted.turns, limit = self.limit,
    guardrail = self.guardrail, ledger = state.policy.ledger }
  setmetatable(result.messages, getmetatable(state.messages))
  if stop == "pending" then result.pending = approval.list(state) end
  if stop == "pending" or stop == "paused" then result.state = states.save(state, self.team.name) end
  return runs.bless(result)
end

-- The run is over for good, unless it can go on from where it is.
local goes_on = { pending = true, paused = true, error = true }

local function settle(self, stop)
  local state = self.state
  state.run.seconds = seconds(self)
  self.began = core.now()
  state.run.over = not goes_on[stop] or nil
  state.usage.raw = {}
end

---- one turn --------------------------------------------------------------------------------

local function turn_of(self, name, resumed)
  return { data = self.data, emit = emit_for(self, name), within = self, resumed = resumed,
    outside = self.team.outside, messages = self.state.messages }
end

-- Has a member speak, or go on with a turn that broke off, or that waited for a
-- person: what is undecided still waits then. Returns its result, or nil and an
-- error.
local function speak(self, name)
  local state, who = self.state, self.team:member(name)
  local member = state.members[name] or party.fresh(who)
  local told, already = state.heard[name] or 0, state.members[name] ~= nil and state.said[name] == false
  local input = hear.input(state, name, already)
  if already and not input then
    local words = hear.unsaid(member)
    if words then return { output_text = words, stop = "done", steps = 0, usage = usage.new() } end
  end
  state.members[name], state.heard[name], state.said[name] = member, #state.messages, false
  local size = hear.size(member)
  local ok, result, err = pcall(party.go, who, member, input, turn_of(self, name, already))
  local done = ok and (result or err.result)
  if done and done.stop ~= "pending" then state.run.steps = state.run.steps + done.steps end
  if input and not (ok and result) and hear.size(member) == size then      -- it took the question back
    state.heard[name], state.said[name] = told, nil
  end
  if not ok then error(result, 0) end
  return result, err
end

-- What is worth keeping of what a member gave.
local function keep(self, name, result)
  local state = self.state
  state.said[name] = { message = hear.message(name, self.team:member(name), result), stop = result.stop,
    handoff = result.handoff, to = result.to, calls = hear.calls(state.members[name]), limit = result.limit,
    guardrail = result.guardrail, output = result.output }
end

local function speak_one(self, name, waiting)
  if self.state.said[name] then return nil end
  local result, err = speak(self, name)
  if not result then return err end
  if result.stop == "pending" then waiting[#waiting + 1] = name
  elseif result.stop == "usage_limit" and limits.is_late(self) then self.late = true
  elseif result.stop == "paused" then self.paused = true
  else keep(self, name, result) end
end

-- Each that has not spoken yet, side by side. Returns the first error.
local function speak_all(self, names)
  local waiting, failed = {}, nil
  if #names == 1 then failed = speak_one(self, names[1], waiting)
  else
    task.map(names, function(name)
      local err = speak_one(self, name, waiting)
      failed = failed or err
    end, { concurrency = self.team.parallel })
  end
  table.sort(waiting)
  self.state.waiting = waiting[1] and waiting or nil
  return failed
end

-- These end the whole run; of the others the words go on.
local ends_all = { guardrail = true, usage_limit = true, timeout = true, user = true, cancelled = true }

-- Once: who is told may break it off, and what was said is there then.
local function speak_aloud(self, name, said)
  local state = self.state
  if said.at then return end
  state.messages[#state.messages + 1] = said.message
  state.last, state.handoff, state.to, said.at = name, said.handoff, said.to, #state.messages
  state.outputs[name] = said.output
  tell(self, { type = "message", agent = name, message = said.message })
  -- the member's own run told it to all others
  if said.handoff then call_hook(self, { type = "handoff", from = name, to = said.handoff }) end
end

local function say(self, name, said, about)
  speak_aloud(self, name, said)
  about.new[#about.new + 1] = said.message
  about.handoffs[#about.handoffs + 1] = said.handoff
  for _, call in ipairs(said.calls) do about.calls[#about.calls + 1] = call end
  if ends_all[said.stop] then
    self.limit, self.guardrail = said.limit, said.guardrail
    return said.stop
  end
end

-- What was said, in the order of the names. Returns why the run stops, if it does.
local function publish(self, names, about)
  local state, stop = self.state, nil
  for _, name in ipairs(names) do
    local said = state.said[name]
    stop = say(self, name, said, about) or stop
  end
  state.run.turns = state.run.turns + #names
  state.speaking, state.said = nil, {}
  return stop
end

local function begin_turn(self, names)
  local state = self.state
  if state.speaking then return state.speaking end
  state.speaking, state.said = names, {}
  for _, name in ipairs(names) do
    tell(self, { type = "turn", agent = name, turn = state.run.turns + 1 })
  end
  return names
end

local function about_of(self)
  local state = self.state
  return { messages = state.messages, usage = state.run.usage, steps = state.run.steps, turns = state.run.turns,
    agent = state.last, data = self.data, new = {}, handoffs = {}, calls = {}, state = state.stop,
    seconds = seconds(self) }
end

local function condition(self, about)
  local stop = self.team.stop
  if not stop then return nil end
  about.agent, about.turns, about.steps, about.seconds =
    self.state.last, self.state.run.turns, self.state.run.steps, seconds(self)
  local reason = stop(about)
  return reason and (type(reason) == "string" and reason or "condition") or nil
end

-- How long a turn may take, and why the run ends then: what the condition, and
-- the limits, leave of time.
local function time_left(self)
  local stop = self.team.stop
  local left = type(stop) == "table" and stop.left and stop:left(self.state.stop, seconds(self)) or nil
  local limit = self.deadline and self.deadline - core.now()
  if limit and limit < (left or math.huge) then return limit, "usage_limit" end
  return left, "timeout"
end

local function over_time(self, reason)
  if reason == "usage_limit" then self.limit = "seconds" end
  return reason
end

local LATE = {}

-- f(...); or LATE and why the run ends.
local function in_time(self, f, ...)
  local left, reason = time_left(self)
  if not left then return f(...) end
  local over, results = true, nil
  local function timed(...)
    results = compat.pack(f(...))
    over = false
  end
  task.timeout(math.max(left, 0.001), timed, ...)
  if over then return LATE, reason end
  return compat.unpack(results, 1, results.n)
end

local function turn(self, names)
  local about = about_of(self)
  names = begin_turn(self, names)
  if limits.is_late(self) then return over_time(self, "usage_limit") end
  local failed, reason = in_time(self, speak_all, self, names)
  if failed == LATE then return over_time(self, reason) end
  if failed then return nil, failed end
  if self.late then return over_time(self, "usage_limit") end
  if self.state.waiting then return "pending" end
  if self.paused then return "paused" end
  local stop = publish(self, names, about)
  return condition(self, about) or stop
end

---- all turns -----------------------------------------------------------------------------------

local function fault(message)
  return nil, Error.new { kind = "validation", message = message }
end

--- What a policy is told.
---@class marea.TeamTurn
---@field fresh boolean the run has just been given something
---@field messages table[] what was said
---@field names string[] of the members
---@field last string|nil who spoke last
---@field handoff string|nil to whom it handed over
---@field to string|nil to whom a person gave it
---@field memo table what the policy remembers, plain data
---@field turns integer in this run
---@field left integer how many turns are left
---@field team marea.Team
---@field data any
---@field first integer where in the messages this run begins
---@field within table the run, for those a policy asks
---@field note_usage fun(raw: table|nil) counts a model call
---@field say fun(message: table) adds to what was said
local function policy_turn(self)
  local state, counted = self.state, self.state.run
  return { fresh = counted.turns == 0, messages = state.messages, names = self.team.names, last = state.last,
    handoff = state.handoff, to = state.to, memo = state.policy, turns = counted.turns, first = counted.first,
    left = self.max_turns - counted.turns, team = self.team, data = self.data,
    within = self,
    note_usage = function(raw) limits.count_call(self, raw) end,
    say = function(message)
      message.name = message.name or self.team.name
      state.messages[#state.messages + 1] = message
      state.outputs[message.name] = nil
      tell(self, { type = "message", agent = message.name, message = message })
    end }
end

-- What can't be a turn: it would be none, or two of one member side by side.
local function wrong_names(team, names)
  local seen = {}
  for _, name in ipairs(names) do
    if not team:member(name) then
      return ("nobody is called %q; there are: %s"):format(tostring(name), table.concat(team.names, ", "))
    end
    if seen[name] then return ("%q is named twice for one turn"):format(name) end
    seen[name] = true
  end
  if not names[1] then return "the policy gave no name, and no end" end
end

-- Whose turn it is, as a list; or nil and why the run ends; or nil, nil, error.
local function next_names(self)
  local names, reason, answer = self.team.policy(policy_turn(self))
  if Error.is(reason) then return nil, nil, reason end
  if names == nil then
    if type(answer) == "table" then self.text = answer.text else self.answer = answer end
    return nil, reason or "done"
  end
  if type(names) ~= "table" then names = { names } end
  local wrong = wrong_names(self.team, names)
  if wrong then return nil, nil, select(2, fault(("%s: %s"):format(self.team.name, wrong))) end
  return names
end

local function is_full(self)
  return self.state.run.turns >= self.max_turns
end

-- The policy may take its time too, where it asks a model.
local function choose(self)
  if self.state.speaking then return self.state.speaking end
  local names, stop, err = in_time(self, next_names, self)
  if names == LATE then return nil, over_time(self, stop) end
  if err and limits.is_late(self) then return nil, over_time(self, "usage_limit") end
  if names and is_full(self) then
    self.limit = "max_turns"
    return nil, "max_turns"
  end
  return names, stop, err
end

local function turns(self)
  while true do
    local names, stop, err = choose(self)
    if not names then return stop, err end
    stop, err = turn(self, names)
    if stop or err then return stop, err end
    if self.team:is_paused(self.state) then return "paused" end
  end
end

---- from its beginning -------------------------------------------------------------------------

-- What is used within is counted for this run, for the team, and for the runs
-- this one is within, and is bounded by the limits of each.
local function join_line(self)
  local team, within = self.team, self.within
  local all = { root = team, agent = team, usage = self.state.usage }
  self.root, self.agent, self.usage, self.limits = team, team, self.state.run.usage, team.usage_limits
  self.line = { self, all, compat.unpack(within and within.line or {}) }
  self.deadline = within and within.deadline
  local most = (team.usage_limits or {}).seconds
  if most then self.deadline = math.min(self.deadline or math.huge, self.began + most - self.state.run.seconds) end
end

-- New words begin a new run; none go on with the one there was.
local function begin(self, input)
  local state = self.state
  local messages = runs.messages_of(input)
  if messages[1] then state.speaking, state.waiting, state.said = nil, nil, {} end
  if messages[1] or not state.run or state.run.over then
    state.stop = {}
    state.run = { turns = 0, steps = 0, seconds = 0, usage = usage.new(), first = #state.messages + 1 }
  end
  for _, message in ipairs(messages) do state.messages[#state.messages + 1] = hear.copy(message) end
  join_line(self)
  if not state.messages[1] then error(("%s: there is nothing to do: give a text"):format(self.team.name), 0) end
end

local function go(self, input)
  begin(self, input)
  local ok, stop, err = pcall(turns, self)
  settle(self, ok and stop or "error")
  if not ok then error(stop, 0) end
  if err then
    err.result = run.result(self, "error")
    return nil, err
  end
  return run.result(self, stop)
end

--- Runs it. Returns the result, or nil and an error, which has the result as far
--- as it came.
---@return marea.AgentResult|nil, marea.error|nil
function run.go(self, input)
  return trace.span("team", self, go, self, input)
end

--- Tells that it is over: once, to who asked for the run.
function run.tell_end(self, result)
  if result.stop == "pending" then tell(self, { type = "pending", pending = result.pending }) end
  tell(self, { type = "done", result = result })
end

return run
