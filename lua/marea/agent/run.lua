-- SPDX-License-Identifier: MIT
-- One run of an agent: what it starts with, and what comes of it. However it
-- ends, the conversation is one that can go on.

local core = require "marea.core"
local approval = require "marea.agent.approval"
local guard = require "marea.agent.guard"
local history = require "marea.agent.history"
local kit = require "marea.agent.kit"
local loop = require "marea.agent.loop"
local normalise = require "marea.normalise"
local protect = require "marea.agent.protect"
local recall = require("marea.compat").lazy "marea.agent.recall"
local talks = require "marea.agent.talk"
local tell = require "marea.agent.tell"
local trace = require "marea.trace"
local usage = require "marea.usage"

local unpack = require("marea.compat").unpack

local run = {}

local MAX_STEPS = 10

local made = 0

local function new_id()
  made = made + 1
  return ("run_%d"):format(made)
end

local function earlier(a, b)
  return a and b and math.min(a, b) or a or b
end

-- A condition of time ends what is in flight, as the agent's own limit does.
local function limit_time(self)
  local stop = self.root.stop
  local now = core.now()
  local left = type(stop) == "table" and stop.left and stop:left(self.conditions, now - self.began)
  self.stop_at = left and now + left or nil
  self.deadline = earlier(self.deadline, self.stop_at)
end

--- A run, not begun. `within` is the run it is a tool call of, or of the team.
---@param agent marea.Agent
---@param talk marea.agent.Talk
---@param options table|nil data, emit, max_steps, usage_limits, within
function run.new(agent, talk, options)
  options = options or {}
  local limits, within = options.usage_limits or agent.usage_limits, options.within
  local self = {
    id = new_id(), root = agent, agent = kit.find_agent(agent, talk.active) or agent, talk = talk,
    kits = kit.kept(options.outside, within), outside = options.outside, data = options.data, emit = options.emit,
    max_steps = options.max_steps or agent.max_steps or MAX_STEPS, limits = limits,
    deadline = earlier(limits and limits.seconds and core.now() + limits.seconds, within and within.deadline),
    usage = usage.new(), steps = 0, repairs = 0, repeats = {}, conditions = {}, handed = {}, began = core.now(),
    ids = history.ids(talk.messages), first = #talk.messages + 1, seen = 0,
  }
  self.line = { self, unpack(within and within.line or {}) }
  return self
end

---- what it starts with --------------------------------------------------------------------

