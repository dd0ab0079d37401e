-- SPDX-License-Identifier: MIT
-- One call of the model: what is sent, and what came back in the loop's terms.
-- An answer is whole or there is none: what broke on the way is an error, and
-- nothing of it is acted on.

local core = require "marea.core"
local Error = require "marea.error"
local json = require "marea.json"
local lazy = require("marea.compat").lazy
local limits = require "marea.agent.limits"
local normalise = require "marea.normalise"
local observe = require "marea.observe"
local output = lazy "marea.agent.output"

local null = json.null

local model = {}

---- what is sent ---------------------------------------------------------------------------

-- What a run's policies may know. Not the run itself: that is ours.
local function about(run)
  return { agent = run.agent.name, step = run.steps, usage = run.usage, data = run.data, first = run.first,
    memo = run.talk.memo, messages = run.talk.messages,
    note_usage = function(raw) limits.count_call(run, raw) end }
end

local function add(parts, text)
  if text and text ~= "" then parts[#parts + 1] = text end
end

-- Instructions and what memory recalls are said anew with each call, and are no
-- part of the history.
local function system_message(run, note, more)
  local parts = {}
  local said = run.agent.instructions
  if type(said) == "function" then said = said(about(run)) end
  if said ~= nil and type(said) ~= "string" then
    error("marea.agent, instructions: expected a text, got a " .. type(said), 0)
  end
  add(parts, said)
  add(parts, run.recalled)
  add(parts, note)
  add(parts, more)
  if parts[1] then return { role = "system", content = table.concat(parts, "\n\n") } end
end

-- Some providers want a model's reasoning back with its calls, some refuse it.
local function without_reasoning(message)
  local out = {}
  for key, value in pairs(message) do out[key] = value end
  for _, field in ipairs(normalise.reasoning_fields) do out[field] = nil end
  out.reasoning_details = nil
  return out
end

local function as_echoed(message, echo)
  if message.role ~= "assistant" then return message end
  if echo == "tool_calls" and message.tool_calls then return message end
  return without_reasoning(message)
end

-- A policy may fail with a text.
local function as_error(reason)
  if Error.is(reason) then return reason end
  return Error.new { kind = "validation", message = "the context policy failed: " .. tostring(reason) }
end

local function messages_for(run, more)
  local preset = run.agent.client.preset
  local echo = preset and preset.reasoning and preset.reasoning.echo
  local list, kept, note = json.array {}, run.talk.messages, nil
  if run.agent.context then
    kept, note = run.agent.context(kept, about(run))
    if type(kept) ~= "table" then return nil, as_error(kept == nil and note or "it gave no list") end
  end
  list[1] = system_message(run, note, more)
  local before = #list
  for i = 1, #kept do list[before + i] = echo and as_echoed(kept[i], echo) or kept[i] end
  return list
end

-- A provider's own, such as a search, are among the parameters: those first. The
-- list is a new one, for more may be added to it.
local function tools_of(own, wire)
  local list = json.array {}
  for _, one in ipairs(own or {}) do list[#list + 1] = one end
  for _, one in ipairs(wire) do list[#list + 1] = one end
  return (own or list[1]) and list or nil
end

local function parameters(run)
  local agent, params = run.agent, {}
  for key, value in pairs(agent.params or {}) do params[key] = value end
  params.model = agent.model or params.model
  params.tools = tools_of(params.tools, run.kits(agent).wire)
  return params
end

-- Returns the parameters, and the way in which a schema is asked for.
local function build(run)
  local agent, params = run.agent, parameters(run)
  local mode, guessed, more
  if agent.output then
    mode, guessed = agent.output_mode, false
    if not mode then mode, guessed = output.mode(agent.client, params.model) end
    if agent.refused_mode == mode then mode = "prompt" end
    more = output.ask(agent.output, mode, params, agent.client)
  end
  local err
  params.messages, err = messages_for(run, more)
  if not params.messages then return nil, err end
  if not params.messages[1] then error("marea.agent: there is nothing to send: give a text", 0) end
  return params, nil, mode, guessed
end

-- How it is sent: the agent's own options, within what is left of the run's time.
local function options_of(run, streamed)
  local options = {}
  for key, value in pairs(run.agent.call or {}) do options[key] = value end
  if streamed then options.usage = true end
  if run.deadline then
    local left = math.max(run.deadline - core.now(), 0.001)
    local timeout = options.timeout
    local total = type(timeout) == "table" and timeout.total or type(timeout) == "number" and timeout or nil
    local clocks = { total = math.min(left, total or left) }
    for key, value in pairs(type(timeout) == "table" and timeout or {}) do
      if key ~= "total" then clocks[key] = value end
    end
    options.timeout = clocks
  end
  return options
end

---- what came ---------------------------------------------------------------------------------

-- An answer read whole may say that it broke off.
local breaks_off = { error = true, cancelled = true }

local function fault(kind, message, result)
  return nil, Error.new { kind = kind, message = message, partial = result }
end

local function answer_of(result, params)
  local choice = type(result.choices) == "table" and result.choices[1]
  local message = type(choice) == "table" and choice.message
  if type(message) ~= "table" then return fault("protocol", "the answer holds no message", result) end
  local calls, refusal = result.tool_calls, message.refusal
  local reason = normalise.finish_reason(choice.finish_reason, #calls > 0)
  if breaks_off[reason] then return fault("truncated", "the answer broke off: " .. choice.finish_reason, result) end
  return { message = message, calls = calls, text = normalise.content(message.content),
    refusal = type(refusal) == "string" and refusal ~= "" and refusal or nil, reason = reason,
    usage = result.usage ~= null and result.usage or nil, params = params }
end

local function ask_whole(run, params)
  local result, err = run.agent.client.chat.completions:create(params, options_of(run, false))
  if not result then return nil, err end
  return answer_of(result, params)
end

local function pass_on(run, stream, watch)
  while true do
    local event, err = stream:next()
    if not event then return err end
    run.emit(event)
    local value = watch and watch(event)
    if value ~= nil then run.emit { type = "partial", value = value } end
  end
end

local function ask_streamed(run, params, mode)
  params.stream = true
  local stream, err = run.agent.client.chat.completions:create(params, options_of(run, true))
  if not stream then return nil, err end
  local ok, broken = pcall(pass_on, run, stream, mode and output.watcher(run.agent.output, mode))
  if not ok then
    stream:close()
    error(broken, 0)
  end
  if broken then return nil, broken end
  local result
  result, err = stream:result()
  if not result then return nil, err end
  return answer_of(result, params)
end

local function announce_call(run)
  if observe.heard("llm.call") then
    observe.around = { agent = run.agent.name, run = run.id, step = run.steps }
  end
end

local function ask_once(run)
  local params, err, mode, guessed = build(run)
  if not params then return nil, err end
  announce_call(run)
  local ask = run.emit and ask_streamed or ask_whole
  local answer
  answer, err = ask(run, params, mode)
  if answer then
    answer.mode = mode
    return answer
  end
  return nil, err, guessed and mode
end

--- Asks the model. Returns its whole answer, or nil and an error. Where it was
--- but a guess that response_format would be understood, it is asked in words
--- once it wasn't, and from then on.
function model.ask(run)
  local answer, err, guess = ask_once(run)
  if not answer and guess and guess ~= "prompt" and err.kind == "bad_request" then
    run.agent.refused_mode = guess
    answer, err = ask_once(run)
  end
  if not answer then return nil, err end
  limits.count_call(run, answer.usage, answer.params, answer.text)
  return answer
end

return model
