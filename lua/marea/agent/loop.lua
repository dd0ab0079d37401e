-- SPDX-License-Identifier: MIT
-- The loop of an agent: ask the model, run what it called, ask again, until it
-- answers or something says stop.
--
--   go      step by step, until there is a reason to stop, or an error
--   step    one model call; what it said is in the history then
--   conclude what an answer without calls means
--
-- A reason to stop is a word; no word means go on. What runs the calls is
-- calls.lua, what asks the model model.lua, what bounds it all limits.lua.

local calls = require "marea.agent.calls"
local core = require "marea.core"
local guard = require "marea.agent.guard"
local history = require "marea.agent.history"
local json = require "marea.json"
local limits = require "marea.agent.limits"
local model = require "marea.agent.model"
local lazy = require("marea.compat").lazy
local output = lazy "marea.agent.output"
local guest = lazy "marea.agent.guest"
local tell = require "marea.agent.tell"
local trace = require "marea.trace"

local loop = {}

---- the end of an answer ----------------------------------------------------------------------

-- Asks again, so many times, for an answer that fits.
local function repair(run, problems)
  local err = output.too_many(run, problems)
  if err then return nil, err end
  local messages = run.talk.messages
  messages[#messages + 1] = { role = "user", content = output.complaint(problems) }
end

-- Takes back the model's last message, with what followed from it.
local function forget_answer(messages)
  local last = #messages
  while last > 0 and messages[last].role == "tool" do last = last - 1 end
  if last == 0 or messages[last].role ~= "assistant" then return end
  for i = #messages, last, -1 do messages[i] = nil end
end

-- What may not be shown is not kept either, and `value` is no result's before.
local function check_guard(run, text, value)
  local about = { agent = run.agent.name, messages = run.talk.messages, data = run.data, output = value }
  if guard.output(run, text, about) then
    forget_answer(run.talk.messages)
    return "guardrail"
  end
  run.output = value
  return "done"
end

local function conclude(run, answer)
  if answer.refusal then
    run.refusal = answer.refusal
    return "refusal"
  end
  if not run.agent.output then return check_guard(run, answer.text) end
  local value, problems = output.read(run.agent.output, answer.text)
  if problems then return repair(run, problems) end
  return check_guard(run, answer.text, value)
end

---- one step ----------------------------------------------------------------------------------

-- Of these, nothing is acted on: the answer is not whole.
local cut = { length = "length", content_filter = "content_filter" }

local function step(run)
  local err
  local stop = limits.before_call(run)
  if stop then return stop end
  if run.agent.client == nil then
    stop, err = guest.turn(run)
    if stop ~= "done" then return stop, err end
    return check_guard(run, run.text)
  end
  run.steps = run.steps + 1
  local answer
  answer, err = model.ask(run)
  if not answer then
    if limits.is_late(run) then return limits.late(run) end
    return nil, err
  end
  run.text = answer.text
  local message = history.add_answer(run.talk, answer.message, not cut[answer.reason] and answer.calls or nil, run.ids)
  tell.event(run, { type = "step", step = run.steps, message = message, usage = answer.usage,
    finish_reason = answer.reason })
  if cut[answer.reason] then return cut[answer.reason] end
  if run.talk.open then return nil end
  return conclude(run, answer)
end

-- What the model gave by the tool for it was checked there.
local function run_calls(run)
  local stop = calls.run(run)
  if run.failed then return nil, run.failed end
  if stop or not run.final then return stop end
  return check_guard(run, json.encode(run.final.value), run.final.value)
end

-- What was said since a condition was last asked.
local function news(run)
  local messages, list = run.talk.messages, {}
  for i = math.max(run.seen, run.first - 1) + 1, #messages do
    if messages[i].role == "assistant" then list[#list + 1] = messages[i] end
  end
  run.seen = #messages
  return list
end

-- A condition of the user's: a function, or one of marea.stop.
local function condition(run)
  local stop = run.root.stop
  if not stop then return nil end
  local handed = run.handed
  run.handed = {}
  local reason = stop { messages = run.talk.messages, usage = run.usage, steps = run.steps, agent = run.agent.name,
    data = run.data, new = news(run), handoffs = handed, state = run.conditions, seconds = core.now() - run.began }
  return reason and (type(reason) == "string" and reason or "condition") or nil
end

--- Runs until there is a reason to stop: the word for it, or nil and an error.
---@return string|nil stop, marea.error|nil
function loop.go(run)
  while true do
    local stop, err
    if run.talk.open then stop, err = run_calls(run) else stop, err = trace.span("step", run, step, run) end
    if not stop and not err and not run.talk.open then stop = condition(run) end
    if stop or err then return stop, err end
  end
end

return loop
