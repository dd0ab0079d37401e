-- SPDX-License-Identifier: MIT
-- A document in pieces that can be found and cited: each ends where a paragraph
-- does, else a line, a sentence, a word; the next begins a little before that
-- end, so that what stands across it is whole in one of them. Never within a
-- UTF-8 character, and in one pass.

local check = require "marea.check"
local compat = require "marea.compat"

local SIZE, OVERLAP = 1000, 100

local fields = { size = "a whole number of at least 1", overlap = "a whole number of at least 0",
  source = "a non-empty string" }

-- From the weightiest end to the least: what stands before the place to cut at.
local ENDS = { "^.*\n\n()", "^.*\n()", "^.*[.!?]%s()", "^.*%s()" }

-- Where a piece that begins at `first` ends: in the second half of its room.
local function last_of(text, first, size)
  local limit = first + size - 1
  if limit >= #text then return #text end
  local half = first + math.floor(size / 2)
  local window = text:sub(half, limit)
  for _, pattern in ipairs(ENDS) do
    local at = window:match(pattern)
    if at and at > 1 then return half + at - 2 end
  end
  local whole = #compat.cut(text:sub(first, limit + 1), size)
  return first + math.max(whole, 1) - 1
end

local function is_inside_character(text, at)
  local byte = text:byte(at)
  return byte ~= nil and byte >= 0x80 and byte <= 0xBF
end

-- Where the next piece begins: at a word, if there is one in the overlap.
local function next_of(text, first, last, overlap)
  if last >= #text then return #text + 1 end
  local from = math.max(last + 1 - overlap, first + 1)
  if from > last then return last + 1 end
  local word = text:sub(from, last):match("%s()%S")
  from = word and from + word - 1 or from
  while is_inside_character(text, from) do from = from + 1 end
  return from
end

local function count_lines(text, first, last)
  local n, at = 0, text:find("\n", first, true)
  while at and at <= last do
    n, at = n + 1, text:find("\n", at + 1, true)
  end
  return n
end

local function piece(text, first, last, line, source)
  local body = text:sub(first, last)
  local lead = body:match("^%s*")
  line = line + count_lines(lead, 1, #lead)
  return { text = compat.trim(body), line = line, source = source and ("%s:%d"):format(source, line) or nil }
end

--- Cuts a text into pieces of at most `size` (1000) bytes that share about
--- `overlap` (100). Each has its `text`, the `line` it begins at, and, where a
--- `source` is given, `source` with that line: "tides.md:12".
---@param text string
---@param options marea.ChunkOptions|nil
---@param level integer|nil
---@return { text: string, line: integer, source: string|nil }[]
return function(text, options, level)
  level, options = level or 1, options or {}
  check.value(level, "marea.memory.chunk", "a string", text)
  check.fields(level, "marea.memory.chunk", options, fields)
  local size = options.size or SIZE
  local overlap = math.min(options.overlap or OVERLAP, math.floor(size / 2))
  local list, first, line = {}, 1, 1
  while first <= #text do
    local last = last_of(text, first, size)
    local one = piece(text, first, last, line, options.source)
    if one.text ~= "" then list[#list + 1] = one end
    local following = next_of(text, first, last, overlap)
    line, first = line + count_lines(text, first, following - 1), following
  end
  return list
end
