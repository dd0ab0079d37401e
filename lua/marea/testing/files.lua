-- SPDX-License-Identifier: MIT
-- The answers of endpoints that carry files: bytes, and transcripts of them.

local json = require "marea.json"

local files = {}

local function bytes(data, kind, r)
  return { status = 200, headers = { ["content-type"] = kind }, body = data, after = r.after }
end

-- Pieces of words, and then the whole.
local function events_of(text, pause)
  local events = {}
  local function add(value) events[#events + 1] = { value = value, after = pause } end
  for piece in text:gmatch("%s*%S+") do add { type = "transcript.text.delta", delta = piece } end
  add { type = "transcript.text.done", text = text }
  return events
end

local function transcript(r, params)
  local text = r.text or ""
  if params.stream ~= "true" then return bytes(json.encode(r.text and { text = text } or r), "application/json", r) end
  return { status = 200, headers = { ["content-type"] = "text/event-stream" }, after = r.after,
    events = events_of(text, r.pause) }
end

--- The answer of a reply: `data` is bytes, a text is what was heard, or, of
--- speech, the sound itself.
---@param r marea.testing.Reply
---@param params table what was asked
---@param path string
---@return marea.testing.Answer
function files.answer(r, params, path)
  if type(r.data) == "string" then return bytes(r.data, r.content_type or "application/octet-stream", r) end
  if path:find("/speech$") then return bytes(r.text or "", r.content_type or "audio/mpeg", r) end
  return transcript(r, params)
end

return files
