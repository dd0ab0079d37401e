-- SPDX-License-Identifier: MIT
-- How agents work together, each way in a few lines:
--   lua examples/patterns.lua [concurrent|sequential|handoffs|mixture|debate|reflection] [QUESTION]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local question = arg[2] or "Should a small harbour have a gate?"

local function agent(name, instructions, more)
  local options = { client = client, name = name, instructions = instructions, description = instructions }
  for key, value in pairs(more or {}) do options[key] = value end
  return marea.agent(options)
end

local patterns = {}

-- Several at once, each on its own; the program joins what they say.
function patterns.concurrent()
  local members = { agent("engineer", "You think of water and stone."), agent("banker", "You think of money.") }
  local answers = marea.map(members, function(member) return common.must(member:run(question)) end)
  for i, answer in ipairs(answers) do print(members[i].name .. ": " .. common.printable()(tostring(answer))) end
  return { output_text = ("%d answers"):format(#answers), stop = "done" }
end

-- One after the other, each from what those before it made.
function patterns.sequential()
  return marea.pipe(agent("drafter", "You draft an answer."), agent("editor", "You halve it."),
    agent("translator", "You put it into Spanish.")):run(question)
end

-- Who has the conversation gives it to whom it concerns.
function patterns.handoffs()
  local pilot = agent("pilot", "You answer questions on ships.", { handoffs = {} })      -- to nobody
  local clerk = agent("clerk", "You hand every question over to whom it concerns.", { handoffs = { pilot } })
  return marea.team.swarm { clerk, pilot }:run(question)
end

-- Layers of workers that read one another, and one that joins them.
function patterns.mixture()
  return marea.mixture { workers = { agent("one", "You answer briefly."), agent("two", "You answer with an example.") },
    layers = 2, aggregator = agent("joiner", "You make the best answer of these.") }:run(question)
end

-- Opinions, read by the others, and said again; a judge decides.
function patterns.debate()
  return marea.debate { agents = { agent("yes", "You argue for it."), agent("no", "You argue against it."),
    agent("doubt", "You ask what is not known.") }, rounds = 2, judge = agent("judge", "You decide, and say why.") }
    :run(question)
end

-- Work and criticism, until the critic is content.
function patterns.reflection()
  return marea.reflect { worker = agent("writer", "You answer, and better each time."),
    critic = agent("critic", "You name one weakness, or say GOOD."),
    accept = function(text) return text:find "GOOD" ~= nil end, rounds = 2 }:run(question)
end

local order = { "concurrent", "sequential", "handoffs", "mixture", "debate", "reflection" }

local function show(name)
  local result = common.must(patterns[name]())
  print(("%s: %s, %s"):format(name, result.stop, common.printable()(result.output_text:sub(1, 100))))
end

if arg[1] and not patterns[arg[1]] then
  io.stderr:write("patterns: ", table.concat(order, ", "), "\n")
  os.exit(2)
end
for _, name in ipairs(arg[1] and { arg[1] } or order) do show(name) end
