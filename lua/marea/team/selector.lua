-- SPDX-License-Identifier: MIT
-- A function, or a model, picks who is next: a model from what each is there for
-- and what was said. A name that nobody has is told back to the model so many
-- times, and then the first candidate is taken: it can't go on for ever.

local check = require "marea.check"
local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local hear = compat.lazy "marea.team.hear"
local teams = require "marea.team.new"

local TRIES = 3
local HISTORY = 20000       -- bytes of what was said that a model is shown

local PROMPT = "You pick who speaks next in a conversation. Answer with one name of the list, and nothing else."

local function contains(list, name)
  for _, one in ipairs(list) do
    if one == name then return true end
  end
  return false
end

local function fault(message)
  return nil, Error.new { kind = "validation", message = message }
end

---- who may ----------------------------------------------------------------------------

local function without(list, name)
  local out = {}
  for _, one in ipairs(list) do
    if one ~= name then out[#out + 1] = one end
  end
  return out
end

-- All, or those the filter gives; who spoke last only where it may again.
local function candidates(options, turn)
  local list = turn.names
  if options.candidates then
    list = options.candidates(turn.messages, turn.names)
    for _, name in ipairs(type(list) == "table" and list or {}) do
      if not turn.team:member(name) then
        return fault(("marea.team.selector, candidates: nobody is called %q"):format(tostring(name)))
      end
    end
    if type(list) ~= "table" then return fault "marea.team.selector, candidates: it gave no list" end
  end
  if options.repeats or not turn.last or #list < 2 then return list end
  return without(list, turn.last)
end

---- a model picks -------------------------------------------------------------------------

local function roles(turn, list)
  local lines = {}
  for i, name in ipairs(list) do
    local what = turn.team:member(name).description
    lines[i] = what and ("%s: %s"):format(name, what) or name
  end
  return table.concat(lines, "\n")
end

-- What was said, its end if it is long.
local function history(messages)
  local lines, size = {}, 0
  for i = #messages, 1, -1 do
    local line = ("%s: %s"):format(messages[i].name or messages[i].role, hear.text(messages[i]))
    size = size + #line
    if size > HISTORY and lines[1] then break end
    table.insert(lines, 1, compat.cut(line, HISTORY))
  end
  return table.concat(lines, "\n")
end

-- Whole words only: "ann" is not in "anna".
local function mentions(text, name)
  local plain = name:gsub("%p", "%%%0")
  return (" " .. text .. " "):find("[^%w_-]" .. plain .. "[^%w_-]") ~= nil
end

-- The one name of the list that stands in a text, or nil.
local function read(text, list)
  local trimmed = compat.trim(text)
  if contains(list, trimmed) then return trimmed end
  local found
  for _, name in ipairs(list) do
    if mentions(text, name) then
      if found then return nil end
      found = name
    end
  end
  return found
end

local function complaint(list)
  return ("That is not one name of the list. The names are: %s."):format(table.concat(list, ", "))
end

local function ask(options, turn, list)
  local messages = { { role = "system", content = options.prompt or PROMPT },
    { role = "user", content = ("Who is there:\n%s\n\nWhat was said:\n%s\n\nWho speaks next?"):format(
      roles(turn, list), history(turn.messages)) } }
  for _ = 1, options.max_tries or TRIES do
    local result, err = options.client.chat.completions:create({ model = options.model, messages = messages },
      options.call)
    if not result then return nil, err end
    turn.note_usage(result.usage)
    local name = read(result.output_text, list)
    if name then return name end
    messages[#messages + 1] = { role = "assistant", content = result.output_text }
    messages[#messages + 1] = { role = "user", content = complaint(list) }
  end
  return list[1]
end

---- both --------------------------------------------------------------------------------------

local function picked(turn, name)
  if not turn.team:member(name) then
    return fault(("marea.team.selector, pick: nobody is called %q; there are: %s"):format(tostring(name),
      table.concat(turn.names, ", ")))
  end
  return name
end

local spec = { who = "marea.team.selector", kind = "selector",
  fields = { client = "a table", model = "a non-empty string", call = "a table", pick = "a function",
    candidates = "a function", repeats = "a boolean", prompt = "a non-empty string",
    max_tries = "a whole number of at least 1" } }

function spec.policy(team)
  return function(turn)
    if turn.left <= 0 then return turn.names[1] end      -- the bound is reached: nobody need be asked
    if team.pick then
      local name, reason = team.pick(turn.messages, turn.names)
      if name ~= nil then return picked(turn, name) end
      if not team.client then return nil, reason or "done" end
    end
    local list, err = candidates(team, turn)
    if not list then return nil, err end
    if #list < 2 then return list[1], "done" end
    return ask(team, turn, list)
  end
end

--- `pick(messages, names)` says who is next, nil for the model to pick, or for the
--- end where there is none; a model (`client`) picks among `candidates(messages,
--- names)`, or all; who spoke last is none unless `repeats`.
---@param options marea.SelectorOptions
---@return marea.Team
return function(options)
  check.value(1, spec.who, "a table", options)
  if not options.client and not options.pick then
    error(spec.who .. ": expected a client, or `pick`", 2)
  end
  local made = teams.make(1, spec, options)
  return made
end
