-- SPDX-License-Identifier: MIT
-- Fuzzes what parts reasoning from text. However a text is cut, the same comes of
-- it as of the whole; nothing is lost but tags and white space around them.
-- The input's first byte chooses how, the bytes 1 to 4 stand for tags.

local think = require "marea.think"

local short = { ["\1"] = "<think>", ["\2"] = "</think>", ["\3"] = "<thinking>", ["\4"] = "</thinking>" }

local function read(tags, pieces)
  local splitter, text, reasoning = think.new(tags), {}, {}
  local function take(t, r)
    assert(t ~= "" and r ~= "")
    text[#text + 1], reasoning[#reasoning + 1] = t, r
  end
  for _, piece in ipairs(pieces) do take(splitter:add(piece)) end
  take(splitter:finish())
  return table.concat(text), table.concat(reasoning)
end

local function cut(text, choose)
  local pieces, at = {}, 1
  while at <= #text do
    local size = choose:byte(#pieces % #choose + 1) % 9 + 1
    pieces[#pieces + 1] = text:sub(at, at + size - 1)
    at = at + size
  end
  return pieces
end

-- What is taken out may leave another tag behind: "</thin</think>k>".
local function without(text)
  local before
  repeat
    before = text
    text = text:gsub("</?think>", ""):gsub("</?thinking>", ""):gsub("%s", "")
  until text == before
  return text
end

return function(input)
  if #input < 2 then return end
  local text = input:sub(2):gsub("[\1-\4]", short)
  if text:find(("[\r\n]"):rep(60)) or #text:match("^%s*") > 200 then return end   -- a limit, told in pieces
  local tags = { "think", "thinking", opened = input:byte(1) % 2 == 1 or nil }
  local one_text, one_reasoning = read(tags, { text })
  local many_text, many_reasoning = read(tags, cut(text, input))
  assert(one_text == many_text and one_reasoning == many_reasoning, "cut otherwise, read otherwise")
  assert(without(one_reasoning .. one_text) == without(text), "something was lost")
  local split_text, split_reasoning = think.split(text, tags)
  assert(without((split_reasoning or "") .. split_text) == without(text), "something was lost")
end
