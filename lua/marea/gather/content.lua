-- SPDX-License-Identifier: MIT
-- Content that comes as a list of parts, in pieces: pieces of a text join, and
-- those of a thinking part do, whether it is a text or holds a list of texts.
-- Parts of other kinds are kept as they came.

local json = require "marea.json"

local content = {}

-- The text of an inner list, if it is nothing but texts.
local function inner_text(list)
  if type(list) ~= "table" or list[1] == nil then return nil end
  local out = {}
  for i, item in ipairs(list) do
    if type(item) ~= "table" or item.type ~= "text" or type(item.text) ~= "string" then return nil end
    out[i] = item.text
  end
  return table.concat(out)
end

-- How a part can be joined to another of its kind, and its text.
local function form_of(part)
  if part.type == "text" and type(part.text) == "string" then return "text", part.text end
  if type(part.thinking) == "string" then return "thinking", part.thinking end
  local text = inner_text(part.thinking)
  if text then return "list", text end
end

local function add_part(list, part)
  local form, text = form_of(part)
  local last = list[#list]
  if not last or not form or last.form ~= form or last.fields.type ~= part.type then
    last = { form = form, fields = {}, pieces = {} }
    list[#list + 1] = last
  end
  for key, value in pairs(part) do last.fields[key] = value end
  last.pieces[#last.pieces + 1] = text
end

--- Adds a list of parts, or a text, which is one.
---@param list table what has been gathered, at first empty
---@param more table|string
function content.add(list, more)
  if type(more) == "string" then more = { more } end
  for _, part in ipairs(more) do
    if type(part) == "string" then part = { type = "text", text = part } end
    if type(part) == "table" then add_part(list, part) end
  end
end

local function whole(entry)
  local part = {}
  for key, value in pairs(entry.fields) do part[key] = value end
  local text = table.concat(entry.pieces)
  if entry.form == "text" or entry.form == "thinking" then part[entry.form] = text
  elseif entry.form then part.thinking = json.array { { type = "text", text = text } } end
  return part
end

--- The parts as they would have come whole.
---@param list table
---@return table
function content.whole(list)
  local out = json.array {}
  for i, entry in ipairs(list) do out[i] = whole(entry) end
  return out
end

return content
