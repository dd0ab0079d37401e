-- SPDX-License-Identifier: MIT
-- A support desk: one agent sorts, two answer, and the conversation stays with
-- who has it: lua examples/agent_desk.lua [QUESTION...]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()

local invoices = { ["1001"] = { amount = 120, paid = true }, ["1002"] = { amount = 80, paid = false } }

local find_invoice = marea.tool {
  name = "find_invoice", description = "An invoice by its number", parameters = { number = "string" },
  run = function(args) return invoices[args.number:match "%d+"] or { error = "there is no such invoice" } end,
}

local billing = marea.agent {
  client = client, name = "billing", description = "Invoices and payments.",
  instructions = "You answer questions on invoices. Look them up.", tools = { find_invoice },
}
local technical = marea.agent {
  client = client, name = "technical", description = "Errors, crashes, installation.",
  instructions = "You solve technical problems, a step at a time.",
}
local desk = marea.agent {
  client = client, name = "desk", handoffs = { billing, technical },
  instructions = "You are the first to read a request. Hand it over to whom it concerns; answer nothing yourself.",
}
-- Back to the desk, for what is none of theirs.
billing.handoffs, technical.handoffs = { desk }, { desk }

local console = marea.console()
local questions = arg[1] and arg or { "I have a question on billing.", 'Find the invoice "1002".' }
for _, question in ipairs(questions) do
  print("> " .. question)
  local result = console:show(desk:stream(question))
  if not result then os.exit(1, true) end
  print(("[%s answered]"):format(result.agent))
end
