-- SPDX-License-Identifier: MIT
-- What a call returns: the decoded JSON, and fields computed from it. They are
-- computed when asked for and never stored, so a result, or a message of it,
-- that is sent back or encoded holds wire fields alone; and a wire field of
-- the same name is never hidden.

local json = require "marea.json"
local mime = require("marea.compat").lazy "marea.mime"
local normalise = require("marea.compat").lazy "marea.normalise"
local output_item = require("marea.compat").lazy "marea.gather.output_item"
local think = require("marea.compat").lazy "marea.think"

---@class marea.Result the provider's JSON, and
---@field output_text string
---@field reasoning_text string|nil
---@field tool_calls marea.ToolCall[]
---@field response marea.Response
---@field data any of an answer that is bytes or text, those; else the provider's
---@field content_type string|nil of an answer that is bytes or text
---@field size integer|nil bytes of an answer that is those
---@field path string|nil the file it was saved in

local result = {}

-- The answer each result came in: beside the tables, not in them.
local answers = setmetatable({}, { __mode = "k" })

local function first_choice(self)
  local choices = rawget(self, "choices")
  local choice = type(choices) == "table" and choices[1]
  return type(choice) == "table" and choice or nil
end

local function message_of(self)
  local choice = first_choice(self)
  local message = choice and choice.message
  return type(message) == "table" and message or nil
end

local function output_events(self, kind)
  local texts = {}
  for _, item in ipairs(self.output) do
    for _, event in ipairs(type(item) == "table" and output_item.events(item) or {}) do
      if event.type == kind then texts[#texts + 1] = event.text end
    end
  end
  return texts[1] and table.concat(texts) or nil
end

local function is_response(self)
  return type(rawget(self, "output")) == "table"
end

-- The text of a completion, and the reasoning that stands in it.
local function texts_of(self)
  local message, choice = message_of(self), first_choice(self)
  local text, reasoning
  if message and type(message.content) == "string" then text = message.content   -- nearly always
  elseif message then text, reasoning = normalise.content(message.content)
  else text = choice and type(choice.text) == "string" and choice.text end
  if not text then return nil end
  local tags = answers[self] and answers[self].think_tags
  if not tags then return text, reasoning end
  local rest, between_tags = think.split(text, tags)
  return rest, reasoning or between_tags
end

-- What an answer that was text says, such as subtitles.
local function plain_text(self)
  local data, kind = rawget(self, "data"), rawget(self, "content_type")
  return type(data) == "string" and type(kind) == "string" and mime.is_text(kind) and data or ""
end

local computed = {}

function computed.output_text(self)
  if is_response(self) then return output_events(self, "text") or "" end
  local text = texts_of(self) or rawget(self, "text")
  return type(text) == "string" and text or plain_text(self)
end

function computed.reasoning_text(self)
  if is_response(self) then return output_events(self, "reasoning") end
  local message = message_of(self)
  return message and (normalise.reasoning(message)) or select(2, texts_of(self))
end

local function response_calls(self)
  local calls = {}
  for _, item in ipairs(self.output) do
    if type(item) == "table" and item.type == "function_call" then
      calls[#calls + 1] = output_item.call(item)
    end
  end
  return calls
end

local function is_cut(raw)
  return not normalise.is_said(raw) or normalise.is_cut(normalise.finish_reason(raw))
end

function computed.tool_calls(self)
  if is_response(self) then return response_calls(self) end
  local message, calls = message_of(self), {}
  local wire = message and message.tool_calls
  local cut = message and is_cut(first_choice(self).finish_reason)
  for _, call in ipairs(type(wire) == "table" and wire or {}) do
    if type(call) == "table" then calls[#calls + 1] = normalise.tool_call(call, cut) end
  end
  return calls
end

function computed.response(self)
  local answer = answers[self]
  return answer and answer:describe()
end

local metatable = { __name = "marea.result" }

function metatable:__index(key)
  local compute = computed[key]
  return compute and compute(self)
end

-- A wire field called output_text may be anything, null for one.
function metatable:__tostring()
  local text = self.output_text
  return type(text) == "string" and text or computed.output_text(self)
end

local function complete(choice)
  local message = type(choice) == "table" and choice.message
  local calls = type(message) == "table" and message.tool_calls
  if type(calls) == "table" then normalise.give_ids(calls) end
end

--- Makes a result of decoded JSON. A bare array becomes `{ data = array }`.
---@param value table
---@param answer marea.Answer|nil
function result.new(value, answer)
  if json.is_array(value) then value = { data = value } end
  for _, choice in ipairs(type(value.choices) == "table" and value.choices or {}) do complete(choice) end
  answers[value] = answer
  return setmetatable(value, metatable)
end

return result
