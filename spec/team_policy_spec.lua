-- SPDX-License-Identifier: MIT
-- Policies that choose: a selector, a graph, one that leads; and the patterns.

local agents = require("spec.support.agents")
local marea = require("marea")
local teams = require("spec.support.teams")

local member, said = teams.member, teams.said

local function fault(team)
  local result, err = team:run "go"
  assert.is_nil(result)
  return err
end

describe("a selector", function()
  local function select(replies, options)
    local a, b = member("a", teams.many(9), { description = "knows ships" }), member("b", teams.many(9))
    local all = { a, b, member("anna", teams.many(9)), client = replies and agents.client(replies), max_turns = 2 }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.team.selector(all), all.client
  end

  it("has a model pick, from roles and what was said", function()
    local team, client = select { "b", "It is anna's turn." }
    assert.equal("b: 1, anna: 1", said(assert(team:run "go").messages))
    local asked = client.requests[2].messages[2].content
    assert.is_truthy(asked:find("a: knows ships\nanna\n\nWhat was said:\nuser: go\nb: 1\n", 1, true), asked)
    assert.is_nil(asked:find("\nb\n", 1, true))       -- not who spoke last
    assert.equal(4, team.usage.requests)
  end)

  it("is told of a name that nobody has, and takes the first after so many tries", function()
    local team, client = select({ "zoe", "a or b", "", "b" }, { max_turns = 2 })
    assert.equal("a: 1, b: 1", said(assert(team:run "go").messages))
    assert.equal(4, #client.requests)
    assert.is_truthy(client.requests[2].messages[4].content:find("a, b, anna", 1, true))
  end)

  it("asks nobody where there is one candidate, or the bound is reached", function()
    local team, client = select({}, { candidates = function() return { "b" } end })
    assert.equal("b: 1, b: 2", said(assert(team:run "go").messages))
    assert.equal(0, #client.requests)
  end)

  it("picks by a function; nil leaves it to the model, or ends", function()
    local team = select({ "b" }, { pick = function(messages) return #messages == 1 and "anna" or nil end })
    assert.equal("anna: 1, b: 1", said(assert(team:run "go").messages))
    team = select(nil, { pick = function(messages) return #messages == 1 and "anna" or nil, "enough" end })
    assert.equal("enough", assert(team:run "go").stop)
  end)

  it("fails, and does not loop, where a function names nobody", function()
    for _, options in ipairs { { pick = function() return "zoe" end },
      { candidates = function() return { "zoe" } end } } do
      local err = fault((select({}, options)))
      assert.equal("validation", err.kind)
      assert.is_truthy(err.message:find('nobody is called "zoe"', 1, true))
    end
    assert.equal("server", fault((select { { error = "server" } })).kind)
    assert.has_error(function() marea.team.selector { member("a") } end,
      "marea.team.selector: expected a client, or `pick`")
  end)

  it("may be let pick who spoke last", function()
    local team = select({ "a", "a" }, { repeats = true })
    assert.equal("a: 1, a: 2", said(assert(team:run "go").messages))
  end)
end)

describe("a policy of one's own", function()
  local wrong = { { "nobody", {}, "the policy gave no name" }, { "one twice", { "a", "a" }, '"a" is named twice' },
    { "no name", 5, 'nobody is called "5"' }, { "no member", { "zoe" }, 'nobody is called "zoe"' } }
  for _, case in ipairs(wrong) do
    it("is an error, and no run without end, where it names " .. case[1], function()
      local team = marea.team.new { member("a", { "1" }), policy = function() return case[2] end }
      local none, err = team:run "go"
      assert.is_nil(none)
      assert.equal("validation", err.kind)
      assert.is_truthy(err.message:find(case[3], 1, true), err.message)
    end)
  end
end)

describe("a graph", function()
  local function nodes(names, replies)
    local out = {}
    for name in names:gmatch "%a+" do
      out[name] = member("x", replies and replies[name] or teams.many(9, name:upper()))
    end
    return out
  end
  local function run(options)
    return assert(marea.team.graph(options):run "go")
  end
  local function says(text)
    return function(message) return message.content == text end
  end

  it("goes along its edges, side by side where it can, and joins on all", function()
    local running, most = 0, 0
    local function slow(name)
      return { function()
        running = running + 1
        most = math.max(most, running)
        return { text = name, after = 0.02 }
      end }
    end
    local all = nodes("a b c d", { b = slow "B", c = slow "C" })
    local d = all.d
    local result = run { nodes = all, start = "a", edges = { { "a", "b" }, { "a", "c" }, { "b", "d" }, { "c", "d" } },
      hooks = { message = function() running = 0 end } }
    assert.equal("a: A, b: B, c: C, d: D", said(result.messages))
    assert.same({ "done", "D", 2 }, { result.stop, result.output_text, most })
    assert.equal("go\n\na: A\n\nb: B\n\nc: C", d.client.requests[1].messages[1].content)
  end)

  it("takes the edges whose condition holds, and waits for none that was not taken", function()
    local edges = { { "a", "b", when = says "left" }, { "a", "c", when = says "right" }, { "b", "d" }, { "c", "d" } }
    for _, case in ipairs { { "left", "a: left, b: B, d: D" }, { "right", "a: right, c: C, d: D" },
      { "neither", "a: neither" } } do
      local result = run { nodes = nodes("a b c d", { a = { case[1] } }), start = "a", edges = edges }
      assert.equal(case[2], said(result.messages))
      assert.equal("done", result.stop)
    end
  end)

  it("joins on any", function()
    local edges = { { "a", "b" }, { "a", "c" }, { "b", "c" } }
    assert.equal("a: A, b: B, c: C", said(run { nodes = nodes "a b c", start = "a", edges = edges }.messages))
    assert.equal("a: A, b: B, c: C, c: C",
      said(run { nodes = nodes "a b c", start = "a", edges = edges, join = { c = "any" } }.messages))
  end)

  it("goes round until a condition lets it out, or so often", function()
    local edges = { { "w", "r" }, { "r", "w", when = says "no" }, { "r", "p", when = says "yes" } }
    local result = run { nodes = nodes("w r p", { r = { "no", "no", "yes" } }), start = "w", edges = edges }
    assert.equal("w: W, r: no, w: W, r: no, w: W, r: yes, p: P", said(result.messages))
    result = run { nodes = nodes("w r p", { r = teams.many(9, "no") }), start = "w", edges = edges, max_visits = 2 }
    assert.same({ "max_visits", 4 }, { result.stop, result.turns })
    result = run { nodes = nodes("w r p", { r = teams.many(9, "no") }), start = "w", edges = edges, max_turns = 3 }
    assert.equal("max_turns", result.stop)
  end)

  it("may begin at several, and anew with each run", function()
    local team = marea.team.graph { nodes = nodes "a b c", start = { "a", "b" },
      edges = { { "a", "c" }, { "b", "c" } } }
    assert(team:run "go")
    assert.equal("a: A, b: B, c: C, a: A, b: B, c: C", said(assert(team:run "again").messages))
  end)

  local wrong = {
    { function() marea.team.graph { nodes = nodes "a", edges = { { "a", "z" } }, start = "a" } end,
      'edges[1]: there is no node "z"' },
    { function() marea.team.graph { nodes = nodes "a", edges = {}, start = "z" } end, 'start: there is no node "z"' },
    { function() marea.team.graph { nodes = nodes "a", edges = {} } end, "start: expected" },
    { function() marea.team.graph { nodes = nodes "a", edges = {}, start = "a", join = { a = "some" } } end, "join.a" },
    { function() marea.team.graph { nodes = nodes "a", edges = { { "a", "a", when = 1 } }, start = "a" } end,
      "edges[1].when: expected a function" },
    { function() marea.team.graph { nodes = nodes "a", edges = {}, start = { "a", "a" } } end,
      'start: "a" is there twice' },
  }
  for _, case in ipairs(wrong) do
    it("written wrongly raises at the caller's line: " .. case[2], function()
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.is_truthy(message:find("team_policy_spec.lua", 1, true), message)
    end)
  end

  it("keeps what those said that spoke beside one that failed, and goes on with it alone", function()
    local team = marea.team.graph { start = "a", edges = { { "a", "b" }, { "a", "c" } },
      nodes = nodes("a b c", { b = { "B" }, c = { { error = "server" }, "C" } }) }
    assert.equal("server", fault(team).kind)
    assert.equal("a: A", said(team.messages))
    assert(team:load(teams.through_json(team:save())))
    assert.equal("a: A, b: B, c: C", said(assert(team:run()).messages))
  end)
end)

describe("an orchestrator", function()
  local function plan(facts, steps)
    return marea.json.encode { facts = marea.array { facts }, plan = marea.array { steps } }
  end
  local function step(fields)
    local all = { satisfied = false, progress = true, looping = false, next = "a", instruction = "do it" }
    for key, value in pairs(fields) do all[key] = value end
    return marea.json.encode(all)
  end
  local function lead(replies, options)
    local a, b = member("a", teams.many(9), { description = "looks things up" }), member("b", teams.many(9))
    local all = { a, b, client = agents.client(replies), name = "lead" }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.team.orchestrator(all), all.client, a
  end

  it("plans, says who does what, keeps a ledger, and answers once the request is met", function()
    local team, client, a = lead { plan("f1", "p1"), step {}, step { next = "b", instruction = "check" },
      step { satisfied = true }, "the answer" }
    local result = assert(team:run "find it")
    assert.same({ "done", "the answer", "lead" }, { result.stop, result.output_text, result.agent })
    assert.equal("lead: a: do it, a: 1, lead: b: check, b: 1, lead: the answer", said(result.messages))
    assert.same({ "f1" }, result.ledger.facts)
    assert.equal(2, #result.ledger.progress)
    assert.is_truthy(client.requests[1].messages[2].content:find("- a: looks things up\n- b", 1, true))
    assert.is_truthy(client.requests[3].messages[2].content:find("Plan:\n- p1", 1, true))
    assert.equal("find it\n\nlead: a: do it", a.client.requests[1].messages[1].content)
    assert.equal(7, result.usage.requests)
    client:assert_used()
  end)

  it("plans anew when it stalls, so often, and then says that it did", function()
    local stalled = step { progress = false }
    local team, client = lead({ plan("f1", "p1"), step {}, stalled, step { looping = true }, plan("f2", "p2"),
      stalled, stalled, "what there is" }, { max_stalls = 2, max_replans = 1 })
    local result = assert(team:run "go")
    assert.same({ "stalled", "what there is", 1 }, { result.stop, result.output_text, result.ledger.replans })
    assert.same({ "p2" }, result.ledger.plan)
    assert.is_truthy(client.requests[5].messages[2].content:find("The work has stalled", 1, true))
    client:assert_used()
  end)

  it("does not go on for ever with a name that nobody has", function()
    local lost = step { next = "zoe" }
    local team = lead({ plan("f", "p"), lost, lost, "sorry" }, { max_stalls = 2, max_replans = 0 })
    assert.equal("stalled", assert(team:run "go").stop)
  end)

  it("answers in words of its own, not with what a member's `output` was", function()
    local team = marea.team.orchestrator { member("a", { '{"n":1}' }, { output = { n = "integer" } }), name = "lead",
      client = agents.client { plan("f", "p"), step {}, step { satisfied = true }, "the answer" } }
    local result = assert(team:run "go")
    assert.same({ "the answer" }, { result.output_text, result.output })
  end)

  it("goes on in another process where its model failed", function()
    local team = lead { plan("f1", "p1"), step {}, { error = "server" } }
    assert.equal("server", fault(team).kind)
    local again = lead { step { satisfied = true }, "done" }
    assert(again:load(teams.through_json(team:save())))
    local result = assert(again:run())
    assert.same({ "f1" }, result.ledger.facts)
    assert.equal("done", result.output_text)
  end)
end)

describe("a pattern", function()
  it("pipe: one after the other", function()
    local b = member("b", { "B" })
    local result = assert(marea.pipe(member("a", { "A" }), b):run "go")
    assert.same({ "a: A, b: B", "done", "B" }, { said(result.messages), result.stop, result.output_text })
    assert.has_error(function() marea.pipe("x") end)
  end)

  it("debate: rounds side by side, each hearing the last round, and a judge", function()
    local names, members = { "a", "b", "c", "d", "e" }, {}
    for i, name in ipairs(names) do members[i] = member(name, { name .. "1", name .. "2" }) end
    local judge = member("judge", { "it is so" })
    local result = assert(marea.debate { agents = members, rounds = 2, judge = judge }:run "is it?")
    assert.same({ "done", "it is so", 11 }, { result.stop, result.output_text, result.turns })
    local asked = members[1].client.requests
    assert.equal("is it?", asked[1].messages[1].content)
    assert.equal("b: b1\n\nc: c1\n\nd: d1\n\ne: e1", asked[2].messages[3].content)
    assert.is_truthy(judge.client.requests[1].messages[1].content:find("e: e2$"))
  end)

  it("mixture: layers of workers, and one that joins them", function()
    local result = assert(marea.mixture { workers = { member("a", { "1" }), member("b", { "2" }) },
      aggregator = member("c", { "3" }) }:run "go")
    assert.same({ "a: 1, b: 2, c: 3", "3" }, { said(result.messages), result.output_text })
    assert.has_error(function() marea.mixture { workers = {} } end)
  end)

  it("reflect: until the critic is content; what the worker said is the answer", function()
    local function pair(critic, rounds)
      return marea.reflect { worker = member("w", { "one", "two", "three" }), critic = member("c", critic),
        accept = function(text) return text:find "fine" ~= nil end, rounds = rounds }
    end
    local result = assert(pair({ "no", "fine" }):run "go")
    assert.same({ "done", "two", "w" }, { result.stop, result.output_text, result.agent })
    result = assert(pair({ "no", "no", "no" }, 2):run "go")
    assert.same({ "rounds", "two" }, { result.stop, result.output_text })
  end)

  it("reflect: the answer's `output` is the worker's too, also after a pause", function()
    local team
    local function pair(critic)
      team = marea.reflect { worker = member("w", { '{"n":1}' }, { output = { n = "integer" } }),
        critic = member("c", critic, { output = { good = "boolean" } }), accept = function() return true end }
      return team
    end
    local result = assert(pair { '{"good":true}' }:run "go")
    assert.same({ '{"n":1}', { n = 1 } }, { result.output_text, result.output })
    local paused = assert(pair { function() team:pause() return '{"good":true}' end }:run "go")
    assert.equal("paused", paused.stop)
    result = assert(pair {}:resume(teams.through_json(paused)))
    assert.same({ "done", "w", '{"n":1}', { n = 1 } }, { result.stop, result.agent, result.output_text, result.output })
  end)
end)
