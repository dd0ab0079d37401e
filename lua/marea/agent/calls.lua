-- SPDX-License-Identifier: MIT
-- The tool calls of one step. First each is judged: is there such a tool, do
-- its arguments fit, may it run, must a person be asked? Then those that may
-- run do, side by side. Whatever goes wrong with a call becomes its result; the
-- results are in the order of the calls.

local compat = require "marea.compat"
local content = require "marea.agent.content"
local core = require "marea.core"
local guard = require "marea.agent.guard"
local history = require "marea.agent.history"
local json = require "marea.json"
local limits = require "marea.agent.limits"
local nested = compat.lazy "marea.agent.nested"
local output = compat.lazy "marea.agent.output"
local protect = require "marea.agent.protect"
local schema = require "marea.schema"
local talks = require "marea.agent.talk"
local task = require "marea.task"
local tell = require "marea.agent.tell"
local trace = require "marea.trace"

local calls = {}

local TIMEOUT, PARALLEL = 120, 8

local function fail(call, message)
  call.content, call.failed = "Error: " .. message, true
end

---@class marea.ToolContext what a tool's function and its policies get beside the arguments
---@field id string of the call
---@field name string
---@field agent string
---@field step integer
---@field messages table[] the history
---@field usage marea.Usage
---@field data any what the run was given as `data`
local function context_of(run, call)
  return { id = call.id, name = call.name, agent = run.agent.name, step = run.steps,
    messages = run.talk.messages, usage = run.usage, data = run.data }
end

---- judging ------------------------------------------------------------------------------

local function decode(text)
  if type(text) == "table" then return text end
  local value, message = json.decode(type(text) == "string" and text or "")
  if type(value) == "table" then return value end
  if value == json.null then return {} end      -- what some write for no arguments
  return nil, value == nil and "they are not JSON: " .. tostring(message) or "they are not an object"
end

local function fit(arguments, parameters)
  local checked, problems = schema.check(arguments, parameters)
  if problems then return nil, problems end
  return checked
end

-- The arguments, checked; or nil and what is wrong with them.
local function read(arguments, parameters)
  local decoded, problem = decode(arguments)
  if not decoded then return nil, problem end
  return fit(decoded, parameters)
end

local function repair(run, call, problem, parameters)
  if not run.agent.repair then return nil, problem end
  local results = protect(run.agent.repair,
    { id = call.id, name = call.name, arguments_json = call.arguments_json }, problem)
  if not results or results[1] == nil then return nil, problem end
  return read(results[1], parameters)
end

local function check_arguments(run, call, parameters)
  local arguments, problem = read(call.arguments or call.arguments_json, parameters)
  if not arguments then arguments, problem = repair(run, call, problem, parameters) end
  if not arguments then
    fail(call, ("the arguments don't fit: %s\nThey were: %s"):format(problem, content.cut(call.arguments_json)))
    return false
  end
  call.arguments = arguments
  return true
end

-- A policy that fails is one that says yes: a person is asked.
local function needs_approval(tool, call, context)
  if type(tool.approve) ~= "function" then return tool.approve == true end
  local results = protect(tool.approve, call.arguments, context)
  return not results or results[1] ~= nil and results[1] ~= false
end

local function is_repeated(run, call, tool)
  local most = run.agent.max_repeats
  if not most or tool.repeatable then return false end
  local n = limits.count_repeats(run, call)
  if n < most then return false end
  if n >= 2 * most then run.stuck = call.name end
  fail(call, ("this same call was made %d times in a row, and was not made again: do something else"):format(n))
  return true
end

local function judge_tool(run, call, tool)
  if not check_arguments(run, call, tool.parameters) or is_repeated(run, call, tool) then return end
  local reason = guard.tool(run, call, context_of(run, call))
  if reason then return reason end
  if needs_approval(tool, call, context_of(run, call)) then call.pending = true end
end

