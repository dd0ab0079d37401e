-- SPDX-License-Identifier: MIT
-- Gathers the events of a streamed response. Most servers send its text in
-- pieces and the whole response at the end; some send the end alone, some one
-- that lacks what the pieces said. Events are made of the pieces, and at the
-- end of whatever no piece has said.

local json = require "marea.json"
local normalise = require "marea.normalise"
local output_item = require "marea.gather.output_item"

local null = json.null

local responses = {}

local methods = {}
local metatable = { __name = "marea.gather.responses", __index = methods }

function responses.new()
  return setmetatable({
    response = nil,      -- the newest response seen, whole at the end
    items = {},          -- output items by output_index
    highest = -1,
    in_pieces = {},      -- types of parts whose text comes in pieces
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
    item = output_item.new()
    self.items[index] = item
    if index > self.highest then self.highest = index end
  end
  return item
end

---- pieces -------------------------------------------------------------------

-- Returns whether anything was said.
local function say(self, chunk, name, text, out)
  if type(text) ~= "string" or text == "" then return false end
  local item = item_at(self, chunk.output_index)
  item.id = item.id or chunk.item_id
  item:add(name, chunk.content_index or chunk.summary_index, text)
  out[#out + 1] = { type = output_item.kinds[name], text = text, index = 0 }
  return true
end

local on = {}

-- Parts whose text comes in pieces, by what their events are called.
local spoken = {
  output_text = "output_text", refusal = "refusal", reasoning = "reasoning_text",
  reasoning_text = "reasoning_text", reasoning_summary_text = "summary_text",
}

-- Where the whole text is told, some servers have not told a piece of it. (Any
-- counts: they may not agree on the item, either.)
for event, name in pairs(spoken) do
  on["response." .. event .. ".delta"] = function(self, chunk, out)
    if say(self, chunk, name, chunk.delta, out) then self.in_pieces[name] = true end
  end
  on["response." .. event .. ".done"] = function(self, chunk, out)
    if not self.in_pieces[name] then say(self, chunk, name, chunk.text or chunk.refusal, out) end
  end
end

---- items and calls ----------------------------------------------------------

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
  local call = output_item.call(wire)
  out[#out + 1] = { type = "tool_call", index = number_call(self, item), choice = 0,
    id = call.id or normalise.make_id(), name = call.name,
    arguments = call.arguments, arguments_json = call.arguments_json }
end

on["response.output_item.added"] = function(self, chunk)
  local item = item_at(self, chunk.output_index)
  if is_object(chunk.item) then item.wire = chunk.item end
end

on["response.output_item.done"] = function(self, chunk, out)
  local item = item_at(self, chunk.output_index)
  if not is_object(chunk.item) then return end
  item.wire, item.done = chunk.item, true
  if chunk.item.type == "function_call" then call_event(self, item, chunk.item, out) end
end

on["response.function_call_arguments.delta"] = function(self, chunk, out)
  if type(chunk.delta) ~= "string" then return end
  local item = item_at(self, chunk.output_index)
  local wire = item.wire or {}
  item.id = item.id or chunk.item_id
  item:add_arguments(chunk.delta)
  out[#out + 1] = { type = "tool_call.delta", index = number_call(self, item), choice = 0,
    id = wire.call_id or wire.id or chunk.item_id, name = wire.name,
    arguments_json = chunk.delta }
end

on["response.function_call_arguments.done"] = function(self, chunk)
  local item = item_at(self, chunk.output_index)
  if item.arguments or type(chunk.arguments) ~= "string" then return end
  item.id = item.id or chunk.item_id
  item:add_arguments(chunk.arguments)
end

---- the end ------------------------------------------------------------------

-- What was said of the output.
local function gathered(self, status)
  local output = json.array {}
  for index = 0, self.highest do
    local item = self.items[index]
    output[#output + 1] = item and item:whole(status)
  end
  return output
end

-- Some servers leave the output out of the end, when they have said it before.
local function with_output(self, response)
  local output = response.output
  if type(output) == "table" and next(output) ~= nil then return response end
  output = gathered(self, normalise.is_said(response.status) and response.status or "completed")
  if not output[1] then return response end
  local whole = {}
  for key, value in pairs(response) do whole[key] = value end
  whole.output = output
  return whole
end

local function find_by_id(self, wire)
  for index = 0, self.highest do
    local item = self.items[index]
    if item and item:is(wire) then return item end
  end
end

-- The one at the same place; where items are missing, the next of its type.
local function find_by_place(self, wire, index)
  local here = self.items[index]
  if here and here:may_be(wire) then return here end
  for i = 0, self.highest do
    local item = self.items[i]
    if item and item:may_be(wire) then return item end
  end
end

-- Some servers give items other ids at the end, or don't name all of them.
local function find_items(self, output)
  local found = {}
  for _, find in ipairs { find_by_id, find_by_place } do
    for i, wire in ipairs(output) do
      found[i] = found[i] or is_object(wire) and find(self, wire, i - 1)
      if found[i] then found[i].found = true end
    end
  end
  return found
end

-- What an item holds and no piece has said.
local function say_rest(self, item, wire, out)
  if wire.type == "function_call" then return call_event(self, item, wire, out) end
  if item.parts[1] then return end
  for _, event in ipairs(output_item.events(wire)) do out[#out + 1] = event end
end

local function say_output(self, output, out)
  local found = find_items(self, output)
  for i, wire in ipairs(output) do
    if is_object(wire) then say_rest(self, found[i] or output_item.new(), wire, out) end
  end
end

local function finish(self, chunk, out)
  if not is_object(chunk.response) then return end
  local response = with_output(self, chunk.response)
  self.response, self.finished = response, true
  if type(response.output) == "table" then say_output(self, response.output, out) end
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

--- The response, as far as it has come.
function methods:result()
  if self.finished then return self.response end
  local result = { object = "response", status = "in_progress" }
  for key, value in pairs(self.response or {}) do result[key] = value end
  if self.failed and type(result.output) == "table" and result.output[1] then return result end
  result.output = gathered(self, "in_progress")
  if result.usage == nil then result.usage = null end
  return result
end

return responses
