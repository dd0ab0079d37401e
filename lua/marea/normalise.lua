-- SPDX-License-Identifier: MIT
-- What servers say in different words, said in one: which call a tool-call
-- fragment belongs to, what a finish reason means, where reasoning is. These
-- tables and small functions decide; the gatherers only gather.

local json = require "marea.json"

local null = json.null

local normalise = {}

---- finish reasons -----------------------------------------------------------

local reasons = {
  stop = "stop", eos = "stop", eos_token = "stop", end_turn = "stop",
  stop_sequence = "stop", complete = "stop", completed = "stop", [""] = "stop",
  length = "length", max_tokens = "length", max_output_tokens = "length",
  model_length = "length", incomplete = "length",
  tool_calls = "tool_calls", tool_call = "tool_calls", tool_use = "tool_calls",
  function_call = "tool_calls",
  content_filter = "content_filter", safety = "content_filter",
  recitation = "content_filter", prohibited_content = "content_filter",
  abort = "cancelled", cancelled = "cancelled", error = "error",
}

--- One of stop, length, tool_calls, content_filter, cancelled, error, or the
--- server's own word where none of these is meant. A "stop" after tool calls
--- means the calls.
---@param raw any as on the wire
---@param has_calls boolean
---@return string
function normalise.finish_reason(raw, has_calls)
  local word = type(raw) == "string" and raw:lower() or ""
  local reason = reasons[word] or raw
  if has_calls and reason == "stop" then return "tool_calls" end
  return reason
end

---- text and reasoning -------------------------------------------------------

--- Fields of a message or delta that hold reasoning, the first found counts.
normalise.reasoning_fields = { "reasoning_content", "reasoning", "thinking" }

--- The text of a content that is a string or a list of parts, and the
--- reasoning among the parts, or nil.
---@return string text, string|nil reasoning
function normalise.content(content)
  if type(content) == "string" then return content end
  if type(content) ~= "table" then return "" end
  local text, reasoning = {}, {}
  for _, part in ipairs(content) do
    if type(part) == "string" then text[#text + 1] = part
    elseif type(part) == "table" then
      local thought = part.thinking or part.reasoning
      if type(part.text) == "string" then text[#text + 1] = part.text
      elseif thought then reasoning[#reasoning + 1] = (normalise.content(thought)) end
    end
  end
  return table.concat(text), reasoning[1] and table.concat(reasoning) or nil
end

-- OpenRouter's list of details: text or summaries.
local function details_text(details)
  if type(details) ~= "table" then return nil end
  local out = {}
  for _, detail in ipairs(details) do
    local text = type(detail) == "table" and (detail.text or detail.summary)
    if type(text) == "string" then out[#out + 1] = text end
  end
  return out[1] and table.concat(out) or nil
end

--- The reasoning in a message or a delta, or nil; and the field it stands in
--- when that is a plain string.
---@return string|nil text, string|nil key
function normalise.reasoning(message)
  for _, key in ipairs(normalise.reasoning_fields) do
    local value = message[key]
    if type(value) == "string" then
      if value ~= "" then return value, key end
    elseif type(value) == "table" then
      local text = normalise.content(value)
      if text ~= "" then return text end
    end
  end
  return details_text(message.reasoning_details)
end

---- indices ------------------------------------------------------------------

local MAX_INDEX = 127

--- A usable index (0 to 127), or nil.
function normalise.index(index)
  if type(index) ~= "number" or index ~= math.floor(index) then return nil end
  if index < 0 or index > MAX_INDEX then return nil end
  return index
end

---- tool calls ---------------------------------------------------------------

local function said(value)
  return value ~= nil and value ~= null and value ~= ""
end

local function as_id(id)
  if type(id) == "number" then return ("%.14g"):format(id) end
  return type(id) == "string" and id ~= "" and id or nil
end

local function new_call(calls, index)
  local call = { position = #calls, arguments = {} }
  calls[#calls + 1] = call
  if index then calls.by_index[index] = call end
  calls.latest = call
  return call
end

local function find_id(calls, id)
  for _, call in ipairs(calls) do
    if call.id == id then return call end
  end
end

--- The list that `normalise.call` keeps.
function normalise.calls()
  return { by_index = {}, latest = nil }
end

--- The call a fragment belongs to. By index where it has a usable one, unless
--- another id begins there; else by id; else the latest.
function normalise.call(calls, fragment)
  local index, id = normalise.index(fragment.index), as_id(fragment.id)
  local call
  if index then
    call = calls.by_index[index]
    if call and id and call.id and call.id ~= id then
      call = find_id(calls, id) or new_call(calls, index)
    end
  elseif id then call = find_id(calls, id)
  else call = calls.latest end
  call = call or new_call(calls, index)
  call.id = call.id or id
  return call
end

--- The name after one more piece: set once; while no arguments have come, a
--- longer one that begins with it takes its place, and any other piece goes on.
function normalise.name(call, piece)
  if not said(piece) or type(piece) ~= "string" then return end
  if not call.name then call.name = piece
  elseif piece ~= call.name and #call.arguments == 0 then
    local begins_with_it = piece:sub(1, #call.name) == call.name
    call.name = begins_with_it and piece or call.name .. piece
  end
end

local function repeats(call, piece)
  return #call.arguments > 0 and piece:sub(1, 1) == "{" and #piece > 2
    and table.concat(call.arguments) == piece and json.decode(piece) ~= nil
end

--- Adds a piece of arguments; returns the piece as text, or nil if it says
--- nothing new (some servers send the whole again at the end).
function normalise.arguments(call, piece)
  if type(piece) == "table" then piece = json.encode(piece) end
  if type(piece) ~= "string" or piece == "" or repeats(call, piece) then return nil end
  call.arguments[#call.arguments + 1] = piece
  return piece
end

--- Arguments that were never given mean none.
function normalise.arguments_json(text)
  if type(text) == "table" then return json.encode(text) end
  if type(text) ~= "string" or not text:find("%S") then return "{}" end
  return text
end

local made = 0

--- An id for a call that came without: unlike any other in this process, and
--- unlikely in any other.
function normalise.make_id()
  made = made + 1
  return ("call_%08x%04x"):format(math.random(0, 0x7fffffff), made % 0x10000)
end

--- A wire tool call as { id, name, arguments, arguments_json }.
function normalise.tool_call(wire)
  local f = type(wire["function"]) == "table" and wire["function"] or wire
  local text = normalise.arguments_json(f.arguments)
  local arguments = json.decode(text)
  if type(arguments) ~= "table" then arguments = nil end
  return {
    -- a response's item has an id of its own, which is not the call's
    id = as_id(wire.call_id) or as_id(wire.id), name = f.name,
    arguments = arguments, arguments_json = text,
  }
end

return normalise
