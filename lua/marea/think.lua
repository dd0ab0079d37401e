-- SPDX-License-Identifier: MIT
-- Reasoning that comes within the text, between <think> and </think>: told
-- apart piece by piece, wherever the pieces are cut. It counts only at the
-- text's beginning, so an answer may speak of the tags. Line breaks around the
-- tags belong to neither side. Pure: knows nothing of streams or presets but
-- their field `reasoning`.

local think = {}

---@class marea.think.tags
---@field [integer] string the names a tag may have
---@field opened? boolean the server leaves the opening tag out: all is reasoning up to the closing one

-- A tag after more blanks than these is no beginning; more line breaks than
-- these are told before it is known whether a tag follows.
local MAX_BLANKS, MAX_HELD = 256, 64

---- tags --------------------------------------------------------------------------

local CR, LF = 13, 10

-- Where the line breaks begin that stand before position `last + 1`.
local function before_breaks(s, last)
  while last > 0 and (s:byte(last) == LF or s:byte(last) == CR) do last = last - 1 end
  return last
end

-- The first of the closing tags: where it begins and ends.
local function find_closing(s, names)
  local first, last
  for _, name in ipairs(names) do
    local from, to = s:find("</" .. name .. ">", 1, true)
    if from and (not first or from < first) then first, last = from, to end
  end
  return first, last
end

