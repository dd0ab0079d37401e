-- SPDX-License-Identifier: MIT
-- Each once, in order: what the last says is the answer.

local teams = require "marea.team.new"

local spec = { who = "marea.team.sequence", kind = "sequence" }

function spec.policy()
  return function(turn)
    if turn.fresh then turn.memo.at = 0 end
    turn.memo.at = turn.memo.at + 1
    return turn.names[turn.memo.at], "done"
  end
end

--- Members one after the other, once each.
---@param options marea.TeamOptions members; stop =, name =
---@return marea.Team
return function(options)
  local made = teams.make(1, spec, options)
  return made
end
