-- SPDX-License-Identifier: MIT
-- Gathers the events of a streamed response. Most servers send its text in
-- pieces and the whole response at the end; some send the end alone. Events
-- are made of the pieces, and at the end of whatever no piece has said.

local json = require "marea.json"
local normalise = require "marea.normalise"

local null = json.null

local responses = {}

local methods = {}
local metatable = { __name = "marea.gather.responses", __index = methods }

function responses.new()
  return setmetatable({
    response = nil,      -- the newest response seen, whole at the end
    items = {},          -- output items by output_index
    highest = -1,
    calls = 0,
    finished = false,
    failed = nil,        -- the response, if it says it failed
  }, metatable)
end

local function is_object(value)
  return type(value) == "table" and not json.is_array(value)
end

local function item_at(self, index)
  index = normalise.index(index) or 0
  local item = self.items[index]
  if not item then
    item = { pieces = {} }
    self.items[index] = item
    if index > self.highest then self.highest = index end
  end
  return item
end

-- kind: text, reasoning or refusal
local function say(self, chunk, kind, out)
  if type(chunk.delta) ~= "string" or chunk.delta == "" then return end
  local item = item_at(self, chunk.output_index)
  item.kind = item.kind or kind
  item.id = item.id or chunk.item_id
  item.pieces[#item.pieces + 1] = chunk.delta
  item.said = true
  out[#out + 1] = { type = kind, text = chunk.delta, index = 0 }
end

local function number_call(self, item)
  if not item.position then
    item.position = self.calls
    self.calls = self.calls + 1
  end
  return item.position
end

local function call_event(self, item, wire, out)
  if item.called then return end
  item.called = true
  local call = normalise.tool_call(wire)
  out[#out + 1] = { type = "tool_call", index = number_call(self, item),
    id = call.id or normalise.make_id(), name = call.name,
    arguments = call.arguments, arguments_json = call.arguments_json }
end

local function item_call_id(wire)
  return wire.call_id or wire.id
end

local on = {}

on["response.output_text.delta"] = function(self, chunk, out) say(self, chunk, "text", out) end
on["response.refusal.delta"] = function(self, chunk, out) say(self, chunk, "refusal", out) end

for _, name in ipairs { "reasoning_text", "reasoning_summary_text", "reasoning" } do
  on["response." .. name .. ".delta"] = function(self, chunk, out)
    say(self, chunk, "reasoning", out)
  end
end

on["response.output_item.added"] = function(self, chunk)
  local item = item_at(self, chunk.output_index)
  if type(chunk.item) == "table" then item.wire = chunk.item end
end

on["response.output_item.done"] = function(self, chunk, out)
  local item = item_at(self, chunk.output_index)
  if type(chunk.item) ~= "table" then return end
  item.wire, item.done = chunk.item, true
  if chunk.item.type == "function_call" then call_event(self, item, chunk.item, out) end
end

on["response.function_call_arguments.delta"] = function(self, chunk, out)
  if type(chunk.delta) ~= "string" then return end
  local item = item_at(self, chunk.output_index)
  local wire = item.wire or {}
  item.kind = "function_call"
  item.pieces[#item.pieces + 1] = chunk.delta
  out[#out + 1] = { type = "tool_call.delta", index = number_call(self, item),
    id = item_call_id(wire) or chunk.item_id, name = wire.name,
    arguments_json = chunk.delta }
end

-- What the end holds and no piece has said.
local function say_rest(self, index, wire, out)
  local item = item_at(self, index)
  item.wire, item.done = wire, true
  if wire.type == "function_call" then return call_event(self, item, wire, out) end
  if item.said then return end
  item.said = true
  for _, event in ipairs(responses.item_events(wire)) do out[#out + 1] = event end
end

local function finish(self, chunk, out)
  local response = chunk.response
  if not is_object(response) then return end
  self.response, self.finished = response, true
  if type(response.output) == "table" then
    for i, wire in ipairs(response.output) do
      if type(wire) == "table" then say_rest(self, i - 1, wire, out) end
    end
  end
  local raw = responses.raw_reason(response)
  out[#out + 1] = { type = "finish", raw_reason = raw, index = 0,
    reason = normalise.finish_reason(raw, self.calls > 0) }
  if type(response.usage) == "table" then
    out[#out + 1] = { type = "usage", usage = response.usage }
  end
end

on["response.completed"] = finish
on["response.incomplete"] = finish
on["response.failed"] = function(self, chunk)
  self.failed = is_object(chunk.response) and chunk.response or {}
  self.response = self.failed
end

--- Why a response ended, in its own words.
function responses.raw_reason(response)
  local details = response.incomplete_details
  return type(details) == "table" and details.reason or response.status
end

local parts = {
  output_text = "text", text = "text", refusal = "refusal",
  reasoning_text = "reasoning", summary_text = "reasoning",
}

--- The events a whole output item would have been streamed as (text,
--- reasoning and refusal).
function responses.item_events(item)
  local events = {}
  for _, list in ipairs { item.summary or false, item.content or false } do
    for _, part in ipairs(type(list) == "table" and list or {}) do
      local kind = type(part) == "table" and parts[part.type]
      local text = kind and (part.text or part.refusal)
      if type(text) == "string" and text ~= "" then
        events[#events + 1] = { type = kind, text = text, index = 0 }
      end
    end
  end
  return events
end

--- Adds an event of the wire; the events made of it go to the list `out`.
function methods:add(chunk, out)
  local act = on[chunk.type]
  if act then return act(self, chunk, out) end
  if is_object(chunk.response) then self.response = chunk.response end
end

function methods:add_run() end

function methods:finish() end

function methods:is_finished()
  return self.finished
end

function methods:has_output()
  return self.finished or self.highest >= 0
end

function methods:ended_with()
  return false
end

local makers = {}

function makers.text(text)
  return { type = "message", role = "assistant", status = "in_progress",
    content = json.array { { type = "output_text", text = text,
      annotations = json.array {} } } }
end

function makers.refusal(text)
  return { type = "message", role = "assistant", status = "in_progress",
    content = json.array { { type = "refusal", refusal = text } } }
end

function makers.reasoning(text)
  return { type = "reasoning", summary = json.array {},
    content = json.array { { type = "reasoning_text", text = text } } }
end

function makers.function_call(text, item)
  local wire = item.wire or {}
  return { type = "function_call", status = "in_progress", name = wire.name,
    call_id = wire.call_id, arguments = text }
end

local function partial_item(item)
  if item.done then return item.wire end
  local make = item.kind and makers[item.kind]
  if not make then return item.wire end
  local wire = make(table.concat(item.pieces), item)
  wire.id = item.wire and item.wire.id or item.id
  return wire
end

--- The response, as far as it has come.
function methods:result()
  if self.finished then return self.response end
  local result = { object = "response", status = "in_progress" }
  for key, value in pairs(self.response or {}) do result[key] = value end
  if self.failed and type(result.output) == "table" and result.output[1] then return result end
  result.output = json.array {}
  for index = 0, self.highest do
    local item = self.items[index]
    local wire = item and partial_item(item)
    if wire then result.output[#result.output + 1] = wire end
  end
  if result.usage == nil then result.usage = null end
  return result
end

return responses