local function unknown_tool(run, call)
  local names = {}
  for _, wire in ipairs(run.kits(run.agent).wire) do names[#names + 1] = wire["function"].name end
  call.pending, call.handoff = nil, nil
  fail(call, ("there is no tool %q; there are: %s"):format(call.name, table.concat(names, ", ")))
end

local function judge_final(run, call)
  local decoded, problem = decode(call.arguments or call.arguments_json)
  local value
  if decoded then value, problem = output.check(run.agent.output, decoded) end
  if problem then
    run.failed = output.too_many(run, problem)
    return fail(call, output.complaint(problem))
  end
  call.content, call.final, run.final = "Taken.", true, { value = value }
end

-- What waited for a person may be of another process: its tool must still be there
-- and take its arguments. They are not repaired: a person saw these. Guardrails
-- have not seen those that a person gave.
local function judge_again(run, call, tool)
  local arguments, problem = read(call.arguments, tool.parameters)
  if not arguments then
    call.pending = nil
    return fail(call, "the arguments don't fit any more: " .. problem)
  end
  call.arguments = arguments
  if call.edited and not call.started then return guard.tool(run, call, context_of(run, call)) end
end

-- Returns the reason to stop the run, if there is one.
local function judge(run, call)
  if call.content and not call.final then return nil end     -- a final answer may have waited for its neighbours
  local known = run.kits(run.agent).by_name[call.name]
  if run.agent.output and call.name == output.TOOL then return judge_final(run, call) end
  if not known then return unknown_tool(run, call) end
  call.handoff = known.handoff and known.handoff.name
  if call.handoff then return nil end
  if call.pending or call.approved or call.nested then return judge_again(run, call, known.tool) end
  return judge_tool(run, call, known.tool)
end

---- running one ----------------------------------------------------------------------------

-- For at most so long; what takes longer is stopped where it waits.
local function within(seconds, f, ...)
  if not seconds then return f(...) end
  local over = true
  local function timed(...)
    local results = compat.pack(f(...))
    over = false
    return compat.unpack(results, 1, results.n)
  end
  local results = compat.pack(task.timeout(seconds, timed, ...))
  if over then error(("it took longer than %g s, and was stopped"):format(seconds), 0) end
  return compat.unpack(results, 1, results.n)
end

local function seconds_for(run, tool)
  local seconds = tool.timeout
  if seconds == nil then seconds = run.agent.tool_timeout end
  if seconds == nil then seconds = TIMEOUT end
  if not run.deadline then return seconds end
  local left = math.max(run.deadline - core.now(), 0.001)
  return seconds and math.min(seconds, left) or left
end

-- The text of what a tool gave, or nil and what went wrong. A tool may do with
-- its arguments what it likes: they are still told, and kept, as they were.
local function call_tool(run, call, tool)
  local seconds = seconds_for(run, tool)
  local results, err = protect(within, seconds, tool.run, talks.copy(call.arguments), context_of(run, call))
  if not results then return nil, content.message(err) end
  if results[1] == nil and results[2] ~= nil then return nil, content.message(results[2]) end
  local text, message = content.of(results[1])
  if not text then return nil, message end
  return content.cut(text, tool)
end

local function run_agent(run, call, tool)
  local results, err = protect(nested.run, run, call, tool)
  if not results then fail(call, content.message(err)) end
end

local function run_function(run, call, tool)
  local text, message = call_tool(run, call, tool)
  if text then call.content = text else fail(call, content.cut(message, tool)) end
end

local function run_tool(run, call, tool)
  call.started = true
  if tool.agent then run_agent(run, call, tool) else run_function(run, call, tool) end
  if call.edited and call.content then
    call.content = ("[A person changed the arguments: %s]\n%s"):format(json.encode(call.arguments), call.content)
  end
end

local function run_call(run, call)
  local tool = run.kits(run.agent).by_name[call.name].tool
  local from = core.now()
  if not call.started then
    limits.count_tool(run)
    tell.event(run, { type = "tool.start", id = call.id, name = call.name, arguments = call.arguments })
  end
  run_tool(run, call, tool)
  if call.content then
    tell.event(run, { type = "tool.end", id = call.id, name = call.name, arguments = call.arguments,
      result = call.content, failed = call.failed or false, seconds = core.now() - from })
  end
end

---- running all ------------------------------------------------------------------------------

-- Those that may run, and how many of them do for the first time.
local function runnable(open)
  local list, new = {}, 0
  for _, call in ipairs(open) do
    if not call.content and not call.pending and not call.handoff then
      list[#list + 1] = call
      if not call.started then new = new + 1 end
    end
  end
  return list, new
end

-- A tool that wants to be alone parts those before it from those after.
local function groups(run, list)
  local out, current = {}, nil
  for _, call in ipairs(list) do
    local alone = run.kits(run.agent).by_name[call.name].tool.parallel == false or run.agent.parallel == false
    if alone or not current then
      out[#out + 1] = { call }
      current = not alone and out[#out] or nil
    else current[#current + 1] = call end
  end
  return out
end

local function execute(run, list)
  for _, group in ipairs(groups(run, list)) do
    if #group == 1 then trace.span("tool", group[1], run_call, run, group[1])
    else
      task.map(group, function(call) trace.span("tool", call, run_call, run, call) end,
        { concurrency = run.agent.parallel or PARALLEL })
    end
  end
end

-- Whether the conversation leaves this run: its team sees to the rest.
local function is_outside(run, target)
  for _, other in ipairs(run.outside or {}) do
    if other == target then return true end
  end
  return false
end

-- The first handover counts; those beside it are told so. None does beside a
-- final answer.
local function hand_over(run, open)
  local target
  for _, call in ipairs(open) do
    if call.handoff and (target or run.final) then
      call.content = "Not done: " .. (run.final and "the answer was given."
        or ("the conversation went to %s."):format(target.name))
    elseif call.handoff then
      target = run.kits(run.agent).by_name[call.name].handoff
      call.content = ("The conversation is now with %s."):format(target.name)
    end
  end
  if not target then return end
  tell.event(run, { type = "handoff", from = run.agent.name, to = target.name })
  run.handed[#run.handed + 1] = target.name
  if is_outside(run, target) then
    run.left = target.name
    return
  end
  run.from, run.agent, run.talk.active = run.agent, target, target.name
end

local function refuse_rest(open, why)
  for _, call in ipairs(open) do
    call.content = call.content or why
    call.pending = nil
  end
end

local function any_pending(open)
  for _, call in ipairs(open) do
    if (call.pending or call.nested) and not call.content then return true end
  end
  return false
end

-- Judges all before any runs. Returns a guardrail's reason to stop, if one has any.
local function judge_all(run, open)
  for _, call in ipairs(open) do
    local reason = judge(run, call)
    if reason then
      call.content = "Not run: " .. reason
      return reason
    end
  end
end

-- No further call runs.
local function stop_with(run, open, stop, why)
  refuse_rest(open, "Not run: " .. why)
  history.close(run.talk)
  return stop
end

--- Runs the open calls. Returns "pending" where a person must be asked first,
--- another reason to stop, or nothing: then each has its result.
---@return string|nil stop
function calls.run(run)
  local open = run.talk.open
  local reason = judge_all(run, open)
  if reason then return stop_with(run, open, "guardrail", "the run was stopped.") end
  local list, new = runnable(open)
  local limit = list[1] and limits.before_tools(run, new)
  if limit then return stop_with(run, open, limit, "a limit was reached.") end
  execute(run, list)
  if any_pending(open) then return "pending" end
  hand_over(run, open)
  history.close(run.talk)
  if run.left then return "handoff" end
  if run.stuck then return "repeated_calls" end
end

return calls