-- How much of the end of `s` may be the beginning of `tag`.
local function begun(s, tag)
  for n = math.min(#s, #tag - 1), 1, -1 do
    if s:sub(-n) == tag:sub(1, n) then return n end
  end
  return 0
end

-- Name of the tag that `s` opens with, and what follows it; false: it may yet.
local function opening(s, names)
  local blanks = s:match("^%s*")
  if #blanks > MAX_BLANKS then return nil end
  local rest, possible = s:sub(#blanks + 1), false
  for _, name in ipairs(names) do
    local tag = "<" .. name .. ">"
    if rest:sub(1, #tag) == tag then return name, rest:sub(#tag + 1) end
    possible = possible or rest == tag:sub(1, #rest)
  end
  if possible then return false end
  return nil
end

---- pieces --------------------------------------------------------------------------

---@class marea.think.splitter
---@field settled boolean whether all that follows is text
local methods = {}
local metatable = { __index = methods }

---@param tags marea.think.tags
---@return marea.think.splitter
function think.new(tags)
  return setmetatable({ tags = tags, closing = tags, state = "start", held = "", settled = false }, metatable)
end

local states = {}

function states.start(self, s)
  local name, rest = opening(s, self.tags)
  if name == false then
    self.held = s
    return nil
  end
  if name then
    self.closing, self.state = { name }, "opened"
    return states.opened(self, rest)
  end
  if self.tags.opened then
    self.state = "inside"
    return states.inside(self, s)
  end
  self.state, self.settled = "answer", true
  return s
end

function states.opened(self, s)
  s = s:gsub("^[\r\n]+", "")
  if s ~= "" then
    self.state = "inside"
    return states.inside(self, s)
  end
end

function states.inside(self, s)
  local first, last = find_closing(s, self.closing)
  if first then
    self.state = "closed"
    return states.closed(self, s:sub(last + 1)), s:sub(1, before_breaks(s, first - 1))
  end
  local longest = 0
  for _, name in ipairs(self.closing) do longest = math.max(longest, begun(s, "</" .. name .. ">")) end
  local sure = before_breaks(s, #s - longest)
  if #s - sure > MAX_HELD then sure = #s - longest end
  self.held = s:sub(sure + 1)
  return nil, s:sub(1, sure)
end

function states.closed(self, s)
  s = s:gsub("^[\r\n]+", "")
  if s ~= "" then self.state, self.settled = "answer", true end
  return s
end

function states.answer(_, s)
  return s
end

local function some(s)
  return s ~= "" and s or nil
end

--- Takes the next piece; returns what is certain by now.
---@param piece string
---@return string|nil text, string|nil reasoning
function methods:add(piece)
  local s = self.held .. piece
  self.held = ""
  local text, reasoning = states[self.state](self, s)
  return some(text), some(reasoning)
end

--- Returns what was held back, as nothing more comes.
---@return string|nil text, string|nil reasoning
function methods:finish()
  local held = self.held
  self.held = ""
  if self.state == "inside" or self.tags.opened and self.state == "start" then return nil, some(held) end
  return some(held)
end

---- wholes --------------------------------------------------------------------------

-- A closing tag alone on its line, with no opening one before: the server left
-- that out. A stream can't know this while the text comes; a whole text can.
local function split_unopened(content, tags)
  local first, last = find_closing(content, tags)
  if not first then return nil end
  for _, name in ipairs(tags) do
    local from = content:find("<" .. name .. ">", 1, true)
    if from and from < first then return nil end
  end
  local begins_line = content:sub(first - 1, first - 1):find("^[\r\n]?$")
  local ends_line = last == #content or content:find("^[\r\n]", last + 1)
  if not begins_line or not ends_line then return nil end
  return content:sub(last + 1):gsub("^[\r\n]+", ""), content:sub(1, before_breaks(content, first - 1))
end

--- A whole text without its reasoning, and that, or nil.
---@param content string
---@param tags marea.think.tags
---@return string text, string|nil reasoning
function think.split(content, tags)
  local splitter = think.new(tags)
  local text, reasoning = splitter:add(content)
  local more_text, more_reasoning = splitter:finish()
  text, reasoning = (text or "") .. (more_text or ""), (reasoning or "") .. (more_reasoning or "")
  if splitter.state == "answer" and reasoning == "" and splitter.closing == tags then
    local after, before = split_unopened(content, tags)
    if after then text, reasoning = after, before end
  end
  return text, some(reasoning)
end

---- events --------------------------------------------------------------------------

---@class marea.think.filter
---@field settled boolean whether it has nothing more to do
local filter_methods = {}
local filter_metatable = { __index = filter_methods }

--- Makes text events that hold reasoning reasoning events.
---@param tags marea.think.tags
---@param n integer how many choices there are
function think.filter(tags, n)
  return setmetatable({ tags = tags, n = n, splitters = {}, said = {}, settled = false }, filter_metatable)
end

-- What a field has said already is not said again.
local function say(self, index, text, reasoning, out)
  if reasoning and not self.said[index] then
    out[#out + 1] = { type = "reasoning", text = reasoning, index = index }
  end
  if text then out[#out + 1] = { type = "text", text = text, index = index } end
end

local function splitter_of(self, index)
  local splitter = self.splitters[index] or think.new(self.tags)
  self.splitters[index] = splitter
  return splitter
end

--- Takes an event; what becomes of it goes to the list `out`.
---@param event table
---@param out table[]
function filter_methods:add(event, out)
  local kind, index = event.type, event.index
  if kind == "text" then
    local splitter = splitter_of(self, index)
    local text, reasoning = splitter:add(event.text)
    say(self, index, text, reasoning, out)
    self.settled = splitter.settled and self.n == 1
    return
  end
  if kind == "reasoning" then self.said[index] = true end
  if kind == "finish" and self.splitters[index] then
    local text, reasoning = self.splitters[index]:finish()
    say(self, index, text, reasoning, out)
  end
  out[#out + 1] = event
end

--- Makes a gatherer's events tell reasoning between tags as such; what it
--- gathers stays as on the wire. Until the answer itself has begun, `add` gives
--- no text that other chunks might repeat.
---@param gather table a gatherer
---@param tags marea.think.tags
---@param n integer|nil how many choices were asked for
function think.attach(gather, tags, n)
  local filter, add, finish = think.filter(tags, n or 1), gather.add, gather.finish
  local function pass(events, out)
    for i = 1, #events do filter:add(events[i], out) end
    if filter.settled then gather.add, gather.finish = nil, nil end     -- its class's again
  end
  function gather.add(self, chunk, out)
    local events = {}
    add(self, chunk, events)
    pass(events, out)
  end
  function gather.finish(self, out)
    local events = {}
    finish(self, events)
    pass(events, out)
  end
end

---- presets -------------------------------------------------------------------------

--- The tags a provider's model writes, or nil where none count.
---@param preset marea.preset
---@param model any
---@return marea.think.tags|nil
function think.tags(preset, model)
  local reasoning = preset.reasoning
  if not reasoning or not reasoning.tags then return nil end
  for _, prefix in ipairs(reasoning.verbatim or {}) do
    if type(model) == "string" and model:sub(1, #prefix) == prefix then return nil end
  end
  return reasoning.tags
end

return think
