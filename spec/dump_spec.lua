-- SPDX-License-Identifier: MIT
-- marea.dump and marea.load: what is data comes back, what is code is only ever
-- named, and what is neither is refused.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local marea = require("marea")

local function through_json(value)
  return marea.json.decode(marea.json.encode(value))
end

local f = agents.tool("f")
local function watch() end

local function desk(client)
  local billing = marea.agent { client = client, name = "billing", instructions = "You bill.", max_steps = 3 }
  local triage = marea.agent { client = client, name = "triage", instructions = "You sort.", tools = { f },
    output = { n = "integer" }, usage_limits = { requests = 5 }, handoffs = { billing }, hooks = { step = watch },
    params = { temperature = 0 } }
  billing.handoffs = { triage }
  return triage, billing
end

describe("marea.dump", function()
  it("writes an agent, those it hands over to, and its conversation; load makes them anew", function()
    local triage = desk(agents.client { '{"n":1}' })
    assert(triage:run "go")
    local data = through_json(marea.dump(triage, { watch = watch }))
    local client = agents.client { '{"n":2}' }
    local other = marea.load(data, { client = client, f = f, watch = watch })
    assert.equal("triage", other.name)
    assert.equal("billing", other.handoffs[1].name)
    assert.equal(3, other.handoffs[1].max_steps)
    assert.equal(other, other.handoffs[1].handoffs[1])
    assert.equal(watch, other.hooks.step)
    assert.equal(5, other.usage_limits.requests)
    assert.equal(2, #other.messages)
    assert.equal(1, other.usage.requests)
    assert.equal(2, assert(other:run "on").output.n)
    assert.equal(0, client.requests[1].temperature)
    assert.equal("f", client.requests[1].tools[1]["function"].name)
  end)

  it("gives clients the names the registry has for them", function()
    local a, b = agents.client { "x" }, agents.client { "y" }
    local agent = marea.agent { client = b, name = "a" }
    local data = marea.dump(agent, { big = b })
    assert.equal("y", assert(marea.load(data, { client = a, big = b }):run "x").output_text)
  end)

  it("holds no code, whatever a program puts in", function()
    local triage = desk(agents.client {})
    local err = calls.failure(function() marea.dump(triage) end)
    assert.is_truthy(err:find("^spec/dump_spec.lua:%d+: marea.dump: the agent %(triage%).hooks.step is not data"), err)
    err = calls.failure(function() marea.dump(print) end)
    assert.is_truthy(err:find("marea.dump: the value is no agent, team, result or plain table", 1, true))
    local text = marea.json.encode(marea.dump(triage, { watch = watch }))
    assert.is_nil(text:find("function:", 1, true))
  end)

  it("refuses tools that share a name, unless the registry tells them apart", function()
    local function pair()
      local ours, theirs = agents.tool("search", function() return "ours" end),
        agents.tool("search", function() return "theirs" end)
      local client = agents.client { agents.calling { { "search" } }, "done" }
      local b = marea.agent { client = client, name = "b", tools = { theirs } }
      return marea.agent { client = client, name = "a", tools = { ours }, handoffs = { b } }, ours, theirs
    end
    local a, ours, theirs = pair()
    for _, registry in ipairs { {}, { search = ours }, { search = theirs } } do
      local err = calls.failure(function() marea.dump(a, registry) end)
      assert.is_truthy(err:find("^spec/dump_spec.lua:%d+: marea.dump: the agent %(a%)"), err)
      assert.is_truthy(err:find('another is called "search" too: give each a name in the registry', 1, true), err)
    end
    local _, ours_now, theirs_now = pair()
    local again = marea.load(through_json(marea.dump(a, { ours = ours, theirs = theirs })),
      { client = a.client, ours = ours_now, theirs = theirs_now })
    local b = again.handoffs[1]
    assert(b:run "go")
    assert.same({ "theirs" }, agents.results(b.messages))
  end)

  it("names a tool once that several have", function()
    local b = marea.agent { client = agents.client {}, name = "b", tools = { f } }
    local a = marea.agent { client = agents.client {}, name = "a", tools = { f }, handoffs = { b } }
    assert.equal(f, marea.load(marea.dump(a, { f = f }), { client = b.client, f = f }).tools[1])
    assert.equal(f, marea.load(marea.dump(a), { client = b.client, f = f }).handoffs[1].tools[1])
  end)

  it("writes a result as data, and load gives it its methods", function()
    local remove = agents.tool("remove", nil, { approve = true })
    local agent = marea.agent { client = agents.client { agents.calling { { "remove" } }, "done" }, tools = { remove },
      name = "a" }
    local result = marea.load(through_json(marea.dump(assert(agent:run "go"))))
    assert.equal("pending", result.stop)
    assert.equal("", tostring(result))
    result.pending[1]:approve()
    assert.equal("done", assert(agent:resume(result)).stop)
  end)

  it("copies plain tables", function()
    local saved = { a = { 1, 2 }, b = marea.null }
    local out = marea.load(through_json(marea.dump(saved)))
    assert.same({ 1, 2 }, { out.a[1], out.a[2] })
    assert.equal(marea.null, out.b)
    assert.are_not.equal(saved.a, out.a)
  end)

  local client = agents.client {}
  local function damaged(change)
    local data = through_json(marea.dump(desk(client), { watch = watch }))
    change(data)
    return data
  end
  local function root(data) return data.agents[data.root] end
  local damage = {
    { "nothing of ours", function(d) d.marea = nil end, "it was not made by marea.dump" },
    { "another version", function(d) d.version = 2 end, "it is of version 2" },
    { "a name the registry lacks", function(d) root(d).options.tools.fields["1"].ref = "os" end,
      'the registry has nothing called "os"' },
    { "an agent that isn't there", function(d) d.root = "9:x" end, "an agent is missing" },
    { "a value without a form", function(d) root(d).options.name = {} end, "a value has no form" },
    { "an option that is none", function(d) root(d).options.__index = { data = 1 } end, "unknown option" },
    { "an agent within itself", function(d) root(d).options.memory = { agent = d.root } end, "is within itself" },
    { "a broken conversation", function(d) root(d).conversation.version = 7 end, "it is of version 7" },
  }
  for _, case in ipairs(damage) do
    it("with " .. case[1] .. " is refused at the caller's line", function()
      local data = damaged(case[2])
      local err = calls.failure(function() marea.load(data, { client = client, f = f, watch = watch }) end)
      assert.is_truthy(tostring(err):find("^spec/dump_spec.lua:%d+: marea.load: "), tostring(err))
      assert.is_truthy(tostring(err):find(case[3], 1, true), tostring(err))
    end)
  end
end)

describe("a saved conversation", function()
  it("has all counters, and what policies remember", function()
    local agent = marea.agent { client = agents.client { { text = "a", usage = { total_tokens = 7 } }, "b" },
      name = "a", prices = { input = 1, output = 1 }, context = function(messages, about)
        about.memo.seen = (about.memo.seen or 0) + 1
        return messages
      end }
    agent:run "x"
    local data = through_json(agent:save())
    assert.equal(1, data.version)
    local other = marea.agent { client = agents.client { "b" }, name = "a", context = agent.context }
    assert(other:load(data))
    assert.equal(7, other.usage.total_tokens)
    assert.equal(1, other.usage.requests)
    assert.equal(1, other.usage.unreported == 0 and 1 or 0)
    other:run "y"
    assert.equal(2, other:save().memo.seen)
    assert.equal(2, other.usage.requests)
  end)

  it("shares nothing with the agent", function()
    local agent = marea.agent { client = agents.client { "a", "b" }, name = "a" }
    agent:run "x"
    local data = agent:save()
    data.messages[1].content = "changed"
    assert.equal("x", agent.messages[1].content)
    agent:run "y"
    assert.equal(2, #data.messages)
  end)

  it("that is none is refused, and the agent keeps its own", function()
    local agent = marea.agent { client = agents.client { "a" }, name = "a" }
    agent:run "x"
    for _, data in ipairs { {}, { marea = "conversation", version = 2 }, { marea = "conversation", version = 1 },
      { marea = "conversation", version = 1, messages = { { role = "assistant", tool_calls = { { id = "c" } } } } } } do
      local ok, err = agent:load(data)
      assert.is_nil(ok)
      assert.equal("validation", err.kind)
    end
    assert.equal(2, #agent.messages)
  end)
end)

describe("a team's dump", function()
  local teams = require("spec.support.teams")
  local member, said = teams.member, teams.said

  local function load(team, registry)
    local all = { client = agents.client(teams.many(20, "OK")) }
    for name, value in pairs(registry or {}) do all[name] = value end
    return marea.load(through_json(marea.dump(team, registry)), all)
  end

  it("has its members, its condition with the sources of a text, and its conversation", function()
    local team = marea.team.round_robin { member("a", { "OK" }), member("b", { "1" }), name = "pair", max_turns = 7,
      stop = marea.stop.all { marea.stop.text("OK", "b"), marea.stop.messages(3) } }
    assert(team:run("go", { max_turns = 2 }))
    local again = load(team)
    assert.same({ "pair", 7, "a: OK, b: 1" }, { again.name, again.max_turns, said(again.messages) })
    local result = assert(again:run "more")
    assert.same({ "text and messages", 3 }, { result.stop, result.turns })
    assert.equal("a: OK, b: 1, a: OK, b: OK, a: OK", said(result.messages))
  end)

  it("names functions, and knows graphs, patterns, and teams within", function()
    local yes = function() return true end
    local inner = marea.reflect { worker = member("w", {}), critic = member("c", {}), accept = yes, name = "inner" }
    local team = marea.team.graph { nodes = { x = member("a", {}), y = inner }, start = "x",
      edges = { { "x", "y", when = yes } }, stop = marea.stop.when(yes) }
    assert.has_error(function() marea.dump(team) end)
    local again = load(team, { yes = yes })
    assert.equal(yes, again.edges[1].when)
    assert.equal("condition", (assert(again:run "go").stop:gsub("when", "condition")))
    assert.equal("done", assert(again:member("y"):run "go").stop)
  end)

  it("of agents that hand over to a team they are in goes round once", function()
    local a = member("a", {})
    local team = marea.team.swarm { a, member("b", {}) }
    a.handoffs = { team }
    local again = load(team)
    assert.equal(again, again:member("a").handoffs[1])
  end)

  it("keeps an agent's condition, which stops it as before", function()
    local agent = member("a", {}, { stop = marea.stop.text "OK" })
    assert.equal("OK", load(agent).stop.text)
    assert.equal(marea.stop.is(load(agent).stop), true)
  end)
end)
