-- SPDX-License-Identifier: MIT
-- marea.agent: a model with instructions, tools, and a conversation it
-- remembers. This file is what a user holds; a run is agent/run.lua, and the
-- loop agent/loop.lua.

local compat = require "marea.compat"
local approval = compat.lazy "marea.agent.approval"
local check = require "marea.check"
local holder = require "marea.agent.holder"
local inputs = require "marea.agent.input"
local kit = require "marea.agent.kit"
local limits = require "marea.agent.limits"
local output = compat.lazy "marea.agent.output"
local party = compat.lazy "marea.agent.party"
local runs = require "marea.agent.run"
local talks = require "marea.agent.talk"
local tool = require "marea.tool"

local agent = {}

---@class marea.Agent
---@field name string
---@field client marea.Client
---@field messages table[] the conversation
---@field usage marea.Usage over all runs of the conversation
---@field instructions? string|fun(about: table): string
---@field tools? marea.Tool[]
---@field handoffs? marea.Agent[]
local methods = {}
local metatable = { __name = "marea.agent" }

-- The conversation of each agent.
local conversations = setmetatable({}, { __mode = "k" })

function metatable:__index(key)
  if key == "messages" or key == "usage" then return conversations[self][key] end
  return methods[key]
end

function metatable:__tostring()
  return ("marea.agent (%s)"):format(self.name)
end

---- making one --------------------------------------------------------------------------

local WHOLE = "a whole number of at least 1"

local fields = {
  client = "a table", name = "a non-empty string", description = "a string", model = "a non-empty string",
  instructions = "a string or a function", tools = "a table", handoffs = "a table",
  params = "a table", call = "a table",
  output = "a string or a table", output_mode = "a non-empty string",
  output_retries = "a whole number of at least 0",
  max_steps = WHOLE, max_repeats = WHOLE .. ", or false", parallel = WHOLE .. ", or false",
  tool_timeout = "seconds (a number above 0), or false", usage_limits = "a table", prices = "a table",
  guardrails = "a table", hooks = "a table", repair = "a function",
  context = "a function", memory = "a table", stop = "a table or a function",
}

local hook_fields = { step = "a function", tool_start = "a function", tool_end = "a function", handoff = "a function",
  pending = "a function", done = "a function" }
local guard_fields = { input = "a table", output = "a table", tool = "a table" }
local PRICE = "a number of at least 0"
local price_fields = { input = PRICE, output = PRICE, cached = PRICE, reasoning = PRICE }

local REPEATS = 3

local function check_parts(level, options)
  local who = "marea.agent, "
  local parts = { hooks = hook_fields, guardrails = guard_fields, prices = price_fields }
  for name, form in pairs(parts) do
    if options[name] then check.fields(level + 1, who .. name, options[name], form) end
  end
  limits.check(level + 1, "marea.agent", options)
  if options.memory and type(options.memory.query) ~= "function" then
    check.fail(level + 1, who .. "memory", "something with `query`", options.memory)
  end
  for i, one in ipairs(options.tools or {}) do
    local where = ("%stools[%d]"):format(who, i)
    if not tool.is(one) then check.fail(level + 1, where, "a tool, made by marea.tool", one) end
  end
  for i, one in ipairs(options.handoffs or {}) do
    if not agent.is(one) and not party.is(one) then
      check.fail(level + 1, ("%shandoffs[%d]"):format(who, i), "an agent", one)
    end
  end
end

local function check_mode(level, mode)
  if mode ~= nil and not output.modes[mode] then
    error(("marea.agent, output_mode: expected json_schema, json_object, tool or prompt, got %q"):format(mode),
      level + 2)
  end
end

local function check_params(level, params)
  if params.messages ~= nil or params.stream ~= nil then
    error("marea.agent, params: `messages` and `stream` are the agent's own", level + 2)
  end
  if params.tools ~= nil then check.value(level + 1, "marea.agent, params.tools", "a table", params.tools) end
end

local function check_options(level, options)
  check.fields(level + 1, "marea.agent", options, fields)
  check.value(level + 1, "marea.agent, client", "a table", options.client)
  check_params(level + 1, options.params or {})
  check_parts(level + 1, options)
  check_mode(level + 1, options.output_mode)
end

--- Makes an agent.
---@param options marea.AgentOptions
---@return marea.Agent
function agent.new(options)
  check_options(1, options)
  local self = { name = "agent", max_repeats = REPEATS }
  for name, value in pairs(options) do self[name] = value end
  if options.output ~= nil then self.output = output.new(options.output, 2) end
  setmetatable(self, metatable)
  conversations[self] = talks.new(self)
  local ok, message = pcall(kit.new, self)
  if not ok then error(message, 2) end
  return self
end

---@return boolean
function agent.is(value)
  return getmetatable(value) == metatable
end

--- The options an agent was made with, as they are now.
---@return table
function agent.options(self)
  local out = {}
  for name in pairs(fields) do out[name] = rawget(self, name) end
  out.output = self.output and self.output.form or nil
  return out
