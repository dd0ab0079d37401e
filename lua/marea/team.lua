-- SPDX-License-Identifier: MIT
-- marea.team: teams by their policy, each loaded when it is first used. A team is
-- an agent to whoever uses it: it runs, streams, is saved, is a tool, is handed
-- over to, and is a member of teams.

local files = { round_robin = "marea.team.round_robin", selector = "marea.team.selector", swarm = "marea.team.swarm",
  graph = "marea.team.graph", orchestrator = "marea.team.orchestrator", sequence = "marea.team.sequence" }

---@class marea.team
---@field new fun(options: table): marea.Team
---@field round_robin fun(options: table): marea.Team
---@field selector fun(options: table): marea.Team
---@field swarm fun(options: table): marea.Team
---@field graph fun(options: table): marea.Team
---@field orchestrator fun(options: table): marea.Team
---@field sequence fun(options: table): marea.Team
---@field is fun(value: any): boolean
return setmetatable({}, { __index = function(self, name)
  local value
  if files[name] then value = require(files[name]) end
  if name == "new" or name == "is" then value = require "marea.team.new"[name] end
  self[name] = value
  return value
end })
