-- SPDX-License-Identifier: MIT
-- A debate: all say what they think, read what the others said, and say it again;
-- a judge, if there is one, has the last word.

local many = require "marea.pattern.many"

local debate = {}

local form = { who = "marea.debate", kind = "debate", members = "agents", rounds = "rounds", last = "judge",
  default = 2 }

---@class marea.DebateOptions: marea.TeamOptions
---@field agents (marea.Agent|marea.Team)[]
---@field rounds? integer (2)
---@field judge? marea.Agent|marea.Team

--- A team that debates: `agents` side by side, `rounds` times, and the `judge`.
---@param options marea.DebateOptions
---@return marea.Team
function debate.new(options)
  local made = many.make(1, form, options)
  return made
end

return debate
