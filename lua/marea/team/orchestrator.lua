-- SPDX-License-Identifier: MIT
-- One that leads: it writes down what is known and what must be found out, makes
-- a plan, and says after each step who does what next. When the work stalls, it
-- looks at its facts again and plans anew; when the request is met, it answers.
-- The ledger, facts and plan and progress, is in the result.

local agents = require "marea.agent"
local check = require "marea.check"
local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local hear = compat.lazy "marea.team.hear"
local party = require "marea.agent.party"
local teams = require "marea.team.new"

local STALLS, REPLANS = 3, 2
local HISTORY, PROGRESS = 20000, 100       -- bytes that are shown, steps that are kept

---- what the model is asked --------------------------------------------------------------

local plan_form = {
  facts = { "string[]", description = "what is known, what must be looked up, what must be worked out, each as such" },
  plan = { "string[]", description = "the steps, each with who does it" },
}

local step_form = {
  satisfied = { "boolean", description = "is the request fully met?" },
  progress = { "boolean", description = "did the last step bring it on?" },
  looping = { "boolean", description = "is the same being done over and over?" },
  next = { "string", description = "the name of who is next" },
  instruction = { "string", description = "what that one is to do" },
}

local ROLE = "You lead a team. You don't do the work yourself: you plan it, give it out, and judge what comes."

local function roster(turn)
  local lines = {}
  for i, name in ipairs(turn.names) do
    local what = turn.team:member(name).description
    lines[i] = "- " .. (what and ("%s: %s"):format(name, what) or name)
  end
  return "The team:\n" .. table.concat(lines, "\n")
end

local function said(turn)
  local lines = {}
  for i = turn.first, #turn.messages do
    local message = turn.messages[i]
    lines[#lines + 1] = ("%s: %s"):format(message.name or message.role, hear.text(message))
  end
  local text = table.concat(lines, "\n")
  return #text <= HISTORY and text or "[...]" .. text:sub(-HISTORY)
end

local function listed(title, list)
  return ("%s\n- %s"):format(title, table.concat(list, "\n- "))
end

local function known(ledger)
  return listed("Facts:", ledger.facts) .. "\n\n" .. listed("Plan:", ledger.plan)
end

-- Asks once, in a conversation of its own.
local function ask(team, turn, output, parts)
  local leader = agents.new { client = team.client, model = team.model, name = team.name, instructions = ROLE,
    call = team.call, prices = team.prices, output = output }
  local result, err = party.go(leader, party.fresh(leader), table.concat(parts, "\n\n"), { within = turn.within })
  if not result then return nil, err end
  if result.stop == "done" then return output and result.output or result.output_text end
  return nil, Error.new { kind = "validation", message = ("%s: its model stopped: %s"):format(team.name, result.stop) }
end

---- planning ---------------------------------------------------------------------------------

local function plan(team, turn)
  local made, err = ask(team, turn, plan_form, { roster(turn), "The request:\n" .. said(turn),
    "Write down the facts, and a plan." })
  if not made then return nil, err end
  turn.memo.ledger = { facts = made.facts, plan = made.plan, progress = {}, stalls = 0, replans = 0 }
  return turn.memo.ledger
end

local function replan(team, turn, ledger)
  local made, err = ask(team, turn, plan_form, { roster(turn), "What was said:\n" .. said(turn), known(ledger),
    "The work has stalled. Put the facts right, and make another plan that avoids what went wrong." })
  if not made then return nil, err end
  ledger.facts, ledger.plan, ledger.stalls, ledger.replans = made.facts, made.plan, 0, ledger.replans + 1
  return ledger
end

---- a step -----------------------------------------------------------------------------------

local function note(ledger, step)
  ledger.progress[#ledger.progress + 1] = step
  if #ledger.progress > PROGRESS then table.remove(ledger.progress, 1) end
end

-- Nobody of that name is a step that brought nothing.
local function judge(turn, ledger, step)
  note(ledger, step)
  local lost = not turn.team:member(step.next)
  if turn.turns > 0 and (step.looping or not step.progress) or lost then ledger.stalls = ledger.stalls + 1
  else ledger.stalls = math.max(ledger.stalls - 1, 0) end
  return lost
end

local function answer(team, turn, ledger, stop)
  local text, err = ask(team, turn, nil, { "What was said:\n" .. said(turn), known(ledger),
    "Answer the request, from what was found out." })
  if not text then return nil, err end
  turn.say { role = "assistant", content = text }
  return nil, stop, { text = text }
end

local function is_stalled(team, ledger)
  return ledger.stalls >= (team.max_stalls or STALLS)
end

local function next_step(team, turn, ledger)
  return ask(team, turn, step_form, { roster(turn), "What was said:\n" .. said(turn), known(ledger),
    "How far is it, and who does what next?" })
end

local function lead(team, turn, ledger)
  while true do
    local step, err = next_step(team, turn, ledger)
    if not step then return nil, err end
    if step.satisfied then return answer(team, turn, ledger, "done") end
    local lost = judge(turn, ledger, step)
    if not is_stalled(team, ledger) and not lost then
      turn.say { role = "assistant", content = ("%s: %s"):format(step.next, step.instruction) }
      return step.next
    end
    if is_stalled(team, ledger) then
      if ledger.replans >= (team.max_replans or REPLANS) then return answer(team, turn, ledger, "stalled") end
      local ok, why = replan(team, turn, ledger)
      if not ok then return nil, why end
    end
  end
end

local WHOLE = "a whole number of at least 1"

local spec = { who = "marea.team.orchestrator", kind = "orchestrator", fields = { client = "a table",
  model = "a non-empty string", call = "a table", max_stalls = WHOLE, max_replans = "a whole number of at least 0" } }

function spec.policy(team)
  return function(turn)
    if turn.left <= 0 then return turn.names[1] end
    local ledger, err = turn.memo.ledger, nil
    if turn.fresh or not ledger then ledger, err = plan(team, turn) end
    if not ledger then return nil, err end
    return lead(team, turn, ledger)
  end
end

--- A team led by a model (`client`): it plans, keeps a ledger (`result.ledger`),
--- and plans anew after `max_stalls` (3) steps that brought nothing, `max_replans`
--- (2) times; then it answers with what there is, and `stop` is `stalled`.
---@param options marea.OrchestratorOptions
---@return marea.Team
return function(options)
  check.value(1, spec.who, "a table", options)
  check.value(1, spec.who .. ", client", "a table", options.client)
  local made = teams.make(1, spec, options)
  return made
end
