-- SPDX-License-Identifier: MIT
-- How much of a conversation a model is shown: policies for an agent's
-- `context`. A policy gets the messages and returns those to send; the history
-- stays whole. The unit is the turn, all from one question to the next: a call
-- never loses its result. What a policy must remember goes into `about.memo`,
-- which is saved with the conversation.

local check = require "marea.check"
local history = require "marea.agent.history"
local json = require "marea.json"
local normalise = require "marea.normalise"

---@class marea.context
local context = {}

local COUNT = "a whole number of at least 1"

---- turns ------------------------------------------------------------------------------

-- Where each turn begins, and what stands before the first.
local function turns_of(messages, about)
  local starts = history.turns(messages, about and about.first)
  local head = {}
  for i = 1, (starts[1] or #messages + 1) - 1 do head[i] = messages[i] end
  return starts, head
end

local function append(list, messages, first, last)
  for i = first, last do list[#list + 1] = messages[i] end
  return list
end

local function end_of(starts, messages, i)
  return (starts[i + 1] or #messages + 1) - 1
end

--- The last n turns.
---@param n integer
function context.last(n)
  check.value(1, "marea.context.last", COUNT, n)
  return function(messages, about)
    local starts, kept = turns_of(messages, about)
    if #starts <= n then return messages end
    return append(kept, messages, starts[#starts - n + 1], #messages)
  end
end

--- The first h turns and the last t.
---@param h integer
---@param t integer
function context.head_tail(h, t)
  check.value(1, "marea.context.head_tail", COUNT, h)
  check.value(1, "marea.context.head_tail", COUNT, t)
  return function(messages, about)
    local starts, kept = turns_of(messages, about)
    if #starts <= h + t then return messages end
    append(kept, messages, starts[1], end_of(starts, messages, h))
    return append(kept, messages, starts[#starts - t + 1], #messages)
  end
end

---- tokens -----------------------------------------------------------------------------

local BYTES_PER_TOKEN, PER_MESSAGE = 4, 4
local IMAGE = 1000      -- whatever is not text: nobody can tell

local function size_of(content)
  if type(content) ~= "table" then return #(normalise.content(content)) end
  local size = #(normalise.content(content))
  for _, part in ipairs(content) do
    if type(part) == "table" and part.text == nil then size = size + IMAGE * BYTES_PER_TOKEN end
  end
  return size
end

--- About how many tokens a message is: an estimate, of four bytes to a token.
---@param message table
---@return integer
function context.estimate(message)
  local size = size_of(message.content)
  for _, call in ipairs(type(message.tool_calls) == "table" and message.tool_calls or {}) do
    size = size + #json.encode(call)
  end
  return math.ceil(size / BYTES_PER_TOKEN) + PER_MESSAGE
end

local function sum(messages, first, last, count)
  local n = 0
  for i = first, last do n = n + count(messages[i]) end
  return n
end

-- Within a turn: its question, and where each answer with its results begins.
local function exchanges(messages, first)
  local starts = {}
  for i = first, #messages do
    if messages[i].role == "assistant" then starts[#starts + 1] = i end
  end
  return starts
end

-- The last turn alone is too much: its question, and as many of its last
-- exchanges as there is room for, one at least.
local function within_turn(kept, messages, first, room, count)
  local starts = exchanges(messages, first)
  local question = (starts[1] or #messages + 1) - 1
  room = room - sum(messages, first, question, count)
  append(kept, messages, first, question)
  if not starts[1] then return kept end
  local from, last = starts[#starts], #messages
  room = room - sum(messages, from, last, count)
  for i = #starts - 1, 1, -1 do
    room = room - sum(messages, starts[i], starts[i + 1] - 1, count)
    if room < 0 then break end
    from = starts[i]
  end
  return append(kept, messages, from, last)
end

local token_options = { count = "a function" }

--- As many of the last turns as are about n tokens; of the last turn, at least
--- its question and what came last. `count(message)` counts in place of the
--- estimate.
---@param n integer
---@param options marea.TokensOptions|nil
function context.tokens(n, options)
  check.value(1, "marea.context.tokens", COUNT, n)
  if options then check.fields(1, "marea.context.tokens", options, token_options) end
  local count = options and options.count or context.estimate
  return function(messages, about)
    local starts, kept = turns_of(messages, about)
    local room = n - sum(kept, 1, #kept, count)
    local from
    for i = #starts, 1, -1 do
      room = room - sum(messages, starts[i], end_of(starts, messages, i), count)
      if room < 0 then break end
      from = starts[i]
    end
    if from then return append(kept, messages, from, #messages) end
    if not starts[1] then return messages end
    room = n - sum(kept, 1, #kept, count)
    return within_turn(kept, messages, starts[#starts], room, count)
  end
end

---- summaries --------------------------------------------------------------------------

local PROMPT = "Summarise this conversation for one of its participants, who has to go on with it: what was asked, "
  .. "what was found out, what was decided, what is still to be done. Keep names, numbers and paths as they are."

local function told(message)
  local lines = {}
  local text = normalise.content(message.content)
  if text ~= "" then lines[1] = ("%s: %s"):format(message.role, text) end
  for _, call in ipairs(message.tool_calls or {}) do
    local f = call["function"] or {}
    lines[#lines + 1] = ("%s called %s(%s)"):format(message.role, tostring(f.name), tostring(f.arguments))
  end
  return table.concat(lines, "\n")
end

local function transcript(before, messages, first, last)
  local lines = { before and "Summary of what came before:\n" .. before .. "\n" or nil }
  for i = first, last do lines[#lines + 1] = told(messages[i]) end
  return table.concat(lines, "\n")
end

-- What of the history is in the summary: `upto` messages of it.
local function summary_in(about, messages)
  local memo = about.memo.summary
  if type(memo) ~= "table" or type(memo.text) ~= "string" or type(memo.upto) ~= "number" then return 0 end
  if memo.upto > #messages then return 0 end
  return memo.upto, memo.text
end

local summary_options = { client = "a table", model = "a non-empty string", above = COUNT, keep = COUNT,
  prompt = "a non-empty string", count = "a function" }

local function summarise(options, text, about)
  local result, err = options.client.chat.completions:create { model = options.model, messages = {
    { role = "system", content = options.prompt or PROMPT }, { role = "user", content = text } } }
  if not result then return nil, err end
  about.note_usage(result.usage)
  return result.output_text
end

local function after(messages, upto)
  return append({}, messages, upto + 1, #messages)
end

local function note(text)
  return text and "Summary of the conversation before:\n" .. text or nil
end

--- Has a model summarise all but the last turns (`keep`, 4) once the messages
--- are about `above` tokens (8000). The summary is added to the instructions,
--- and only what is new goes into the next one.
---@param options marea.SummariseOptions
function context.summarise(options)
  check.fields(1, "marea.context.summarise", options, summary_options)
  check.value(1, "marea.context.summarise, client", "a table", options.client)
  local above, keep, count = options.above or 8000, options.keep or 4, options.count or context.estimate
  return function(messages, about)
    local upto, text = summary_in(about, messages)
    local starts = history.turns(messages, about.first)
    local last = (starts[#starts - keep + 1] or 1) - 1
    if last <= upto or sum(messages, upto + 1, #messages, count) <= above then
      return after(messages, upto), note(text)
    end
    local err
    text, err = summarise(options, transcript(text, messages, upto + 1, last), about)
    if not text then return nil, err end
    about.memo.summary = { upto = last, text = text }
    return after(messages, last), note(text)
  end
end

return context
