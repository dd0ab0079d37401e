-- SPDX-License-Identifier: MIT
-- What the deterministic "model" can read out of a text: quoted strings,
-- names, numbers, and from these a value for any JSON schema. The same text
-- always gives the same values, so specs can tell what a tool will be called
-- with.

local json = require("provider.json")

local text = {}

local WORD = "[%w\128-\255'-]+"

-- ASCII capitals, and those of the Latin-1 block (Á, É, Ñ, Ü...).
local function capitalised(word)
  return word:match("^%u") or word:match("^\195[\128-\158]")
end

-- A sentence starts the text or follows . ! ? (the inverted marks too).
local function starts_sentence(source, position)
  local before = source:sub(1, position - 1):gsub("\194[\161\191]", " ")
  before = before:gsub("[%s\"(]+$", "")
  return before == "" or before:match("[.!?:]$") ~= nil
end

local function join_neighbours(source, names, word, start, stop)
  local last = names[#names]
  if last and source:sub(last.stop + 1, start - 1) == " " then
    last.text, last.stop = last.text .. " " .. word, stop
  else
    names[#names + 1] = { text = word, stop = stop }
  end
end

local function collect_names(source, at_start)
  local names, clean = {}, source:gsub("\194[\161\191]", "  ")
  for start, word, stop in clean:gmatch("()(" .. WORD .. ")()") do
    if capitalised(word) and starts_sentence(clean, start) == at_start then
      join_neighbours(clean, names, word, start, stop - 1)
    end
  end
  for i, name in ipairs(names) do names[i] = name.text end
  return names
end

local function quoted(source)
  local found = {}
  for inner in source:gmatch('"([^"]+)"') do found[#found + 1] = inner end
  for inner in source:gmatch("\194\171(.-)\194\187") do
    found[#found + 1] = inner
  end
  return found
end

-- Quoted strings if there are any; else names ("Buenos Aires" is one), the
-- first word of a sentence counting only where no other is capitalised.
function text.names(source)
  local found = quoted(source)
  if #found == 0 then found = collect_names(source, false) end
  if #found == 0 then found = collect_names(source, true) end
  return found
end

function text.numbers(source)
  local found = {}
  for numeral in source:gmatch("%f[%w.-]%-?%d+%.?%d*") do
    found[#found + 1] = tonumber(numeral)
  end
  return found
end

-- Words with the white space before them: joined they are the text again.
function text.words(source)
  local words, done = {}, 1
  for word, stop in source:gmatch("(%s*%S+)()") do
    words[#words + 1], done = word, stop
  end
  if done <= #source then words[#words + 1] = source:sub(done) end
  return words
end

function text.count(source)
  return select(2, source:gsub("%S+", ""))
end

-- Pieces of `size` characters, never cutting one in two.
function text.pieces(source, size)
  local pieces, current, count = {}, {}, 0
  for char in source:gmatch("[%z\1-\127\192-\255][\128-\191]*") do
    count = count + 1
    current[count] = char
    if count == size then
      pieces[#pieces + 1] = table.concat(current, "", 1, count)
      count = 0
    end
  end
  if count > 0 then
    pieces[#pieces + 1] = table.concat(current, "", 1, count)
  end
  return pieces
end

local fill

-- The required ones, in their order; all, sorted, where none is required.
local function property_order(schema)
  local required = schema.required
  if type(required) == "table" and #required > 0 then return required end
  local order = {}
  for name in pairs(schema.properties) do order[#order + 1] = name end
  table.sort(order)
  return order
end

-- "name=Alice" in the text says what `name` is.
local function named(source, name)
  local pattern = name:gsub("%p", "%%%0") .. "%s*[=:]%s*\"?(" .. WORD .. ")"
  return source:match(pattern)
end

-- What "name=Alice and age=30" says, in its order; nil where it says nothing.
function text.pairs(source)
  local fields = { n = 0 }
  for name, value in source:gmatch("([%a_][%w_]*)%s*=%s*\"?(" .. WORD .. ")") do
    fields[fields.n + 1] = name
    fields[fields.n + 2] = tonumber(value) or value
    fields.n = fields.n + 2
  end
  if fields.n == 0 then return nil end
  return json.object((table.unpack or unpack)(fields, 1, fields.n))
end

local function fill_object(schema, source, state)
  local fields = { n = 0 }
  if type(schema.properties) == "table" then
    for _, name in ipairs(property_order(schema)) do
      local property = schema.properties[name] or {}
      fields[fields.n + 1] = name
      fields[fields.n + 2] = fill(property, source, state, name)
      fields.n = fields.n + 2
    end
  end
  return json.object((table.unpack or unpack)(fields, 1, fields.n))
end

local function fill_string(source, state, name)
  local value = name and named(source, name)
  if value then return value end
  local names = state.names
  return names[#names] or source
end

local function fill_number(schema, source, state, name)
  local value = tonumber(name and named(source, name) or nil)
  if not value then
    state.number = state.number + 1
    value = state.numbers[state.number] or 0
  end
  return schema.type == "integer" and math.floor(value) or value
end

local function fill_enum(values, source)
  for _, value in ipairs(values) do
    if source:lower():find(tostring(value):lower(), 1, true) then
      return value
    end
  end
  return values[1]
end

local function kind_of(schema)
  local kind = schema.type
  if type(kind) == "table" then kind = kind[1] end
  return kind or (schema.properties and "object") or "string"
end

local fillers = {
  object = fill_object,
  string = function(_, source, state, name)
    return fill_string(source, state, name)
  end,
  number = fill_number,
  integer = fill_number,
  boolean = function() return true end,
  null = function() return json.null end,
  array = function(schema, source, state, name)
    return json.list({ fill(schema.items or {}, source, state, name) })
  end,
}

function fill(schema, source, state, name)
  if type(schema.enum) == "table" then return fill_enum(schema.enum, source) end
  if schema.const ~= nil then return schema.const end
  local filler = fillers[kind_of(schema)] or fillers.string
  return filler(schema, source, state, name)
end

-- A value that satisfies the schema, taken from the text; `names` overrides
-- what the text's names are taken to be.
function text.fill(schema, source, names)
  return fill(schema, source, {
    names = names or text.names(source),
    numbers = text.numbers(source), number = 0,
  })
end

return text
