-- SPDX-License-Identifier: MIT
-- The regular expressions of JSON Schema (ECMAScript's) that need no memory of
-- what was matched: classes, groups, alternatives, quantifiers, anchors. A
-- pattern becomes a small program, run on all its paths at once (Thompson), so
-- that no pattern takes long. Look-around, back references and \p are not
-- there, and `compile` says so.

local regex = {}

local MAX_PROGRAM = 4000
local MAX_REPEAT = 1000

---- characters -----------------------------------------------------------------

--- The code points of a string; a byte that is no UTF-8 counts as itself.
---@param s string
---@return integer[]
function regex.points(s)
  local out = {}
  for c in s:gmatch("[%z\1-\127\192-\247][\128-\191]*") do
    local point = c:byte()
    local mask = point < 0x80 and 0x80 or point < 0xE0 and 0x20 or point < 0xF0 and 0x10 or 0x08
    point = point % mask
    for i = 2, #c do point = point * 64 + c:byte(i) % 64 end
    out[#out + 1] = point
  end
  return out
end

local function is_digit(c) return c >= 48 and c <= 57 end

local function is_word(c)
  return is_digit(c) or c >= 65 and c <= 90 or c == 95 or c >= 97 and c <= 122
end

local spaces = { [9] = true, [10] = true, [11] = true, [12] = true, [13] = true, [32] = true, [0xA0] = true,
  [0x1680] = true, [0x2028] = true, [0x2029] = true, [0x202F] = true, [0x205F] = true, [0x3000] = true,
  [0xFEFF] = true }

local function is_space(c) return spaces[c] or c >= 0x2000 and c <= 0x200A end

local function is_line_end(c) return c == 10 or c == 13 or c == 0x2028 or c == 0x2029 end

local function negated(test)
  return function(c) return not test(c) end
end

local function exactly(point)
  return function(c) return c == point end
end

local function between(first, last)
  return function(c) return c >= first and c <= last end
end

local function any_of(tests)
  return function(c)
    for i = 1, #tests do
      if tests[i](c) then return true end
    end
    return false
  end
end

local classes = { d = is_digit, w = is_word, s = is_space,
  D = negated(is_digit), W = negated(is_word), S = negated(is_space) }

---- reading ----------------------------------------------------------------------

local controls = { n = 10, r = 13, t = 9, f = 12, v = 11, ["0"] = 0 }

local function refuse(what)
  error({ unsupported = what }, 0)
end

local function take(p, pattern)
  local from, to, found = p.text:find("^" .. pattern, p.at)
  if from then p.at = to + 1 end
  return found or from and p.text:sub(from, to)
end

local function take_char(p)
  return take(p, "[%z\1-\127\192-\247][\128-\191]*") or take(p, ".")
end

local function hex(p, pattern)
  local digits = take(p, pattern)
  return digits and tonumber(digits, 16) or refuse "an unfinished escape"
end

-- After \u: a code point, be it that of two halves.
local function unicode(p)
  if p.text:sub(p.at, p.at) == "{" then return hex(p, "{(%x+)}") end
  local point = hex(p, "(%x%x%x%x)")
  local low = point >= 0xD800 and point < 0xDC00 and take(p, "\\u([dD][c-fC-F]%x%x)")
  if not low then return point end
  return 0x10000 + (point - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00
end

-- After the backslash: a test, or a code point.
local function escape(p)
  local c = take_char(p) or refuse "a backslash at the end"
  if classes[c] then return classes[c] end
  if controls[c] then return nil, controls[c] end
  if c == "x" then return nil, hex(p, "(%x%x)") end
  if c == "u" then return nil, unicode(p) end
  if c == "c" then return nil, (take(p, "%a") or refuse "\\c"):byte() % 32 end
  if c:find("^[%a%d]$") then refuse("\\" .. c) end
  return nil, regex.points(c)[1]
end

local function class_atom(p)
  if take(p, "\\b") then return nil, 8 end
  if take(p, "\\") then return escape(p) end
  return nil, regex.points(take_char(p) or refuse "an unfinished class")[1]
end

local function class(p)
  local inverted, tests = take(p, "%^"), {}
  while not take(p, "%]") do
    local test, first = class_atom(p)
    local last = first
    if first and p.text:find("^%-[^%]]", p.at) then
      p.at = p.at + 1
      test, last = class_atom(p)
      if not last then tests[#tests + 1], test = exactly(45), test end
    end
    if first then tests[#tests + 1] = between(first, last or first) end
    if test then tests[#tests + 1] = test end
  end
  local test = any_of(tests)
  return { test = inverted and negated(test) or test }
end

local alternatives

local function group(p)
  local plain = take(p, "%?<[%a_$][%w_$]*>") or take(p, "%?:")     -- matched alike
  if not plain and take(p, "%?") then refuse("(?" .. (take_char(p) or "")) end
  local inner = alternatives(p)
  if not take(p, "%)") then refuse "an unclosed group" end
  return inner
end

local function escaped_atom(p)
  if take(p, "b") then return { edge = true } end
  if take(p, "B") then return { edge = false } end
  local test, point = escape(p)
  return { test = test or exactly(point) }
end

local function atom(p)
  if take(p, "%(") then return group(p) end
  if take(p, "%[") then return class(p) end
  if take(p, "%^") then return { first = true } end
  if take(p, "%$") then return { last = true } end
  if take(p, "%.") then return { test = negated(is_line_end) } end
  if take(p, "\\") then return escaped_atom(p) end
  if p.text:find("^[*+?]", p.at) then refuse "a quantifier with nothing before it" end
  return { test = exactly(regex.points(take_char(p))[1] or refuse "bytes that are no UTF-8") }
end

local function quantifier(p)
  if take(p, "%*") then return 0, nil end
  if take(p, "%+") then return 1, nil end
  if take(p, "%?") then return 0, 1 end
  local low = take(p, "{(%d+)}")
  if low then return tonumber(low), tonumber(low) end
  low = take(p, "{(%d+),}")
  if low then return tonumber(low), nil end
  local from, to, first, last = p.text:find("^{(%d+),(%d+)}", p.at)
  if not from then return false end
  p.at = to + 1
  return tonumber(first), tonumber(last)
end

local function repeated(p)
  local node = atom(p)
  local low, high = quantifier(p)
  if not low then return node end
  take(p, "%?")         -- lazy: the same strings match
  if math.max(low, high or 0) > MAX_REPEAT then refuse "so many repetitions" end
  return { node = node, low = low, high = high }
end

local function sequence(p)
  local list = {}
  while p.at <= #p.text and not p.text:find("^[|)]", p.at) do list[#list + 1] = repeated(p) end
  return { sequence = list }
end

function alternatives(p)
  local list = { sequence(p) }
  while take(p, "|") do list[#list + 1] = sequence(p) end
  return list[2] and { choices = list } or list[1]
end

---- the program ------------------------------------------------------------------

local emit

local function add(program, instruction)
  if #program >= MAX_PROGRAM then refuse "a pattern of this size" end
  program[#program + 1] = instruction
  return instruction
end

local function emit_choices(program, choices)
  local jumps = {}
  for i = 1, #choices - 1 do
    local split = add(program, { split = true })
    split.a = #program + 1
    emit(program, choices[i])
    jumps[i] = add(program, { jump = true })
    split.b = #program + 1
  end
  emit(program, choices[#choices])
  for _, jump in ipairs(jumps) do jump.a = #program + 1 end
end

local function emit_loop(program, node)
  local split = add(program, { split = true })
  local start = #program
  split.a = #program + 1
  emit(program, node)
  add(program, { jump = true, a = start })
  split.b = #program + 1
end

local function emit_repeat(program, item)
  for _ = 1, item.low do emit(program, item.node) end
  if not item.high then return emit_loop(program, item.node) end
  local splits = {}
  for i = 1, item.high - item.low do
    splits[i] = add(program, { split = true })
    splits[i].a = #program + 1
    emit(program, item.node)
  end
  for _, split in ipairs(splits) do split.b = #program + 1 end
end

function emit(program, node)
  if node.sequence then
    for _, item in ipairs(node.sequence) do emit(program, item) end
  elseif node.choices then emit_choices(program, node.choices)
  elseif node.node then emit_repeat(program, node)
  else add(program, node) end
end

---- running it -------------------------------------------------------------------

local function at_edge(points, i)
  local before = points[i - 1] and is_word(points[i - 1]) or false
  local after = points[i] and is_word(points[i]) or false
  return before ~= after
end

local function holds(instruction, points, i)
  if instruction.first then return i == 1 end
  if instruction.last then return i == #points + 1 end
  return at_edge(points, i) == instruction.edge
end

-- Adds every test reachable from `pc` without taking a character.
local function follow(program, threads, pc, points, i)
  local stack = { pc }
  while stack[1] do
    pc = table.remove(stack)
    if not threads.seen[pc] then
      threads.seen[pc] = true
      local instruction = program[pc]
      if not instruction then threads.matched = true
      elseif instruction.test then threads[#threads + 1] = pc
      elseif instruction.split then
        stack[#stack + 1], stack[#stack + 2] = instruction.b, instruction.a
      elseif instruction.jump then stack[#stack + 1] = instruction.a
      elseif holds(instruction, points, i) then stack[#stack + 1] = pc + 1 end
    end
  end
end

-- Whether the program matches anywhere in the string.
local function search(program, s)
  local points = regex.points(s)
  local threads = { seen = {} }
  for i = 1, #points + 1 do
    follow(program, threads, 1, points, i)
    if threads.matched then return true end
    local following, c = { seen = {} }, points[i]
    for t = 1, c and #threads or 0 do
      local pc = threads[t]
      if program[pc].test(c) then follow(program, following, pc + 1, points, i + 1) end
    end
    if following.matched then return true end
    threads = following
  end
  return false
end

local function build(text)
  local p = { text = text, at = 1 }
  local node = alternatives(p)
  if p.at <= #text then refuse "an unopened group" end
  local program = {}
  emit(program, node)
  return program
end

--- A function that tells whether the pattern is found in a string; or nil, and
--- what in the pattern is not supported.
---@param text string
---@return (fun(s: string): boolean)|nil, string|nil
function regex.compile(text)
  local ok, program = pcall(build, text)
  if ok then return function(s) return search(program, s) end end
  if type(program) == "table" and program.unsupported then return nil, program.unsupported end
  error(program, 0)
end

return regex
