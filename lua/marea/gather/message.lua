-- SPDX-License-Identifier: MIT
-- A whole message where a delta belongs. Some servers end a stream with the
-- message as it is without `stream`, after they have said all of it in deltas;
-- some send messages in place of deltas, a piece in each.

local json = require "marea.json"
local normalise = require "marea.normalise"

local message = {}

-- Joined where a text is compared with it: that is as long, or the last to be.
local function said_under(slot, key)
  local pieces = slot.pieces[key]
  if not pieces then return "" end
  if pieces[2] then
    pieces = { table.concat(pieces) }
    slot.pieces[key] = pieces
  end
  return pieces[1] or ""
end

local function said_reasoning(slot)
  for _, key in ipairs(normalise.reasoning_fields) do
    local text = said_under(slot, key)
    if text ~= "" then return text, key end
  end
end

--- Has a choice said anything yet?
---@param slot table as gather/chat.lua keeps it
---@return boolean
function message.has_said(slot)
  slot.has_said = slot.has_said or slot.calls[1] ~= nil or slot.parts ~= nil or slot.content ~= nil
    or said_under(slot, "content") ~= "" or said_under(slot, "refusal") ~= "" or said_reasoning(slot) ~= nil
  return slot.has_said
end

-- What a text says beyond what was said; nil where it is another text.
local function rest(said, text)
  if text:sub(1, #said) == said then return text:sub(#said + 1) end
end

local function calls_beyond(slot, wire)
  local calls, new = slot.calls, json.array {}
  for position, call in ipairs(wire) do
    local known = type(call) == "table" and calls.by_id[call.id]
    if position > #calls and not known then new[#new + 1] = call end
  end
  return new[1] and new
end

-- Fields that come in pieces, but aren't texts.
local function drop_gathered(slot, delta)
  for key in pairs(slot.parts or {}) do delta[key] = nil end
  if slot.message.annotations then delta.annotations = nil end
  if slot.calls[1] and type(delta.tool_calls) == "table" then
    delta.tool_calls = calls_beyond(slot, delta.tool_calls) or nil
  end
end

-- True unless the text under a key is another than was said.
local function cut_text(slot, delta, key)
  local text = normalise.content(delta[key])
  local said = text ~= "" and said_under(slot, key) or ""
  if said == "" then return true end
  delta[key] = rest(said, text)
  return delta[key] ~= nil
end

-- It may have been said under another key.
local function cut_reasoning(slot, delta)
  local text = normalise.reasoning(delta)
  local said, key = nil, nil
  if text then said, key = said_reasoning(slot) end
  if not said then return true end
  for _, field in ipairs(normalise.reasoning_fields) do delta[field] = nil end
  delta[key] = rest(said, text)
  return delta[key] ~= nil
end

--- What a message says beyond what its choice has said already, as a delta; nil
--- if it is no more of a whole than a delta is.
---@param slot table as gather/chat.lua keeps it
---@param whole table as on the wire
---@return table|nil
function message.beyond(slot, whole)
  if slot.content or not message.has_said(slot) then return nil end
  local delta = {}
  for key, value in pairs(whole) do delta[key] = value end
  drop_gathered(slot, delta)
  local same = cut_text(slot, delta, "content") and cut_text(slot, delta, "refusal") and cut_reasoning(slot, delta)
  return same and delta or nil
end

return message
