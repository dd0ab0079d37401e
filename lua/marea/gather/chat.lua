-- SPDX-License-Identifier: MIT
-- Gathers the chunks of a chat or text completion into what the call without
-- `stream` would have returned, and says what each chunk brought as events.
-- Strings that come in pieces are kept as lists of pieces. Fields nobody has
-- heard of are kept too: the last one said counts, nothing is summed.

local joined = require("marea.compat").lazy "marea.gather.joined"
local content = require("marea.compat").lazy "marea.gather.content"
local message = require("marea.compat").lazy "marea.gather.message"
local json = require "marea.json"
local normalise = require "marea.normalise"

local null = json.null
local is_said, said_first = normalise.is_said, normalise.said_first

local chat = {}

-- What most gatherers don't set, or only at the end; thousands may be open.
local methods = {
  n = 1,                 -- how many choices were asked for
  usage_said = nil,      -- the last usage an event was made of
  ended = false,         -- a choice has said why
}
local metatable = { __name = "marea.gather.chat", __index = methods }

--- n is how many choices were asked for.
function chat.new(n)
  local self = setmetatable({
    -- fields of the result besides choices; what nearly all have, has a place
    top = { id = nil, object = nil, created = nil, model = nil },
    slots = { [0] = nil },   -- choices by their index
    highest = -1,
    fast_slot = nil, fast_key = nil,   -- where text taken undecoded belongs
    plain = true,        -- nothing but repeatable fields in the last chunk
    said_key = nil,      -- the field that text of it stood in
  }, metatable)
  if type(n) == "number" then self.n = n end
  return self
end

-- What a choice does not have until something sets it: thousands may be open.
local absent = { __index = { calls = {} } }
local NO_CALLS = absent.__index.calls

-- Who asked for one choice gets one: some servers count something else there.
local function slot_for(self, index)
  index = self.n > 1 and normalise.index(index) or 0
  local slot = self.slots[index]
  if not slot then
    slot = setmetatable({ index = index, message = { role = nil }, pieces = { content = nil }, fields = nil }, absent)
    self.slots[index] = slot
    if index > self.highest then self.highest = index end
  end
  return slot
end

