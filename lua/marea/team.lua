-- SPDX-License-Identifier: MIT
-- marea.team: teams by their policy, each loaded when it is first used. A team is
-- an agent to whoever uses it: it runs, streams, is saved, is a tool, is handed
-- over to, and is a member of teams.

local files = { round_robin = "marea.team.round_robin", selector = "marea.team.selector", swarm = "marea.team.swarm",
  graph = "marea.team.graph", orchestrator = "marea.team.orchestrator", sequence = "marea.team.sequence" }

---@class marea.team
---@field new fun(options: marea.TeamOptions): marea.Team with `policy(turn)`: who is next, or nil and why it ends
---@field round_robin fun(options: marea.TeamOptions): marea.Team each in its turn
---@field selector fun(options: marea.SelectorOptions): marea.Team a function or a model picks
---@field swarm fun(options: marea.TeamOptions): marea.Team who has the conversation hands it over
---@field graph fun(options: marea.GraphOptions): marea.Team nodes, and edges with conditions
---@field orchestrator fun(options: marea.OrchestratorOptions): marea.Team a model plans, and leads
---@field sequence fun(options: marea.TeamOptions): marea.Team each once, in order
---@field is fun(value: any): boolean
return setmetatable({}, { __index = function(self, name)
  local value
  if files[name] then value = require(files[name]) end
  if name == "new" or name == "is" then value = require "marea.team.new"[name] end
  self[name] = value
  return value
end })
