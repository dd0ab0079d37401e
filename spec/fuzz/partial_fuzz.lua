-- SPDX-License-Identifier: MIT
-- Fuzzes JSON that is still arriving. However a text is cut, the same is known at
-- its end; what a prefix says, the whole says too; and a text that is JSON from
-- its first bracket on comes to what the codec makes of it.

local grow = require "grow"
local json = require "marea.json"
local partial = require "marea.partial"

local function encoded(value)
  return value == nil and "" or json.encode(value, { sort = true })
end

local function read(pieces)
  local reader = partial.new()
  for _, piece in ipairs(pieces) do
    reader:add(piece)
    reader:value()
  end
  return reader
end

local function cut(text, choose)
  local pieces, at = {}, 1
  while at <= #text do
    local size = (choose:byte(#pieces % #choose + 1) or 0) % 7 + 1
    pieces[#pieces + 1] = text:sub(at, at + size - 1)
    at = at + size
  end
  return pieces
end

-- Does `less`, known earlier, agree with `more`?
local function agrees(less, more)
  if type(less) == "string" then return type(more) == "string" and more:sub(1, #less) == less end
  if type(less) ~= "table" then return less == more end
  if type(more) ~= "table" then return false end
  for key, value in pairs(less) do
    if not agrees(value, more[key]) then return false end
  end
  return true
end

local function check(text, choose)
  local whole, pieces = read { text }, cut(text, choose)
  local again = read(pieces)
  assert(encoded(whole:value()) == encoded(again:value()), "cut otherwise, read otherwise")
  assert(whole.complete == again.complete and whole.broken == again.broken)
  local prefix = partial.decode(text:sub(1, #text // 2))
  assert(prefix == nil or agrees(prefix, whole:value()), "a prefix says other things")
end

-- Keys that come twice are another matter: what was known is taken back.
local function twice(text)
  local seen = {}
  for key in text:gmatch('"([^"]*)"%s*:') do
    if seen[key] then return true end
    seen[key] = true
  end
  return text:find("\\", 1, true) ~= nil
end

return function(input)
  if input == "" then return end
  if not twice(input) then check(input, input) end
  local value = grow.object(grow.chooser(input))
  local text = json.encode(value, { sort = true })
  local reader = read(cut(text, input))
  assert(reader.complete and not reader.broken, "what is whole is not known to be")
  assert(encoded(reader:value()) == encoded(json.decode(text)), "not what the codec reads")
end