local function add_piece(slot, key, piece)
  local pieces = slot.pieces[key]
  if not pieces then
    pieces = {}
    slot.pieces[key] = pieces
  end
  pieces[#pieces + 1] = piece
end

-- As `not json.is_array`, for tables that nearly all are decoded objects.
local function is_object(value)
  if type(value) ~= "table" then return false end
  if getmetatable(value) == nil then return value[1] == nil end
  return not json.is_array(value)
end

local function keep_last(fields, key, value)
  if value ~= null or fields[key] == nil then fields[key] = value end
end

local function append(fields, key, list)
  local kept = json.is_array(fields[key]) and fields[key] or json.array {}
  fields[key] = kept
  for _, item in ipairs(list) do kept[#kept + 1] = item end
end

local function fields_of(slot)
  slot.fields = slot.fields or {}
  return slot.fields
end

---- deltas -------------------------------------------------------------------

local delta_fields = {}

function delta_fields.role(_, slot, value)
  if not slot.message.role and is_said(value) then slot.message.role = value end
end

local function add_text(self, slot, key, value, out)
  if type(value) ~= "string" then return keep_last(slot.message, key, value) end
  add_piece(slot, key, value)
  if value == "" then return end
  out[#out + 1] = { type = "text", text = value, index = slot.index }
  self.said_key = key
end

-- Text that came before, or between, parts is a part too.
local function take_text(slot)
  slot.content = slot.content or {}
  local text = table.concat(slot.pieces.content or {})
  slot.pieces.content = nil
  if text ~= "" then content.add(slot.content, text) end
end

function delta_fields.content(self, slot, value, out)
  if type(value) ~= "table" then return add_text(self, slot, "content", value, out) end
  local text, reasoning = normalise.content(value)
  self.plain = false
  take_text(slot)
  content.add(slot.content, value)
  if reasoning then out[#out + 1] = { type = "reasoning", text = reasoning, index = slot.index } end
  if text ~= "" then out[#out + 1] = { type = "text", text = text, index = slot.index } end
end

-- The event for reasoning is made once for a delta, whatever fields say it.
local function keep_reasoning(self, slot, value, key)
  if type(value) == "string" then add_piece(slot, key, value)
  elseif type(value) == "table" then
    self.plain = false
    add_piece(slot, key, normalise.plain(value))
  end
end

for _, key in ipairs(normalise.reasoning_fields) do
  delta_fields[key] = function(self, slot, value)
    keep_reasoning(self, slot, value, key)
  end
end

-- The part of the message that comes in pieces and is whole at the end.
local function part_of(slot, name, make, ...)
  slot.parts = slot.parts or {}
  local part = slot.parts[name] or make(...)
  slot.parts[name] = part
  return part
end

local DETAIL_KEYS = { text = true, summary = true, data = true }

local function new_details()
  local list = { of = {} }
  function list.whole()
    local out = json.array {}
    for i, detail in ipairs(list) do out[i] = detail:whole() end
    return out
  end
  return list
end

-- Pieces of one detail share an index and a type.
local function add_detail(list, detail)
  local key = detail.index ~= nil and tostring(detail.index) .. " " .. tostring(detail.type)
  local kept = key and list.of[key]
  if not kept then
    kept = joined.new(DETAIL_KEYS)
    list[#list + 1] = kept
    if key then list.of[key] = kept end
  end
  kept:add(detail)
end

function delta_fields.reasoning_details(self, slot, value)
  if type(value) ~= "table" then return end
  self.plain = false
  local list = part_of(slot, "reasoning_details", new_details)
  for _, detail in ipairs(value) do
    if type(detail) == "table" then add_detail(list, detail) end
  end
end

function delta_fields.refusal(self, slot, value, out)
  if type(value) ~= "string" then return keep_last(slot.message, "refusal", value) end
  add_piece(slot, "refusal", value)
  self.plain = false
  if value ~= "" then
    out[#out + 1] = { type = "refusal", text = value, index = slot.index }
  end
end

function delta_fields.annotations(self, slot, value)
  if type(value) ~= "table" or #value == 0 then return end
  self.plain = false
  append(slot.message, "annotations", value)
end

local function keep_call_extras(call, fragment)
  for key, value in pairs(fragment) do
    if key ~= "index" and key ~= "id" and key ~= "function" and key ~= "type" then
      call.extra = call.extra or {}
      keep_last(call.extra, key, value)
    end
  end
end

local function add_fragment(slot, fragment, position, out)
  local f = type(fragment["function"]) == "table" and fragment["function"] or {}
  local call = normalise.call(slot.calls, fragment, position)
  normalise.name(call, f.name)
  local piece = normalise.arguments(call, f.arguments)
  keep_call_extras(call, fragment)
  out[#out + 1] = { type = "tool_call.delta", index = call.position, choice = slot.index, id = call.id,
    name = call.name, arguments_json = piece or "" }
end

function delta_fields.tool_calls(self, slot, value, out)
  if type(value) ~= "table" then return end
  slot.calls_said = true
  if slot.calls == NO_CALLS then slot.calls = normalise.calls() end
  for position, fragment in ipairs(value) do
    self.plain = false
    if is_object(fragment) then add_fragment(slot, fragment, position, out) end
  end
end

local CALL_KEYS, AUDIO_KEYS = { arguments = true }, { data = true, transcript = true }

-- The form before tool calls: one call, without an id. Its first name counts.
function delta_fields.function_call(self, slot, value)
  if type(value) ~= "table" then return end
  self.plain = false
  local call = part_of(slot, "function_call", joined.new, CALL_KEYS)
  if not call.fields.name and type(value.name) == "string" then call:add { name = value.name } end
  call:add { arguments = type(value.arguments) == "string" and value.arguments or "" }
end

-- Sound comes in base64 pieces, cut at any place.
function delta_fields.audio(self, slot, value)
  if not is_object(value) then return end
  self.plain = false
  part_of(slot, "audio", joined.new, AUDIO_KEYS):add(value)
end

local function add_delta(self, slot, delta, out)
  if not is_object(delta) then return end
  local only = next(delta)
  if only == "content" and next(delta, only) == nil then     -- as nearly all are
    return delta_fields.content(self, slot, delta.content, out)
  end
  local reasoning, key = normalise.reasoning(delta)
  if reasoning then
    out[#out + 1] = { type = "reasoning", text = reasoning, index = slot.index }
    self.said_key = key
    self.plain = self.plain and key ~= nil
  end
  -- text before calls, whatever the table's order
  if delta.content ~= nil then delta_fields.content(self, slot, delta.content, out) end
  for name, value in pairs(delta) do
    if name ~= "content" then
      local add = delta_fields[name]
      if add then add(self, slot, value, out)
      else keep_last(slot.message, name, value) end
    end
  end
end

---- choices ------------------------------------------------------------------

-- false: seen to elsewhere
local choice_fields = { index = false, delta = false, finish_reason = false }

function choice_fields.message(self, slot, value, out)
  if not is_object(value) then return end
  local rest = not slot.in_messages and message.beyond(slot, value)
  add_delta(self, slot, rest or value, out)
  if rest then self.plain = false
  elseif not slot.in_messages then slot.in_messages = message.has_said(slot) end
end

function choice_fields.text(self, slot, value, out)
  slot.is_text = true
  add_text(self, slot, "text", value, out)
end

function choice_fields.logprobs(self, slot, value)
  local fields = fields_of(slot)
  if not is_object(value) then return keep_last(fields, "logprobs", value) end
  self.plain = false
  local kept = is_object(fields.logprobs) and fields.logprobs or {}
  fields.logprobs = kept
  for key, field in pairs(value) do
    if json.is_array(field) then append(kept, key, field)
    else keep_last(kept, key, field) end
  end
end

local function tool_call_event(slot, call)
  call.id = call.id or normalise.make_id()
  local arguments, text = normalise.gathered(call, normalise.is_cut(slot.finish))
  return { type = "tool_call", index = call.position, choice = slot.index, id = call.id,
    name = call.name, arguments = arguments, arguments_json = text }
end

-- The choice is over: its calls are whole, and it says why it ended.
local function finish(slot, raw, out)
  slot.finish = normalise.finish_reason(raw, #slot.calls > 0)
  for _, call in ipairs(slot.calls) do out[#out + 1] = tool_call_event(slot, call) end
  out[#out + 1] = { type = "finish", reason = slot.finish, raw_reason = raw,
    index = slot.index }
end

local function add_choice(self, choice, out)
  if not is_object(choice) then return end
  local slot = slot_for(self, choice.index)
  if choice.delta ~= nil then add_delta(self, slot, choice.delta, out) end
  for name, value in pairs(choice) do
    local add = choice_fields[name]
    if add then add(self, slot, value, out)
    elseif add == nil then keep_last(fields_of(slot), name, value) end
  end
  local finished = choice.finish_reason
  if finished == null or not is_said(finished) then return end
  slot.raw_finish = finished
  if slot.finish then return end
  self.plain, self.ended = false, true
  finish(slot, finished, out)
end

---- the whole ----------------------------------------------------------------

local function add_top(top, chunk)
  for name, value in pairs(chunk) do
    local old = top[name]
    if old ~= value then
      if said_first[name] then
        if old == nil or old == "" or old == null then top[name] = value end
      elseif name ~= "choices" and (value ~= null or old == nil) then top[name] = value end
    end
  end
end

local function same(a, b)
  return a ~= nil and json.encode(a, { sort = true }) == json.encode(b, { sort = true })
end

local function add_usage(self, usage, out)
  self.top.usage = usage
  if same(self.usage_said, usage) then return end
  self.plain = false
  self.usage_said = usage
  out[#out + 1] = { type = "usage", usage = usage }
end

--- Adds a chunk; its events go to the list `out`. Returns, if the chunk was
--- nothing but a piece of text that another could repeat: its event, and the
--- key the text stands under.
function methods:add(chunk, out)
  local choices, before = chunk.choices, #out
  if choices == nil and chunk.usage == nil and chunk.id == nil then return nil end
  self.plain, self.said_key = true, nil
  add_top(self.top, chunk)
  if type(choices) == "table" then
    if choices[1] ~= nil then add_choice(self, choices[1], out) end     -- not from a loop: its slots
    for i = 2, #choices do add_choice(self, choices[i], out) end        -- are every stream's, below
  end
  local usage = normalise.usage(chunk)
  if usage then add_usage(self, usage, out) end
  local event = out[before + 1]
  if not self.plain or not self.said_key or #out ~= before + 1 then return nil end
  self.fast_slot, self.fast_key = self.slots[event.index], self.said_key
  return event, self.said_key
end

--- Adds text that was taken without decoding its chunks.
function methods:add_run(text)
  add_piece(self.fast_slot, self.fast_key, text)
end

--- The stream has ended well: choices that never said why do so now.
function methods:finish(out)
  for index = 0, self.highest do
    local slot = self.slots[index]
    if slot and not slot.finish then
      slot.raw_finish = #slot.calls > 0 and "tool_calls" or "stop"
      finish(slot, null, out)
    end
  end
end

--- Have all choices that were asked for said why they ended?
function methods:is_finished()
  for index = 0, math.max(self.highest, self.n - 1) do
    local slot = self.slots[index]
    if not (slot and slot.finish) then return false end
  end
  return true
end

-- A role alone, or text that is empty, is a beginning and says nothing yet.
local function has_said(slot)
  for _, pieces in pairs(slot.pieces) do
    for _, piece in ipairs(pieces) do
      if piece ~= "" then return true end
    end
  end
  for key, value in pairs(slot.message) do
    if key ~= "role" and value ~= null then return true end
  end
  return slot.parts ~= nil or slot.content and slot.content[1] ~= nil or #slot.calls > 0
end

--- Has anything been said at all?
function methods:has_output()
  for _, slot in pairs(self.slots) do
    if has_said(slot) then return true end
  end
  return false
end

--- Did a choice end with this reason?
function methods:ended_with(reason)
  if not self.ended then return false end
  for _, slot in pairs(self.slots) do
    if slot.finish == reason then return true end
  end
  return false
end

local function wire_call(call, reason)
  call.id = call.id or normalise.make_id()
  local _, text = normalise.gathered(call, normalise.is_cut(reason))
  local wire = { id = call.id, type = "function",
    ["function"] = { name = call.name or "", arguments = text } }
  for key, value in pairs(call.extra or {}) do wire[key] = value end
  return wire
end

local function copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

local function message_of(slot)
  local wire = copy(slot.message)
  wire.role = wire.role or "assistant"
  for key, pieces in pairs(slot.pieces) do
    if key ~= "text" then wire[key] = table.concat(pieces) end
  end
  for key, part in pairs(slot.parts or {}) do wire[key] = part:whole() end
  if slot.content then
    take_text(slot)
    wire.content = content.whole(slot.content)
  end
  if wire.content == nil then wire.content = null end
  if slot.calls_said then
    wire.tool_calls = json.array {}
    for i, call in ipairs(slot.calls) do wire.tool_calls[i] = wire_call(call, slot.finish) end
  end
  return wire
end

local function choice_of(slot)
  local choice = copy(slot.fields or {})
  choice.index = slot.index
  choice.finish_reason = slot.raw_finish == nil and null or slot.raw_finish
  if slot.is_text then choice.text = table.concat(slot.pieces.text or {})
  else choice.message = message_of(slot) end
  return choice
end

--- What has come so far, shaped as the call without `stream` returns it.
function methods:result()
  local result = copy(self.top)
  result.choices = json.array {}
  for index = 0, self.highest do
    local slot = self.slots[index]
    if slot then result.choices[#result.choices + 1] = choice_of(slot) end
  end
  local first = self.slots[0]
  if not (first and first.is_text) then result.object = "chat.completion" end
  return result
end

return chat
