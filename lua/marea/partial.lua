-- SPDX-License-Identifier: MIT
-- JSON that is still arriving, as far as it can be known: what a prefix says
-- is never taken back by what follows. A string grows; a number, a literal or a
-- key counts once it is whole. Each byte is looked at once. What stands before
-- the first { or [ is passed over, and so is what follows the end; and, where an
-- object is wanted, a list, or what in brackets looked like one.

local json = require "marea.json"

local partial = {}

local MAX_DEPTH, MAX_NUMBER = 200, 400

local methods = {}
local metatable = { __name = "marea.partial", __index = methods }

---@class marea.Partial
---@field complete boolean the value is whole
---@field broken boolean what came is no JSON; what was known before stays
---@param options { object: boolean|nil }|nil object: nothing else is wanted
function partial.new(options)
  return setmetatable({
    object = options ~= nil and options.object or false,
    passing = false,      -- what is read is a list where an object is wanted
    rest = "",            -- what could not be read yet: the beginning of a token
    stack = {},           -- open containers: { value, key, n }
    state = "start", complete = false, broken = false,
    open = nil,           -- the string that is growing: { parts, key }
    changed = false,      -- since the value was last taken
    fresh = 0, size = 0,  -- bytes of the open string: new, and all
  }, metatable)
end

---- putting values where they belong -------------------------------------------------

local function place(self, value)
  local top = self.stack[#self.stack]
  if not top then self.root = not self.passing and value or nil
  elseif top.is_list then
    top.n = top.n + 1
    top.value[top.n] = value
  else top.value[top.key] = value end
  self.changed = true
end

local function after_value(self)
  local top = self.stack[#self.stack]
  if not top then
    self.complete, self.state = true, "over"
  else self.state = top.is_list and "list_next" or "object_next" end
end

local function open_container(self, is_list)
  if #self.stack >= MAX_DEPTH then
    self.broken = true
    return
  end
  local value = is_list and json.array {} or {}
  place(self, value)
  self.stack[#self.stack + 1] = { value = value, is_list = is_list, n = 0 }
  self.state = is_list and "list_first" or "object_first"
end

local function close_container(self)
  self.stack[#self.stack] = nil
  after_value(self)
end

---- strings ----------------------------------------------------------------------------

local function cut_character(text)
  local tail = text:match("[\192-\247][\128-\191]*$")
  if not tail then return text end
  local lead = tail:byte()
  local wanted = lead >= 0xF0 and 4 or lead >= 0xE0 and 3 or 2
  return #tail < wanted and text:sub(1, -#tail - 1) or text
end

-- The string as far as it has come, in its place.
local function show_open(self)
  local open = self.open
  if not open or open.is_key then return end
  local text = table.concat(open.parts)
  open.parts = { text }
  local top = self.stack[#self.stack]
  if top.is_list then top.value[top.n] = cut_character(text) else top.value[top.key] = cut_character(text) end
end

local function begin_string(self, is_key)
  self.open = { parts = {}, is_key = is_key }
  self.fresh, self.size = 0, 0
  self.before, self.state = self.state, "string"
  if not is_key then place(self, "") end
end

local function end_string(self)
  local open = self.open
  if open.is_key then
    self.stack[#self.stack].key, self.state = table.concat(open.parts), "colon"
  else
    show_open(self)
    self.changed = true
    after_value(self)
  end
  self.open = nil
end

local function add_part(self, text)
  local parts = self.open.parts
  parts[#parts + 1] = text
  self.fresh, self.size = self.fresh + #text, self.size + #text
end

-- Whether what stands at `i` could become a low surrogate's escape.
local function may_become_low(text, i)
  local tail = text:sub(i, i + 5)
  return (tail:find("^\\?u?$") or tail:find("^\\u[dD][c-fC-F]?%x?$")) ~= nil
end

-- Where the escape at `i` ends, or nil while it may go on: a high surrogate
-- waits for its other half.
local function escape_end(text, i)
  local hex = text:match("^\\u(%x%x%x%x)", i)
  if not hex then
    if #text < i + 5 and text:find("^\\u?%x*$", i) then return nil end
    return i + 1
  end
  if not hex:find("^[dD][89abAB]") then return i + 5 end
  if text:find("^\\u[dD][c-fC-F]%x%x", i + 6) then return i + 11 end
  if may_become_low(text, i + 6) then return nil end
  return i + 5
end

local function read_string(self, text, i)
  local from, to = text:find('^[^"\\]+', i)
  if from then
    add_part(self, text:sub(from, to))
    i = to + 1
  end
  local c = text:sub(i, i)
  if c == '"' then
    end_string(self)
    return i + 1
  elseif c == "" then return i end
  local last = escape_end(text, i)
  if not last then return nil, i end
  local decoded = json.decode('"' .. text:sub(i, last) .. '"')
  if decoded == nil then
    self.broken = true
    return nil, i
  end
  add_part(self, decoded)
  return last + 1
end

---- everything else ------------------------------------------------------------------

local literals = { ["true"] = true, ["false"] = false, null = json.null }

-- A token that ends only where something else begins.
local function read_word(self, text, i)
  local from, to = text:find("^[%w.+-]+", i)
  if not from or to - from >= MAX_NUMBER then
    self.broken = true
    return nil, i
  end
  if to == #text then return nil, i end
  local word = text:sub(from, to)
  local value = literals[word]
  if value == nil then value = json.decode(word) end
  if value == nil then
    self.broken = true
    return nil, i
  end
  place(self, value)
  after_value(self)
  return to + 1
end

local function read_value(self, text, i, c)
  if c == "{" or c == "[" then
    open_container(self, c == "[")
    return i + 1
  elseif c == '"' then
    begin_string(self)
    return i + 1
  end
  return read_word(self, text, i)
end

local states = {}

states.value = read_value

function states.list_first(self, text, i, c)
  if c ~= "]" then return read_value(self, text, i, c) end
  close_container(self)
  return i + 1
end

local function begin_key(self, _, i, c)
  if c ~= '"' then
    self.broken = true
    return nil, i
  end
  begin_string(self, true)
  return i + 1
end

states.key = begin_key

function states.object_first(self, text, i, c)
  if c ~= "}" then return begin_key(self, text, i, c) end
  close_container(self)
  return i + 1
end

local function expect(wanted, following, closing)
  return function(self, _, i, c)
    if c == wanted then self.state = following
    elseif c == closing then close_container(self)
    else
      self.broken = true
      return nil, i
    end
    return i + 1
  end
end

states.colon = expect(":", "value")
states.object_next = expect(",", "key", "}")
states.list_next = expect(",", "value", "]")

function states.start(self, text, i)
  local from = text:find("[{[]", i)
  if not from then return #text + 1 end
  local c = text:sub(from, from)
  self.passing = self.object and c == "["
  return read_value(self, text, from, c)
end

-- Reads from `i` on; returns where to go on, or nil and where the token begins
-- that is not whole.
local function advance(self, text, i)
  if self.state == "string" then return read_string(self, text, i) end
  i = text:find("[^ \t\r\n]", i)
  if not i then return #text + 1 end
  return states[self.state](self, text, i, text:sub(i, i))
end

-- Begins anew after a list that was not wanted.
local function pass_over(self)
  self.stack, self.open, self.state = {}, nil, "start"
  self.passing, self.complete, self.broken = false, false, false
end

---- what others call -------------------------------------------------------------------

--- Adds what has arrived.
---@param text string
function methods:add(text)
  if self.complete or self.broken then return end
  text = self.rest .. text
  local i, kept = 1, nil
  while i and i <= #text and not self.complete and not self.broken do
    i, kept = advance(self, text, i)
    if self.passing and (self.complete or self.broken) then
      pass_over(self)
      i = i or kept
    end
  end
  self.rest = i and "" or text:sub(kept or #text + 1)
end

--- Whether there is enough that is new to be worth showing: any change of the
--- structure, or a growing string that has grown by a sixteenth. So a reader
--- who takes the value each time copies each byte a bounded number of times.
---@return boolean
function methods:due()
  return self.root ~= nil and (self.changed or self.fresh > 0 and self.fresh * 16 >= self.size)
end

--- The value as far as it is known; nil while nothing is. It is one table,
--- which grows: copy what must not.
---@return table|nil
function methods:value()
  show_open(self)
  self.changed, self.fresh = false, 0
  return self.root
end

--- The value of a text that may not be whole, and whether it is.
---@param text string
---@return table|nil value, boolean complete
function partial.decode(text)
  local p = partial.new()
  p:add(text)
  return p:value(), p.complete
end

return partial
