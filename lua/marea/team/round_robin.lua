-- SPDX-License-Identifier: MIT
-- Each in its turn, over and over. Who was next in the last run is next in this.

local teams = require "marea.team.new"

local function place_of(names, name)
  for i, one in ipairs(names) do
    if one == name then return i end
  end
  return 0
end

local spec = { who = "marea.team.round_robin", kind = "round_robin" }

function spec.policy()
  return function(turn)
    return turn.names[place_of(turn.names, turn.last) % #turn.names + 1]
  end
end

--- Each in its turn, until a condition (`stop`) or `max_turns` (20) ends it.
---@param options marea.TeamOptions members; stop =, max_turns =, name =
---@return marea.Team
return function(options)
  local made = teams.make(1, spec, options)
  return made
end
