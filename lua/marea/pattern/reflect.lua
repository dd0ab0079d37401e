-- SPDX-License-Identifier: MIT
-- Reflection: one works, one criticises, until the critic is content. What the
-- worker said last is the answer.

local check = require "marea.check"
local hear = require("marea.compat").lazy "marea.team.hear"
local teams = require "marea.team.new"

local reflect = {}

local ROUNDS = 3

local fields = { worker = "a table", critic = "a table", accept = "a function",
  rounds = "a whole number of at least 1" }

local function policy_of(options)
  local rounds = options.rounds or ROUNDS
  return function(turn)
    local worker, critic = turn.names[1], turn.names[2]
    if turn.fresh then return worker end
    if turn.last == worker then return critic end
    if options.accept(hear.text(turn.messages[#turn.messages]), turn.messages) then return nil, "done", worker end
    if turn.turns >= 2 * rounds then return nil, "rounds", worker end
    return worker
  end
end

---@class marea.ReflectOptions: marea.TeamOptions
---@field worker marea.Agent|marea.Team
---@field critic marea.Agent|marea.Team|marea.UserProxy
---@field accept fun(text: string, messages: table[]): boolean whether what the critic said is consent
---@field rounds? integer (3)

--- A team of two: `worker` and `critic`, in turns until `accept(what the critic
--- said)`, or `rounds` are over: the run's `stop` is `done`, or `rounds`.
---@param options marea.ReflectOptions
---@return marea.Team
function reflect.new(options)
  check.value(1, "marea.reflect", "a table", options)
  for name, expected in pairs { worker = "a table", critic = "a table", accept = "a function" } do
    check.value(1, "marea.reflect, " .. name, expected, options[name])
  end
  local made = teams.make(1, { who = "marea.reflect", kind = "reflect", fields = fields,
    members = { options.worker, options.critic }, policy = function(self)
      self.max_turns = self.max_turns or 2 * (options.rounds or ROUNDS)
      return policy_of(options)
    end }, options)
  return made
end

return reflect
