-- SPDX-License-Identifier: MIT
-- Gathers the events of a streamed transcript: pieces of text, segments where
-- the server parts speakers, and at the end the whole.

local json = require "marea.json"

local transcript = {}

local methods = {}
local metatable = { __name = "marea.gather.transcript", __index = methods }

function transcript.new()
  return setmetatable({
    pieces = {},
    lists = {},          -- logprobs and segments, where there are any
    done = nil,          -- the last event, which has the whole text
    finished = false,
  }, metatable)
end

local function append(self, name, items)
  local list = self.lists[name] or json.array {}
  self.lists[name] = list
  for _, item in ipairs(items) do list[#list + 1] = item end
end

local function say(self, text, out)
  local event = { type = "text", text = text, index = 0 }
  self.pieces[#self.pieces + 1] = text
  out[#out + 1] = event
  return event
end

local on = {}

-- One that is nothing but text may be followed by others like it.
on["transcript.text.delta"] = function(self, chunk, out)
  if type(chunk.delta) ~= "string" or chunk.delta == "" then return nil end
  local event = say(self, chunk.delta, out)
  if type(chunk.logprobs) ~= "table" then return event, "delta" end
  append(self, "logprobs", chunk.logprobs)
end

on["transcript.text.segment"] = function(self, chunk)
  local segment = {}
  for key, value in pairs(chunk) do
    if key ~= "type" then segment[key] = value end
  end
  append(self, "segments", { segment })
end

on["transcript.text.done"] = function(self, chunk, out)
  self.done, self.finished = chunk, true
  if not self.pieces[1] and type(chunk.text) == "string" and chunk.text ~= "" then
    say(self, chunk.text, out)
  end
  out[#out + 1] = { type = "finish", reason = "stop", raw_reason = json.null, index = 0 }
  if type(chunk.usage) == "table" then out[#out + 1] = { type = "usage", usage = chunk.usage } end
end

--- Adds an event of the wire, as gather/chat.lua does.
function methods:add(chunk, out)
  local act = on[chunk.type]
  if act then return act(self, chunk, out) end
end

function methods:add_run(text)
  self.pieces[#self.pieces + 1] = text
end

function methods:finish() end

function methods:is_finished()
  return self.finished
end

function methods:has_output()
  return self.pieces[1] ~= nil or self.lists.segments ~= nil
end

function methods:ended_with()
  return false
end

--- The transcript, as far as it has come.
function methods:result()
  local result = {}
  for name, list in pairs(self.lists) do result[name] = list end
  for key, value in pairs(self.done or {}) do
    if key ~= "type" then result[key] = value end
  end
  if type(result.text) ~= "string" then result.text = table.concat(self.pieces) end
  return result
end

return transcript
