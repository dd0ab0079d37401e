-- SPDX-License-Identifier: MIT
-- A mixture of agents: layers of workers, each of which has read the layer
-- before, and one that makes a single answer of the last.

local check = require "marea.check"
local many = require "marea.pattern.many"

local mixture = {}

local form = { who = "marea.mixture", kind = "mixture", members = "workers", rounds = "layers", last = "aggregator",
  default = 1 }

---@class marea.MixtureOptions: marea.TeamOptions
---@field workers (marea.Agent|marea.Team)[]
---@field layers? integer (1)
---@field aggregator marea.Agent|marea.Team

--- A team in layers: `workers` side by side, `layers` times, and the `aggregator`.
---@param options marea.MixtureOptions
---@return marea.Team
function mixture.new(options)
  check.value(1, form.who, "a table", options)
  check.value(1, form.who .. ", aggregator", "a table", options.aggregator)
  local made = many.make(1, form, options)
  return made
end

return mixture