end

local function conversation_of(self, name)
  local talk = conversations[self]
  if not talk then error(("call it with a colon: agent:%s()"):format(name), 3) end
  return talk
end

---- running -------------------------------------------------------------------------------

local run_fields = { data = "anything", max_steps = WHOLE, usage_limits = "a table" }

local function check_run(level, who, options)
  holder.check_run(level + 1, who, options, run_fields)
  limits.check(level + 1, who, options)
end

local function perform(run, input, resumed)
  return holder.perform(run.talk, runs.go, run, input, resumed)
end

local function stream_of(run, input, resumed)
  return holder.stream(run.talk, function(emit)
    run.emit = emit
    return perform(run, input, resumed)
  end, function() return runs.result(run, "cancelled") end)
end

--- Answers: asks the model, runs the tools it calls, until it is done or a bound
--- is reached. Returns the result; or nil and an error.
---@param input string|table|nil a text, a message, a list of messages; nil: goes on
---@param options marea.RunOptions|nil
---@return marea.AgentResult|nil, marea.error|nil
function methods:run(input, options)
  local talk = conversation_of(self, "run")
  inputs.check(1, "agent:run", input)
  check_run(1, "agent:run", options)
  holder.take(self, talk, 2)
  return perform(runs.new(self, talk, options), input)
end

--- The same, as a stream of events: those of the model's stream, and `step`,
--- `tool.start`, `tool.end`, `handoff`, `partial`, `pending`, `done`.
---@param input string|table|nil a text, a message, a list of messages; nil: goes on
---@param options marea.RunOptions|nil
---@return marea.AgentStream
function methods:stream(input, options)
  local talk = conversation_of(self, "stream")
  inputs.check(1, "agent:stream", input)
  check_run(1, "agent:stream", options)
  holder.take(self, talk, 2)
  return stream_of(runs.new(self, talk, options), input)
end

---- going on where a person was asked ---------------------------------------------------------

local function restore(self, data)
  if data.stop ~= "pending" or type(data.state) ~= "table" then return nil, "nothing waits in it" end
  if data.resumed then return nil, "it was resumed already" end
  local talk, why = talks.load(data.state, data.messages)
  if not talk then return nil, why end
  if data.state.name ~= self.name then
    return nil, ("it is of the agent %q, not of %q"):format(tostring(data.state.name), self.name)
  end
  if not talk.open and not talk.waiting then return nil, "nothing waits in it" end
  return talk
end

--- Goes on with a run that waited: a result, or its data, from this process or
--- another. `decisions`, by id: true, false, { reject = reason } or
--- { arguments = {...} }. With `stream = true` it gives a stream.
---@param data table
---@param decisions table|nil
---@param options marea.ResumeOptions|nil
---@return marea.AgentResult|marea.AgentStream|nil, marea.error|nil
function methods:resume(data, decisions, options)
  conversation_of(self, "resume")
  check.value(1, "agent:resume", "a table", data)
  if decisions ~= nil then check.value(1, "agent:resume, decisions", "a table", decisions) end
  local streamed
  options, streamed = holder.split(options)
  check_run(1, "agent:resume", options)
  local talk, why = restore(self, data)
  if not talk then return holder.invalid("agent:resume: " .. why) end
  local decided
  decided, why = approval.decisions(talk, data.pending, decisions)
  if not decided then error("agent:resume: " .. why, 2) end
  local ok
  ok, why = approval.apply(talk, decided, self)
  if not ok then return holder.invalid("agent:resume: " .. why) end
  holder.take(self, conversations[self], 2)
  holder.give_back(conversations[self])
  holder.take(self, talk, 2)
  data.resumed = true           -- once: its calls run now
  conversations[self] = talk
  local run = runs.new(self, talk, options)
  if streamed then return stream_of(run, nil, true) end
  return perform(run, nil, true)
end

---- the conversation ------------------------------------------------------------------------

--- Forgets the conversation.
---@return marea.Agent
function methods:reset()
  holder.take(self, conversation_of(self, "reset"), 2)
  holder.give_back(conversations[self])
  conversations[self] = talks.new(self)
  return self
end

--- The conversation as data, with its counters and what waits in it.
---@return table
function methods:save()
  return talks.save(conversation_of(self, "save"), self.name)
end

--- Takes up a conversation that was saved. Returns the agent; or nil and an
--- error if the data is none.
---@param data table
---@return marea.Agent|nil, marea.error|nil
function methods:load(data)
  holder.take(self, conversation_of(self, "load"), 2)
  holder.give_back(conversations[self])
  local talk, why = talks.load(data)
  if not talk then return holder.invalid("agent:load: " .. why) end
  conversations[self] = talk
  return self
end

--- A tool that asks this agent, in a conversation of its own each time.
---@param options marea.AsToolOptions|nil
---@return marea.Tool
function methods:as_tool(options)
  conversation_of(self, "as_tool")
  return holder.as_tool(1, "agent:as_tool", self, options)
end

return agent
