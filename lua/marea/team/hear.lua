-- SPDX-License-Identifier: MIT
-- What one member of a team hears of the others, and they of it. Aloud are its
-- answers; its tool calls are its own. A member is told, before its turn, what
-- was said since it last was: one message, so that user and assistant take turns
-- as some servers insist on, with a name before each text.

local json = require "marea.json"
local normalise = require "marea.normalise"
local talks = require "marea.agent.talk"

local hear = {}

local GO_ON = "Go on."

hear.copy = talks.copy

---@return string
function hear.text(message)
  return normalise.content(message.content)
end

-- Who is named said it; the user's own words are as they came.
local function as_heard(message)
  local text = hear.text(message)
  return message.name and message.role ~= "user" and ("%s: %s"):format(message.name, text) or text
end

local function is_plain(message)
  return type(message.content) == "string" or message.name ~= nil
end

-- What others said since a member was last told.
local function untold(state, name)
  local list = {}
  for i = (state.heard[name] or 0) + 1, #state.messages do
    if state.messages[i].name ~= name then list[#list + 1] = state.messages[i] end
  end
  return list
end

-- Texts that follow one another are one message; what has pictures is its own.
local function joined(list)
  local out, texts = {}, {}
  local function flush()
    if texts[1] then out[#out + 1] = { role = "user", content = table.concat(texts, "\n\n") } end
    texts = {}
  end
  for _, message in ipairs(list) do
    if is_plain(message) then texts[#texts + 1] = as_heard(message)
    else
      flush()
      out[#out + 1] = message
    end
  end
  flush()
  return out
end

--- What a member is to be told now. `already`: it was, and its turn broke off.
---@return table[]|nil
function hear.input(state, name, already)
  local list = untold(state, name)
  if list[1] then return joined(list) end
  if already then return nil end
  return { { role = "user", content = GO_ON } }
end

--- How much is in a member's own conversation.
---@return integer
function hear.size(member)
  return member.messages and #member.messages or 0
end

-- The last words of an agent's conversation, or of a team's run that is over.
local function last_answer(member)
  local messages = member.messages or {}
  local last = messages[#messages]
  if member.run and not member.run.over or member.open or member.waiting or not last then return nil end
  return last.role == "assistant" and not last.tool_calls and last or nil
end

--- What a member's turn had come to when it broke off, if it was an answer.
---@return string|nil
function hear.unsaid(member)
  local last = last_answer(member)
  local text = last and hear.text(last) or ""
  return text ~= "" and text or nil
end

--- A member's words, as the others get them.
function hear.message(name, who, result)
  local text = result.output_text
  if text == "" and result.output ~= nil then text = json.encode(result.output) end
  if text == "" and result.handoff then text = ("(hands over to %s)"):format(result.handoff) end
  if text == "" then text = ("(says nothing: %s)"):format(result.stop) end
  return { role = who.is_person and "user" or "assistant", name = name, content = text }
end

--- The names of the tools a member called in its turn.
---@return string[]
function hear.calls(member)
  local list, messages = {}, member.messages or {}
  for i = #messages, 1, -1 do
    if messages[i].role == "user" then break end
    for _, call in ipairs(messages[i].tool_calls or {}) do table.insert(list, 1, call["function"].name) end
  end
  return list
end

return hear
