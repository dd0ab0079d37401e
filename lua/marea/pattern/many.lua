-- SPDX-License-Identifier: MIT
-- What a debate and a mixture share: several, side by side, some rounds, and one
-- at the end.

local check = require "marea.check"
local party = require "marea.agent.party"
local rounds = require "marea.team.rounds"
local teams = require "marea.team.new"

local many = {}

-- The names of the list, without those of the one at the end.
local function names_of(list)
  local names = {}
  for i, one in ipairs(list) do names[i] = one.name end
  return names
end

--- Makes the team. `form`: who (for errors), kind, members, rounds and last: what
--- the options of these are called.
---@param level integer
function many.make(level, form, options)
  check.value(level + 1, form.who, "a table", options)
  local list, last = options[form.members], options[form.last]
  check.value(level + 1, ("%s, %s"):format(form.who, form.members), "a table", list)
  local fields = { [form.members] = "a table", [form.rounds] = "a whole number of at least 1", [form.last] = "a table" }
  local members = {}
  for i, one in ipairs(list) do
    if not party.is(one) then
      check.fail(level + 1, ("%s, %s[%d]"):format(form.who, form.members, i), "an agent, a team or a person", one)
    end
    members[i] = one
  end
  members[#members + 1] = last
  local times = options[form.rounds] or form.default
  local made = teams.make(level + 1, { who = form.who, kind = form.kind, fields = fields, members = members,
    policy = function(self)
      self.max_turns = self.max_turns or times * #list + 1
      return rounds(names_of(list), times, last and last.name)
    end }, options)
  return made
end

return many
