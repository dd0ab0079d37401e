-- SPDX-License-Identifier: MIT
-- What an agent's memory gives, as text that is put before the model. A memory that
-- can't be asked is an error: an answer without it would be another. What it gives
-- is its own: it is read, and not written to.

local Error = require "marea.error"
local normalise = require "marea.normalise"

local recall = {}

local function fail(message)
  return nil, Error.new { kind = "validation", message = "the memory " .. message }
end

-- What to ask where a run goes on without words.
local function last_question(messages)
  for i = #messages, 1, -1 do
    if messages[i].role == "user" then return normalise.content(messages[i].content) end
  end
  return ""
end

local function text_of(item)
  if type(item) ~= "table" then return tostring(item) end
  local text = item.text
  if type(text) ~= "string" and type(text) ~= "number" then return nil end
  return item.source and ("[%s] %s"):format(tostring(item.source), text) or text
end

--- The text, or nothing; or nil and an error.
---@param memory table
---@param question string|nil what was said; nil: nothing was
---@param messages table[] the conversation
---@return string|nil, marea.error|nil
function recall.text(memory, question, messages)
  local list, err = memory:query(question or last_question(messages))
  if not list and Error.is(err) then return nil, err end
  if not list and err then return fail("failed: " .. tostring(err)) end
  if list ~= nil and type(list) ~= "table" then return fail("gave no list, but a " .. type(list)) end
  local lines = {}
  for i, item in ipairs(list or {}) do
    local text = text_of(item)
    if not text then return fail(("gave an item without a text (item %d)"):format(i)) end
    lines[i] = "- " .. text
  end
  return lines[1] and "What you remember:\n" .. table.concat(lines, "\n") or nil
end

return recall
