-- SPDX-License-Identifier: MIT
-- Teams: whose turn it is, what each hears, how a run ends, and that a team is an
-- agent to whoever uses it.

local agents = require("spec.support.agents")
local marea = require("marea")
local teams = require("spec.support.teams")

local calling, member, said = agents.calling, teams.member, teams.said

describe("an agent in a team", function()
  it("isn't offered to hand over to that team, which waits for it already", function()
    local a = member("a", { calling { { "transfer_to_t" } }, calling { { "transfer_to_t" } }, "1" })
    local team = marea.team.round_robin { a, name = "t", max_turns = 1 }
    a.handoffs = { team }
    local result = assert(a:run "go")
    assert.same({ "1", "max_turns" }, { result.output_text, result.stop })
    assert.is_truthy(agents.results(a.client.requests[3].messages)[1]:find('no tool "transfer_to_t"', 1, true))
    assert.equal(1, #a.client.requests[1].tools)
    assert.is_nil(a.client.requests[2].tools)
  end)
end)

describe("a team in turns", function()
  it("hears what each says, by name, and each member what it has not heard", function()
    local a, b = member("a", { "one", "three" }), member("b", { "two" })
    local team = marea.team.round_robin { a, b, stop = marea.stop.messages(3) }
    local result = assert(team:run "go")
    assert.equal("a: one, b: two, a: three", said(result.messages))
    assert.equal("messages", result.stop)
    assert.equal("three", result.output_text)
    assert.equal("a", result.agent)
    assert.equal(3, result.turns)
    local sent = a.client.requests[2].messages
    assert.equal("user assistant user", agents.roles(sent))
    assert.equal("b: two", sent[3].content)
    assert.equal("go\n\na: one", b.client.requests[1].messages[1].content)
    assert.equal(0, #a.messages)        -- its own conversation is its own
  end)

  it("ends at its bound, and says so, where it has no condition", function()
    local team = marea.team.round_robin { member("a", teams.many(30)) }
    local result = assert(team:run "go")
    assert.same({ "max_turns", "max_turns", 20 }, { result.stop, result.limit, result.turns })
    assert.equal("max_turns", assert(team:run("again", { max_turns = 2 })).stop)
  end)

  it("is told to go on where nobody else said anything", function()
    local a = member("a", { "1", "2" })
    assert(marea.team.round_robin { a, max_turns = 2 }:run "go")
    assert.equal("Go on.", a.client.requests[2].messages[3].content)
  end)

  it("goes on with who is next in another run, and begins anew after reset", function()
    local a, b = member("a", { "1", "4" }), member("b", { "2", "3" })
    local team = marea.team.round_robin { a, b, stop = marea.stop.messages(2) }
    assert(team:run "go")
    assert(team:run("and", { max_turns = 1 }))
    assert(team:run(nil, { max_turns = 1 }))
    assert.equal("a: 1, b: 2, a: 4, b: 3", said(team.messages))
    team:reset()
    assert.same({}, team.messages)
    assert.equal(0, team.usage.requests)
  end)

  it("counts what its members used", function()
    local used = { prompt_tokens = 3, completion_tokens = 2, total_tokens = 5 }
    local a, b = member("a", { { text = "1", usage = used } }), member("b", { { text = "2", usage = used } })
    local team = marea.team.round_robin { a, b, max_turns = 2 }
    local result = assert(team:run "go")
    assert.same({ 10, 2, 2, 2 }, { result.usage.total_tokens, result.usage.requests, result.steps, #result.usage.raw })
    assert.equal(10, team.usage.total_tokens)
  end)

  it("passes on the events of its members, with whose they are, and its own", function()
    local tool = agents.tool("look")
    local a = member("a", { calling { { "look" } }, "found" }, { tools = { tool } })
    local team = marea.team.round_robin { a, member("b", { "thanks" }), max_turns = 2 }
    local list = {}
    for event in team:stream "go" do
      list[#list + 1] = event.type .. (event.agent and "@" .. event.agent or "")
    end
    local text = table.concat(list, " ")
    assert.is_truthy(text:find("^turn@a .*tool.start@a tool.end@a .*text@a .*message@a turn@b .*message@b done$"), text)
    assert.equal(1, select(2, text:gsub("done", "")))
  end)

  it("has its hooks told", function()
    local told = {}
    local function note(event) told[#told + 1] = event.type .. " " .. (event.agent or event.result.stop) end
    local team = marea.team.round_robin { member("a", { "1" }), max_turns = 1,
      hooks = { turn = note, message = note, done = note } }
    assert(team:run "go")
    assert.same({ "turn a", "message a", "done max_turns" }, told)
  end)

  it("ends where a member is stopped by a guardrail, and says why", function()
    local a = member("a", { "secret" }, { guardrails = { output = { function() return "not that" end } } })
    local result = assert(marea.team.round_robin { a, member("b", {}) }:run "go")
    assert.same({ "guardrail", "not that" }, { result.stop, result.guardrail.reason })
  end)

  it("says of a member that said nothing why", function()
    local a = member("a", { { text = "", finish_reason = "length" } })
    local b = member("b", { "ok" })
    assert(marea.team.round_robin { a, b, max_turns = 2 }:run "go")
    assert.equal("go\n\na: (says nothing: length)", b.client.requests[1].messages[1].content)
  end)

  local wrong = {
    { function() marea.team.round_robin {} end, "at least one member" },
    { function() marea.team.round_robin { "a" } end, "member 1: expected an agent, a team or a person, got string" },
    { function() marea.team.round_robin { member("a"), member("a") } end, 'two members are called "a"' },
    { function() marea.team.round_robin { member("a"), stop_ = 1 } end, 'unknown option "stop_"' },
    { function() marea.team.round_robin { member("a"), usage_limits = { total_token = 5 } } end,
      'usage_limits: unknown option "total_token"' },
    { function() marea.team.round_robin { member("a"), max_turns = 0 } end, "max_turns: expected a whole number" },
    { function() marea.team.new { member("a") } end, "policy: expected a function" },
    { function() marea.stop.messages(0) end, "marea.stop.messages: expected a whole number" },
    { function() marea.stop.any { "x" } end, "marea.stop.any[1]: expected a condition" },
    { function() marea.user_proxy {} end, "ask: expected a function" },
    { function() marea.team.round_robin { member("a") }.run() end, "colon" },
    { function() marea.team.round_robin { member("a") }:run(3) end, "expected a text" },
  }
  for _, case in ipairs(wrong) do
    it("written wrongly raises at the caller's line: " .. case[2], function()
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.is_truthy(message:find("team_spec.lua", 1, true), message)
    end)
  end

  it("takes a policy of one's own", function()
    local team = marea.team.new { member("a", { "1" }), member("b", { "2" }), policy = function(turn)
      if turn.turns == 2 then return nil, "enough" end
      return turn.last == "b" and "a" or "b"
    end }
    local result = assert(team:run "go")
    assert.equal("b: 2, a: 1", said(result.messages))
    assert.equal("enough", result.stop)
    local lost = marea.team.new { member("a", {}), policy = function() return "nobody" end }
    local none, err = lost:run "go"
    assert.is_nil(none)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find('nobody is called "nobody"', 1, true))
  end)
end)

describe("a swarm", function()
  it("ends where nobody hands over, with who has the conversation, and stays there", function()
    local a = member("a", { calling { { "transfer_to_b" } } })
    local b = member("b", { "done by b", "again by b" })
    local team = marea.team.swarm { a, b }
    local result = assert(team:run "go")
    assert.same({ "done", "done by b", "b" }, { result.stop, result.output_text, result.agent })
    assert.equal("go\n\na: (hands over to b)", b.client.requests[1].messages[1].content)
    assert.equal("again by b", assert(team:run "more").output_text)
    agents.is_valid(team:save().members.a)
  end)

  it("goes to the first of several in one turn; the others are told so", function()
    local a = member("a", { calling { { "transfer_to_c" }, { "transfer_to_b" } } })
    local team = marea.team.swarm { a, member("b", {}), member("c", { "by c" }) }
    assert.equal("c", assert(team:run "go").agent)
    assert.same({ "The conversation is now with c.", "Not done: the conversation went to c." },
      agents.results(team:save().members.a.messages))
  end)

  it("offers to whom each may hand over: its `handoffs`, or all others", function()
    local b, c = member("b", {}), member("c", {})
    local a = member("a", { "x" }, { handoffs = { c } })
    assert(marea.team.swarm { a, b, c }:run "go")
    assert.equal(1, #a.client.requests[1].tools)
    local all = member("a", { "x" })
    assert(marea.team.swarm { all, b, c }:run "go")
    assert.equal(2, #all.client.requests[1].tools)
  end)

  it("has members whose names differ in what a tool's can't hold", function()
    local a = member("天気", { calling { { "transfer_to________2" } } })
    local team = marea.team.swarm { a, member("料理", {}), member("音楽", { "la" }) }
    assert.equal("天気: (hands over to 音楽), 音楽: la", said(assert(team:run "go").messages))
  end)

  it("that goes round is bounded", function()
    local a = member("a", teams.many(9, calling { { "transfer_to_b" } }))
    local b = member("b", teams.many(9, calling { { "transfer_to_a" } }))
    local result = assert(marea.team.swarm { a, b, max_turns = 5 }:run "go")
    assert.same({ "max_turns", 5 }, { result.stop, result.turns })
  end)

  it("says what was said beside a handover, also after a person was asked", function()
    for _, approve in ipairs { false, true } do
      local rm = agents.tool("rm", nil, { approve = approve })
      local a = member("a", { calling({ { "rm" }, { "transfer_to_b" } }, { text = "b has it" }) }, { tools = { rm } })
      local team = marea.team.swarm { a, member("b", { "done" }) }
      local result = assert(team:run "go")
      if approve then
        local data = teams.through_json(result)
        result = assert(team:resume(data, { [data.pending[1].id] = true }))
      end
      assert.equal("a: b has it, b: done", said(result.messages))
    end
  end)

  it("is told: an event of each handover", function()
    local team = marea.team.swarm { member("a", { calling { { "transfer_to_b" } } }), member("b", { "x" }) }
    local heard = {}
    for event in team:stream "go" do
      if event.type == "handoff" then heard[#heard + 1] = event.from .. ">" .. event.to end
    end
    assert.same({ "a>b" }, heard)
  end)
end)

describe("a person", function()
  it("takes part in its turn", function()
    local asked
    local user = marea.user_proxy { ask = function(text) asked = text; return "make it blue" end }
    local a = member("a", { "red?", "blue" })
    local result = assert(marea.team.round_robin { a, user, max_turns = 3 }:run "paint")
    assert.equal("paint\n\na: red?", asked)
    assert.equal("a: red?, user: make it blue, a: blue", said(result.messages))
    assert.equal("make it blue", a.client.requests[2].messages[3].content)
  end)

  it("takes over by handoff, and gives back to who asked", function()
    local a = member("a", { calling { { "transfer_to_b" } } })
    local b = member("b", { calling { { "transfer_to_user" } }, "booked for two" })
    local user = marea.user_proxy { ask = function() return "for two" end }
    local result = assert(marea.team.swarm { a, b, user }:run "book")
    assert.same({ "booked for two", "b" }, { result.output_text, result.agent })
    assert.equal("for two", b.client.requests[2].messages[4].content)
  end)

  it("may give it to somebody else", function()
    local a = member("a", { calling { { "transfer_to_user" } } })
    local b = member("b", { "by b" })
    local user = marea.user_proxy { ask = function() return "ask b", "b" end }
    assert.equal("b", assert(marea.team.swarm { a, b, user }:run "go").agent)
  end)

  it("has so long: then the default is said, or the run ends, and can go on", function()
    local function slow() marea.sleep(5) end
    local a = member("a", { "?", "fine" })
    local team = marea.team.round_robin { a, marea.user_proxy { ask = slow, timeout = 0.01, default = "no" },
      max_turns = 2 }
    assert.equal("a: ?, user: no", said(assert(team:run "go").messages))
    local desk = marea.team.swarm { member("a", { calling { { "transfer_to_user" } }, "thank you" }),
      marea.user_proxy { ask = slow, timeout = 0.01 } }
    local result = assert(desk:run "go")
    assert.same({ "timeout", "user" }, { result.stop, result.limit })
    assert.equal("thank you", assert(desk:run "yes").output_text)
  end)

  it("ends the run by saying nothing", function()
    local user = marea.user_proxy { ask = function() return nil end }
    assert.equal("user", assert(marea.team.round_robin { user, member("a", {}) }:run "go").stop)
  end)

  it("can be handed over to by an agent alone", function()
    local user = marea.user_proxy { ask = function() return "sí" end }
    local a = member("a", { calling { { "transfer_to_user" } }, "then I do it" }, { handoffs = { user } })
    local result = assert(a:run "go")
    assert.equal("then I do it", result.output_text)
    assert.equal("user assistant tool user assistant", agents.roles(result.messages))
    agents.is_valid(a)
  end)
end)

describe("a team is an agent", function()
  local function pair(replies_a, replies_b, options)
    local all = { member("in_a", replies_a), member("in_b", replies_b), name = "inner", max_turns = 2 }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.team.round_robin(all)
  end

  it("a member of a team, three deep", function()
    local inner = pair({ "1", "4" }, { "2", "5" })
    local middle = marea.team.round_robin { inner, member("m", { "3" }), name = "middle", max_turns = 2 }
    local outer = marea.team.round_robin { middle, member("o", { "end" }), max_turns = 2 }
    local result = assert(outer:run "go")
    assert.equal("middle: 3, o: end", said(result.messages))
    assert.equal(4, result.usage.requests)
  end)

  it("a tool, in a conversation of its own each time", function()
    local inner = pair({ "1" }, { "2" })
    local host = member("host", { calling { { "inner", { input = "q" } } }, "so 2" }, { tools = { inner:as_tool() } })
    local result = assert(host:run "x")
    assert.equal("so 2", result.output_text)
    assert.same({ "2\n[It stopped: max_turns]" }, agents.results(result.messages))
    assert.equal(4, result.usage.requests)
    assert.same({}, inner.messages)
  end)

  it("whose answer is that of its policy's choice: asked as a tool, and handed over to", function()
    local function inner()
      return marea.reflect { worker = member("w", { "THE ESSAY" }), name = "inner", accept = function() return true end,
        critic = member("c", { '{"good":true}' }, { output = { good = "boolean" } }) }
    end
    local asking = member("host", { calling { { "inner", { input = "q" } } }, "ok" }, { tools = { inner():as_tool() } })
    assert.same({ "THE ESSAY" }, agents.results(assert(asking:run "x").messages))
    local giving = member("host", { calling { { "transfer_to_inner" } } }, { handoffs = { inner() } })
    assert.equal("THE ESSAY", assert(giving:run "x").output_text)
  end)

  it("handed over to, it has the conversation, in the next run too", function()
    local inner = marea.team.swarm { member("in_a", { "hello from inside", "still here" }), name = "inner" }
    local host = member("host", { calling { { "transfer_to_inner" } } }, { handoffs = { inner } })
    local result = assert(host:run "x")
    assert.same({ "hello from inside", "inner", "done" }, { result.output_text, result.agent, result.stop })
    local saved = marea.json.decode(marea.json.encode(host:save()))
    assert(host:load(saved))
    assert.equal("still here", assert(host:run "y").output_text)
    agents.is_valid(host)
  end)

  local function guarded(replies_in, replies_out)
    local tool, seen = agents.tool("remove", nil, { parameters = { path = "string" }, approve = true })
    local inner = marea.team.swarm { member("a", replies_in, { tools = { tool } }), name = "inner" }
    return inner, seen, replies_out
  end
  local ask = calling { { "remove", { path = "/x" }, id = "c1" } }

  local ways = {
    { "alone", "a/c1", function(inner) return inner end },
    { "in a team", "inner/a/c1", function(inner) return marea.team.swarm { inner, name = "outer" } end },
    { "as a tool", "t1/a/c1", function(inner, replies)
      return member("outer", replies or { calling { { "inner", { input = "q" }, id = "t1" } } },
        { tools = { inner:as_tool() } })
    end, { "fine" } },
    { "handed over to", "inner/a/c1", function(inner, replies)
      return member("outer", replies or { calling { { "transfer_to_inner" } } }, { handoffs = { inner } })
    end, {} },
  }
  for _, way in ipairs(ways) do
    it("waits for a person within, and goes on in another process: " .. way[1], function()
      local inner = guarded({ ask })
      local result = assert(way[3](inner):run "go")
      assert.equal("pending", result.stop)
      assert.same({ way[2], "remove", "a" }, { result.pending[1].id, result.pending[1].name, result.pending[1].agent })
      local data = marea.json.decode(marea.json.encode(result))
      local again, seen = guarded({ "removed it" })
      local other = way[3](again, way[4])
      assert.has_error(function() other:resume(data, { nope = true }) end)
      local bad, err = other:resume(data, { [way[2]] = { arguments = { path = 3 } } })
      assert.is_nil(bad)
      assert.equal("validation", err.kind)
      result = assert(other:resume(data, { [way[2]] = { arguments = { path = "/y" } } }))
      assert.same({ { path = "/y" } }, seen)
      assert.equal(way[4] and way[4][1] or "removed it", result.output_text)
      assert.is_nil(result.pending)
      assert.is_true(result.usage.requests >= 2)
      assert.is_nil((other:resume(data, {})))
    end)
  end
end)
