-- SPDX-License-Identifier: MIT
-- Teams while everything around them fails, at random but from a seed: a debate
-- of five, and a team within a team with tools and handovers. After every run,
-- however it ended, all histories can be sent, the state is data, and the next
-- run goes on.

local agents = require("spec.support.agents")
local history = require("marea.agent.history")
local marea = require("marea")
local random_from = require("spec.support.random")
local teams = require("spec.support.teams")

local RUNS = 12

local function pick(random, list) return list[random(#list)] end

local function reply(random, calls)
  local what = random(14)
  if what == 1 then return { error = pick(random, { "server", "connection", "timeout", "rate_limit" }) } end
  if what == 2 then return { text = "half of", error = pick(random, { "truncated", "server" }) } end
  if what == 3 then return { text = "cut", finish_reason = pick(random, { "length", "content_filter" }) } end
  if what == 4 then return { text = "slow words here", pause = 0.004, after = 0.003 } end
  if what == 5 then return { text = "" } end
  if what == 6 then return { refusal = "no" } end
  if calls and what <= 11 then return agents.calling(pick(random, calls)) end
  return "word " .. random(100)
end

local function replies(random, calls)
  local list = {}
  for i = 1, 400 do list[i] = reply(random, calls) end
  return list
end

local function check(state, where)
  assert(history.check(state.messages), where)
  for name, inner in pairs(state.members) do
    local list = {}
    for i, message in ipairs(inner.messages or {}) do list[i] = message end
    for _, call in ipairs(inner.open or {}) do list[#list + 1] = { role = "tool", tool_call_id = call.id } end
    local ok, why = history.check(list)
    assert(ok, ("%s, %s: %s"):format(where, name, tostring(why)))
    if inner.members and inner.usage and inner.said then check(inner, where .. ", " .. name) end
  end
end

local ways = {
  function(team, input) team:run(input, { max_turns = 12 }) end,
  function(team, input) team:stream(input, { max_turns = 12 }):result() end,
  function(team, input, random)
    local stream = team:stream(input)
    for _ = 1, random(30) do
      if not stream:next() then break end
    end
    stream:close()
  end,
  function(team, input, random)
    local t = marea.spawn(function() return team:run(input, { max_turns = 12 }) end)
    marea.sleep(random(8) / 1000)
    t:cancel()
    pcall(t.await, t)
  end,
  function(team, input) marea.timeout(0.006, function() return team:stream(input):result() end) end,
  function(team, input)
    local result = team:run(input, { max_turns = 12 })
    while result and result.stop == "pending" do
      result.pending[1]:approve()
      result = team:resume(teams.through_json(result))
    end
  end,
}

local function live(make, seed)
  local random = random_from(seed)
  local team = make(random)
  for run = 1, RUNS do
    local where = ("seed %d, run %d"):format(seed, run)
    local input = (run == 1 or random(3) > 1) and "go on with " .. run or nil
    pick(random, ways)(team, input, random)
    check(team:save(), where)
    if random(3) == 1 then assert(team:load(teams.through_json(team:save())), where) end
    assert.is_true(team.usage.requests < 400, where)
  end
end

local function debate(random)
  local list = {}
  for i, name in ipairs { "a", "b", "c", "d", "e" } do list[i] = teams.member(name, replies(random)) end
  return marea.debate { agents = list, rounds = 2, judge = teams.member("judge", replies(random)) }
end

local function nest(random)
  local fine, risky = agents.tool("fine"), agents.tool("risky", nil, { approve = true })
  local calls = { { { "fine" } }, { { "fine" }, { "risky" } }, { { "transfer_to_y" } }, { { "transfer_to_x" } },
    { { "transfer_to_x" }, { "transfer_to_y" }, { "none" } } }
  local function one(name)
    return teams.member(name, replies(random, calls), { tools = { fine, risky }, max_steps = 4 })
  end
  local inner = marea.team.swarm { one "x", one "y", name = "inner", max_turns = 4 }
  return marea.team.round_robin { one "first", inner, stop = marea.stop.any { marea.stop.messages(4),
    marea.stop.timeout(0.5) } }
end

describe("under random faults", function()
  for seed = 1, 6 do
    it("a debate of five leaves valid histories, seed " .. seed, function()
      marea.run(live, debate, seed * 7919)
    end)
    it("a team within a team leaves valid histories, seed " .. seed, function()
      marea.run(live, nest, seed * 104729)
    end)
  end
end)
