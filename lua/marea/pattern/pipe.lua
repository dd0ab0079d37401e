-- SPDX-License-Identifier: MIT
-- A sequential workflow: each goes on from what those before it made.

local sequence = require "marea.team.sequence"

local pipe = {}

--- A team whose members speak one after the other, once each.
---@param ... marea.Agent|marea.Team
---@return marea.Team
function pipe.new(...)
  local members = { ... }
  members.name, members.max_turns = "pipe", math.max(#members, 1)
  local ok, made = pcall(sequence, members)
  if not ok then error((tostring(made):gsub("^.-marea%.team%.sequence", "marea.pipe")), 2) end
  return made
end

return pipe
