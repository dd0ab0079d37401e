-- SPDX-License-Identifier: MIT
-- An item of a response's output: what was said of it piece by piece, and what
-- the server said it is. Until that is the whole, the pieces are what counts.

local json = require "marea.json"
local normalise = require "marea.normalise"

local is_said = normalise.is_said

local output_item = {}

local methods = {}
local metatable = { __name = "marea.gather.output_item", __index = methods }

function output_item.new()
  return setmetatable({
    id = nil,            -- the one its pieces named
    wire = nil,          -- as the server gave it
    done = false,        -- is that the whole?
    parts = {},          -- what was said in pieces, in the order it began
    arguments = nil,     -- of a call: the pieces
    position = nil,      -- of a call: among the calls
    called = false,      -- of a call: was its event made?
    found = false,       -- was it found at the end?
  }, metatable)
end

---- what comes in pieces -----------------------------------------------------

-- What events the parts of an item are, and where each stands in it.
local kinds = {
  output_text = "text", text = "text", refusal = "refusal",
  reasoning_text = "reasoning", summary_text = "reasoning",
}
local lists = { summary_text = "summary" }      -- all others: content

output_item.kinds = kinds

local function part_at(self, name, index)
  local parts = self.parts
  for i = #parts, 1, -1 do
    if parts[i].type == name and parts[i].index == index then return parts[i] end
  end
  local part = { type = name, index = index, pieces = {} }
  parts[#parts + 1] = part
  return part
end

--- Adds a piece of text.
---@param name string the part's type
---@param index any the part's among those of its list
---@param text string
function methods:add(name, index, text)
  local pieces = part_at(self, name, normalise.index(index)).pieces
  pieces[#pieces + 1] = text
end

function methods:add_arguments(text)
  self.arguments = self.arguments or {}
  self.arguments[#self.arguments + 1] = text
end

---- which it is --------------------------------------------------------------

--- Its type, as far as it shows.
---@return string|nil
function methods:type()
  if self.wire and is_said(self.wire.type) then return self.wire.type end
  if self.arguments then return "function_call" end
  local first = self.parts[1]
  if first then return kinds[first.type] == "reasoning" and "reasoning" or "message" end
end

--- Can a whole item be this one?
function methods:may_be(wire)
  local kind = self:type()
  return not self.found and (kind == nil or kind == wire.type or not is_said(wire.type))
end

local function same_id(a, b)
  return is_said(a) and a == b
end

--- Does a whole item say that it is this one?
function methods:is(wire)
  local own = self.wire or {}
  return self:may_be(wire)
    and (same_id(own.id, wire.id) or same_id(self.id, wire.id) or same_id(own.call_id, wire.call_id))
end

---- the whole ----------------------------------------------------------------

local function wire_part(part)
  local text = table.concat(part.pieces)
  if part.type == "refusal" then return { type = "refusal", refusal = text } end
  local annotations = part.type == "output_text" and json.array {} or nil
  return { type = part.type, text = text, annotations = annotations }
end

local function parts_in(self, list)
  local out = json.array {}
  for _, part in ipairs(self.parts) do
    if (lists[part.type] or "content") == list then out[#out + 1] = wire_part(part) end
  end
  return out[1] and out
end

local complete = {}

function complete.message(self, wire, status)
  wire.role, wire.status = wire.role or "assistant", status
  wire.content = parts_in(self, "content") or wire.content or json.array {}
end

function complete.reasoning(self, wire)
  wire.summary = parts_in(self, "summary") or wire.summary or json.array {}
  wire.content = parts_in(self, "content") or wire.content
end

function complete.function_call(self, wire, status)
  wire.status = status
  wire.arguments = self.arguments and table.concat(self.arguments) or wire.arguments or ""
end

--- The item as on the wire, as far as it has come; nil where nothing shows what
--- it is.
---@param status string what it has come to, unless the server gave it whole
---@return table|nil
function methods:whole(status)
  if self.done then return self.wire end
  local wire, kind = {}, self:type()
  if not kind then return self.wire end
  for key, value in pairs(self.wire or {}) do wire[key] = value end
  wire.type, wire.id = kind, wire.id or self.id
  if wire.status ~= nil then wire.status = status end
  if complete[kind] then complete[kind](self, wire, status) end
  return wire
end

--- The events a whole item would have been streamed as (text, reasoning and
--- refusal).
---@param wire table
---@return marea.Event[]
function output_item.events(wire)
  local events = {}
  for _, list in ipairs { wire.summary or false, wire.content or false } do
    for _, part in ipairs(type(list) == "table" and list or {}) do
      local kind = type(part) == "table" and kinds[part.type]
      local text = kind and (part.text or part.refusal)
      if type(text) == "string" and text ~= "" then
        events[#events + 1] = { type = kind, text = text, index = 0 }
      end
    end
  end
  return events
end

--- The call a whole item is: cut off where the item says that it is not whole.
---@param wire table
---@return marea.ToolCall
function output_item.call(wire)
  return normalise.tool_call(wire, wire.status == "incomplete")
end

return output_item