local function texts_of(messages)
  local texts = {}
  for _, message in ipairs(messages) do texts[#texts + 1] = normalise.content(message.content) end
  return table.concat(texts, "\n")
end

--- Input as messages: a text, a message, or a list of them.
function run.messages_of(input)
  if input == nil then return {} end
  if type(input) == "string" then return { { role = "user", content = input } } end
  if input.role then return { input } end
  return input
end

-- Returns why the run stops before it began, if it does; or nil and an error.
local function begin(self, messages)
  local text = texts_of(messages)
  if guard.input(self, text, { agent = self.agent.name, messages = self.talk.messages, data = self.data }) then
    return "guardrail"
  end
  history.close(self.talk)      -- what still waited for a person was not approved
  if self.talk.counters then usage.add(self.talk.usage, self.talk.counters.usage, false) end
  self.talk.counters, self.talk.waiting = nil, nil
  self.first = #self.talk.messages + 1
  for _, message in ipairs(messages) do
    self.talk.messages[#self.talk.messages + 1] = talks.copy(message)
  end
  if not self.root.memory then return nil end
  local err
  self.recalled, err = recall.text(self.root.memory, messages[1] and text or nil, self.talk.messages)
  return nil, err
end

---- counters -----------------------------------------------------------------------------------

--- Writes down what a run that waits must remember.
function run.pause(self)
  self.talk.counters = { steps = self.steps, repairs = self.repairs, repeats = self.repeats, usage = self.usage,
    first = self.first, seen = self.seen, seconds = core.now() - self.began, conditions = self.conditions,
    recalled = self.recalled, text = self.text }
end

local function text(value)
  return type(value) == "string" and value or nil
end

-- A number as it was written down, or what there is without.
local function number(value, least, otherwise)
  return type(value) == "number" and value >= least and value or otherwise
end

--- Goes on counting where a run that waited stopped. What a person took doesn't count.
function run.restore(self)
  local counters = self.talk.counters
  self.talk.counters = nil
  if type(counters) ~= "table" then return end
  self.steps, self.repairs = number(counters.steps, 0, 0), number(counters.repairs, 0, 0)
  self.repeats = type(counters.repeats) == "table" and counters.repeats or {}
  self.first = math.floor(number(counters.first, 1, self.first))
  self.seen = math.floor(number(counters.seen, 0, 0))
  self.began = self.began - number(counters.seconds, 0, 0)
  self.conditions = type(counters.conditions) == "table" and counters.conditions or {}
  self.recalled, self.text = text(counters.recalled), text(counters.text)
  if type(counters.usage) == "table" then usage.add(self.usage, counters.usage) end
end

---- what comes of it -----------------------------------------------------------------------------

---@class marea.AgentResult
---@field output_text string
---@field output any what `output` asked for
---@field stop string
---@field messages table[] the whole conversation
---@field usage marea.Usage of this run
---@field steps integer model calls
---@field agent string who answered
---@field pending marea.Pending[]|nil
---@field guardrail table|nil { where, reason, text }
---@field refusal string|nil
---@field limit string|nil which usage limit was reached
---@field handoff string|nil who of its team was given the conversation
---@field turns integer|nil of a team
---@field ledger table|nil of an orchestrator: facts, plan, progress
---@field state table|nil of a run that waits
local metatable = { __name = "marea.agent.result" }

function metatable:__tostring()
  return self.output_text
end

--- Gives a result, also one that was data, its metatables.
function run.bless(result)
  if result.pending then approval.bless(result.pending) end
  return setmetatable(result, metatable)
end

---@return boolean
function run.is(value)
  return getmetatable(value) == metatable
end

local function final_text(self)
  if self.guardrail then return "" end
  return self.text or ""
end

local function list_of(messages)
  local out = {}
  for i, message in ipairs(messages) do out[i] = message end
  return setmetatable(out, getmetatable(messages))
end

--- The result of a run that stopped.
---@return marea.AgentResult
function run.result(self, stop)
  local result = { output_text = final_text(self), output = self.output, stop = stop,
    messages = list_of(self.talk.messages), usage = self.usage, steps = self.steps, agent = self.agent.name,
    guardrail = self.guardrail, refusal = self.refusal, limit = self.limit, handoff = self.left }
  if stop == "pending" then
    result.pending = approval.list(self.talk)
    result.state = talks.save(self.talk, self.root.name, true)
  end
  return run.bless(result)
end

-- A call that failed at once leaves no question behind that nobody answered.
local function take_back(self)
  local messages = self.talk.messages
  if self.steps > 1 or self.first > #messages or messages[#messages].role ~= "user" then return end
  for i = #messages, self.first, -1 do messages[i] = nil end
end

-- A run that waits is counted with the rest once it has ended.
local function settle(self, stop)
  if stop == "pending" then return run.pause(self) end
  history.close(self.talk)
  usage.add(self.talk.usage, self.usage, false)
end

local function start(self, input)
  local stop, err = begin(self, run.messages_of(input))
  if stop or err then return stop, err end
  limit_time(self)
  return loop.go(self)
end

-- What was cancelled keeps its question: a run without words answers it.
local function work(self, input, resumed)
  if resumed then
    run.restore(self)
    limit_time(self)
    return loop.go(self)
  end
  local results, raised = protect(start, self, input)
  if not results or results[2] then take_back(self) end
  if not results then error(raised, 0) end
  return results[1], results[2]
end

local function go(self, input, resumed)
  local ok, stop, err = pcall(work, self, input, resumed)
  settle(self, ok and stop or "error")
  if not ok then error(stop, 0) end
  if err then
    err.result = run.result(self, "error")
    return nil, err
  end
  local result = run.result(self, stop)
  if stop == "pending" then tell.event(self, { type = "pending", pending = result.pending }) end
  tell.event(self, { type = "done", result = result })
  return result
end

--- Runs it: from its input on, or where it waited. Returns the result, or nil
--- and an error, which has the result as far as it came.
---@param self table
---@param input any
---@param resumed boolean|nil
---@return marea.AgentResult|nil, marea.error|nil
function run.go(self, input, resumed)
  return trace.span("run", self, go, self, input, resumed)
end

return run
