-- SPDX-License-Identifier: MIT
-- What servers say in different words, said in one: which call a tool-call
-- fragment belongs to, what a finish reason means, where usage and reasoning
-- are. Tables and small functions here decide; whoever gathers or reads an
-- answer asks them. spec/quirks holds what servers were seen to send.

local json = require "marea.json"

local null = json.null

local normalise = {}

local function said(value)
  return value ~= nil and value ~= null and value ~= ""
end

--- Does a field say something? "" is some servers' null.
normalise.is_said = said

---- fields of chunks ---------------------------------------------------------

--- Fields of which the first one said counts; of all others, the last.
normalise.said_first = { id = true, created = true, model = true }

local MAX_INDEX = 127

--- A usable index (0 to 127), or nil.
function normalise.index(index)
  if type(index) ~= "number" or index ~= math.floor(index) then return nil end
  if index < 0 or index > MAX_INDEX then return nil end
  return index
end

local function usage_of(part)
  local usage = type(part) == "table" and part.usage
  return type(usage) == "table" and usage or nil
end

--- The usage a chunk tells, or nil: in its own field, in Groq's, or in that of
--- the first choice.
function normalise.usage(chunk)
  local usage, choices = chunk.usage, chunk.choices
  if usage ~= nil and type(usage) == "table" then return usage end
  return chunk.x_groq and usage_of(chunk.x_groq)
    or type(choices) == "table" and usage_of(choices[1]) or nil
end

local heartbeats = { ping = true, heartbeat = true, keepalive = true, ["keep-alive"] = true, keep_alive = true }

--- Does an event of this name say no more than that the server is alive?
function normalise.is_heartbeat(name)
  return heartbeats[name] or false
end

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

local cuts = { length = true, content_filter = true, cancelled = true, error = true }

--- Was what came before this reason cut off, so that there may be more to it?
function normalise.is_cut(reason)
  return reason == nil or cuts[reason] or false
end

---- text and reasoning -------------------------------------------------------

--- Fields of a message or delta that hold reasoning, the first found counts.
local reasoning_fields = { "reasoning_content", "reasoning", "thinking" }
normalise.reasoning_fields = reasoning_fields

-- Where a part or a value keeps its text.
local text_fields = { "text", "content", "thinking", "reasoning", "summary" }

local MAX_NESTING = 6

--- All the text in a value that is a text, a list or holds one: "" for none.
---@return string
function normalise.plain(value, depth)
  depth = depth or 1
  if type(value) == "string" then return value end
  if type(value) ~= "table" or depth > MAX_NESTING then return "" end
  if value[1] == nil then
    for _, name in ipairs(text_fields) do
      local text = normalise.plain(value[name], depth + 1)
      if text ~= "" then return text end
    end
    return ""
  end
  local out = {}
  for i, item in ipairs(value) do out[i] = normalise.plain(item, depth + 1) end
  return table.concat(out)
end

local reasoning_types = { thinking = true, reasoning = true, reasoning_text = true, summary_text = true }

local function is_reasoning(part)
  return reasoning_types[part.type] or type(part.text) ~= "string" and (said(part.thinking) or said(part.reasoning))
end

-- Of nothing but empty texts nothing comes.
local function joined(list)
  local text = table.concat(list)
  return text ~= "" and text or nil
end

