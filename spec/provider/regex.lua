-- SPDX-License-Identifier: MIT
-- A text that a regular expression matches: the first of its alternatives, as
-- few repetitions as it allows, `filler` where it would take anything.

local regex = {}

local classes = { d = "0", w = "a", s = " ", D = "a", W = " ", S = "a",
  n = "\n", t = "\t" }

local alternatives

local function broken(state)
  state.broken = true
end

local function bracket(state)
  local negated, at = state.source:match("^(%^?)()", state.at)
  local stop = state.source:find("]", at + 1, true)
  if not stop then return broken(state) end
  state.at = stop + 1
  local first = state.source:sub(at, at)
  if first == "\\" then
    first = state.source:sub(at + 1, at + 1)
    first = classes[first] or first
  end
  return negated == "" and first or "~"
end

local function group(state)
  state.at = state.source:match("^%?:()", state.at) or state.at
  local text = alternatives(state)
  if state.source:sub(state.at, state.at) ~= ")" then return broken(state) end
  state.at = state.at + 1
  return text
end

-- One thing that may be repeated; nil where the expression ends.
local function atom(state)
  local char = state.source:sub(state.at, state.at)
  if char == "" or char == "|" or char == ")" then return nil end
  state.at = state.at + 1
  if char == "(" then return group(state) end
  if char == "[" then return bracket(state) end
  if char == "^" or char == "$" then return "" end
  if char == "." then return state.filler, true end
  if char ~= "\\" then return char end
  char = state.source:sub(state.at, state.at)
  state.at = state.at + 1
  return classes[char] or char
end

-- How often at least, and what stands after the quantifier.
local function quantifier(state)
  local sign, after = state.source:match("^([*+?])%??()", state.at)
  if sign then
    state.at = after
    return sign == "+" and 1 or 0
  end
  local least
  least, after = state.source:match("^{(%d*),?%d*}%??()", state.at)
  if not least then return 1 end
  state.at = after
  return tonumber(least) or 0
end

local function sequence(state)
  local parts = {}
  while true do
    local text, is_any = atom(state)
    if not text then return table.concat(parts) end
    local from = state.at
    local least = quantifier(state)
    if is_any then
      -- A single "." takes one character, ".*" all that is at hand.
      parts[#parts + 1] = state.at == from and "x" or text
    else
      parts[#parts + 1] = text:rep(least)
    end
  end
end

function alternatives(state)
  local first = sequence(state)
  while state.source:sub(state.at, state.at) == "|" do
    state.at = state.at + 1
    sequence(state)
  end
  return first
end

-- Nil for what it can't read.
function regex.example(source, filler)
  local state = { source = source, at = 1, filler = filler }
  local text = alternatives(state)
  return state.at > #source and not state.broken and text or nil
end

return regex
