-- SPDX-License-Identifier: MIT
-- Travel planning: a planner drafts, a local guide and a linguist add to it side
-- by side, a writer makes one plan, and whoever knows the budget sends it back
-- until it fits: lua examples/team_travel.lua [REQUEST]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local request = arg[1] or "Three days in Galicia in May for two, by train, for at most 600 euros."

-- Prices the plan may count on. A program of yours would ask a service.
local prices = { hotel = 70, train = 45, meal = 18, museum = 8 }

local price_of = marea.tool {
  name = "price_of", description = "What something costs, per person and day or ride, in euros",
  parameters = { what = { "string", enum = { "hotel", "train", "meal", "museum" } } },
  run = function(args) return { what = args.what, euros = prices[args.what] } end,
}

local function agent(name, description, instructions, tools)
  return marea.agent { client = client, name = name, description = description, instructions = instructions,
    tools = tools }
end

local team = marea.team.graph {
  name = "travel",
  nodes = {
    planner = agent("planner", "Drafts the days.", "You draft a journey: a few lines for each day, nothing else."),
    guide = agent("guide", "Knows the places.", "You add what only locals know to a draft: two places, no more."),
    linguist = agent("linguist", "Knows the language.", "You say, in three lines, which phrases the travellers need."),
    writer = agent("writer", "Writes the plan.", "You make one plan of all that was said. Leave nothing open."),
    budget = agent("budget", "Looks at the costs.", "You look prices up and add the plan's costs up. Above the "
      .. "travellers' limit say REVISE and where to save; else say FITS.", { price_of }),
  },
  start = "planner",
  edges = {
    { "planner", "guide" }, { "planner", "linguist" },       -- these two side by side
    { "guide", "writer" }, { "linguist", "writer" },          -- who waits for both
    { "writer", "budget" },
    { "budget", "writer", when = function(message) return message.content:find "REVISE" ~= nil end },
  },
  max_visits = 3,                                             -- of each: so often it may be sent back
}

local result = common.must(marea.console { sums = false }:show(team:stream(request)))

-- The plan is what the writer said last; what the budget said is no part of it.
local plan
for _, message in ipairs(result.messages) do
  if message.name == "writer" then plan = message.content end
end
print(("\n[%s after %d turns, %d model calls]"):format(result.stop, result.turns, result.usage.requests))
print(("The plan, %d bytes, begins: %s"):format(#plan, common.printable()(plan:sub(1, 60))))