--- The text of a content that is a string or a list of parts, and the
--- reasoning among the parts, or nil.
---@return string text, string|nil reasoning
function normalise.content(content)
  if type(content) == "string" then return content end
  if type(content) ~= "table" then return "" end
  local text, reasoning = {}, {}
  for _, part in ipairs(content) do
    if type(part) == "string" then text[#text + 1] = part
    elseif type(part) == "table" and is_reasoning(part) then reasoning[#reasoning + 1] = normalise.plain(part)
    elseif type(part) == "table" and type(part.text) == "string" then text[#text + 1] = part.text end
  end
  return table.concat(text), joined(reasoning)
end

-- OpenRouter's list of details: text or summaries.
local function details_text(details)
  if type(details) == "string" and details ~= "" then return details end
  if type(details) ~= "table" then return nil end
  local out = {}
  for _, detail in ipairs(details) do
    local text = type(detail) == "table" and (detail.text or detail.summary)
    if type(text) == "string" then out[#out + 1] = text end
  end
  return joined(out)
end

--- The reasoning in a message or a delta, or nil; and the field it stands in
--- when that is a plain string.
---@return string|nil text, string|nil key
function normalise.reasoning(message)
  for i = 1, #reasoning_fields do
    local key = reasoning_fields[i]
    local value = message[key]
    if value ~= nil then
      local text = normalise.plain(value)
      if text ~= "" then return text, type(value) == "string" and key or nil end
    end
  end
  local details = message.reasoning_details
  if details ~= nil then return details_text(details) end
end

---- tool calls ---------------------------------------------------------------

local function as_id(id)
  if type(id) == "number" then return ("%.14g"):format(id) end
  return type(id) == "string" and id ~= "" and id or nil
end

local made = 0

--- An id for a call that came without: unlike any other in this process, and
--- unlikely in any other.
function normalise.make_id()
  made = made + 1
  return ("call_%08x%04x"):format(math.random(0, 0x7fffffff), made % 0x10000)
end

--- The list that `normalise.call` keeps: its calls in order, by index, and by
--- the first with an id.
function normalise.calls()
  return { by_index = {}, by_id = {}, looked_at = 0 }
end

local function begin(calls, f)
  local call = { position = #calls, arguments = {}, length = 0 }
  if f.id and calls.by_id[f.id] then call.id = normalise.make_id() end
  calls[#calls + 1] = call
  if f.index then calls.by_index[f.index] = call end
  return call
end

local function text_of(call)
  return table.concat(call.arguments)
end

-- Arguments are decoded to see if they are whole at each of their pieces, where
-- a server names them anew each time. Beyond so many bytes it isn't asked.
local MOST_LOOKED_AT = 4 * 1024 * 1024

local function is_whole(calls, call)
  calls.looked_at = calls.looked_at + call.length
  if call.length == 0 or calls.looked_at > MOST_LOOKED_AT then return false end
  return json.decode(text_of(call)) ~= nil
end

local function by_index(calls, f)
  return calls.by_index[f.index]
end

-- Of two calls with one id, the one at this index.
local function by_id(calls, f)
  local here = calls.by_index[f.index]
  return here and here.wire_id == f.id and here or calls.by_id[f.id]
end

local function latest(calls, f)
  local call = calls[#calls]
  if not call or f.name and (f.position > 1 or is_whole(calls, call)) then return begin(calls, f) end
  return call
end

-- A name begins a call; without one, some give each fragment an id of its own.
local function by_index_unless_named(calls, f)
  local call = calls.by_index[f.index]
  if f.name and call.wire_id then return begin(calls, f) end
  return call
end

-- A name begins a call; without one, some count fragments and not calls.
local function by_id_unless_named(calls, f)
  return (f.name and begin or by_id)(calls, f)
end

-- Which call a fragment belongs to, by what its index is (the row) and what
-- its id is: none, known, or new.
local belongs = {
  none  = { none = latest,   known = by_id,              new = begin },
  known = { none = by_index, known = by_id,              new = by_index_unless_named },
  new   = { none = begin,    known = by_id_unless_named, new = begin },
}

local function state(value, known)
  if value == nil then return "none" end
  return known and "known" or "new"
end

--- The call a fragment belongs to.
---@param calls table
---@param fragment table as on the wire
---@param position integer of the fragment in its delta
function normalise.call(calls, fragment, position)
  local named = type(fragment["function"]) == "table" and said(fragment["function"].name)
  local f = { index = normalise.index(fragment.index), id = as_id(fragment.id), name = named, position = position }
  local row = belongs[state(f.index, calls.by_index[f.index])]
  local call = row[state(f.id, f.id and calls.by_id[f.id])](calls, f)
  call.wire_id = call.wire_id or f.id
  call.id = call.id or f.id
  if f.id and not calls.by_id[f.id] then calls.by_id[f.id] = call end
  return call
end

local LONGEST_NAME = 1024    -- no function's is longer

--- The name after one more piece: set once; while no arguments have come, a
--- longer one that begins with it takes its place, and any other piece goes on.
function normalise.name(call, piece)
  if not said(piece) or type(piece) ~= "string" then return end
  if not call.name then call.name = piece
  elseif piece ~= call.name and #call.arguments == 0 and #call.name < LONGEST_NAME then
    local begins_with_it = piece:sub(1, #call.name) == call.name
    call.name = begins_with_it and piece or call.name .. piece
  end
end

-- Is this the whole again, or the first real arguments after a placeholder?
local function repeats(call, piece)
  return #piece == call.length and text_of(call) == piece and json.decode(piece) ~= nil
end

local function is_placeholder(call)
  return call.length == 2 and text_of(call) == "{}"
end

--- Adds a piece of arguments; returns the piece as text, or nil if it says
--- nothing new (some servers send the whole again at the end).
function normalise.arguments(call, piece)
  if type(piece) == "table" then piece = json.encode(piece) end
  if type(piece) ~= "string" or piece == "" then return nil end
  if piece:sub(1, 1) == "{" then
    if repeats(call, piece) then return nil end
    if is_placeholder(call) then call.arguments, call.length = {}, 0 end
  end
  call.arguments[#call.arguments + 1] = piece
  call.length = call.length + #piece
  return piece
end

--- Arguments that were never given mean none, unless they were cut off.
---@param text any
---@param cut boolean|nil
function normalise.arguments_json(text, cut)
  if type(text) == "table" then return json.encode(text) end
  if type(text) == "string" and text:find("%S") then return text end
  return cut and "" or "{}"
end

--- What a call has gathered: its arguments decoded, if they are an object, and
--- as text.
---@return table|nil arguments, string arguments_json
function normalise.gathered(call, cut)
  local text = normalise.arguments_json(text_of(call), cut)
  local arguments = json.decode(text)
  return type(arguments) == "table" and arguments or nil, text
end

--- Gives each call of a whole message an id of its own, if it has none: what
--- is answered, and sent back, needs one.
---@param calls table[] as on the wire
function normalise.give_ids(calls)
  local taken = {}
  for _, call in ipairs(calls) do
    local id = type(call) == "table" and as_id(call.id)
    if id ~= false then
      if not id or taken[id] then id = normalise.make_id() end
      call.id, taken[id] = id, true
    end
  end
end

--- A wire tool call as { id, name, arguments, arguments_json }.
function normalise.tool_call(wire, cut)
  local f = type(wire["function"]) == "table" and wire["function"] or wire
  local text = normalise.arguments_json(f.arguments, cut)
  local arguments = json.decode(text)
  if type(arguments) ~= "table" then arguments = nil end
  return {
    -- a response's item has an id of its own, which is not the call's
    id = as_id(wire.call_id) or as_id(wire.id), name = f.name,
    arguments = arguments, arguments_json = text,
  }
end

return normalise
