-- SPDX-License-Identifier: MIT
-- A team that stops and goes on: paused, cancelled, saved in the middle of a run
-- or of a turn and finished by another process.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local child = require("spec.support.child")
local core = require("marea.core")
local form = require("spec.support.form")
local marea = require("marea")
local server = require("spec.support.server")
local teams = require("spec.support.teams")

local calling, member, said, through_json = agents.calling, teams.member, teams.said, teams.through_json

local function check(state)
  agents.is_valid(state.messages)
  for _, inner in pairs(state.members) do
    if inner.messages then agents.is_valid(inner.messages) end
    if inner.members then check(inner) end
  end
end

describe("a team that is paused", function()
  local function pair(a, b, options)
    local all = { member("a", a), member("b", b), max_turns = 4 }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.team.round_robin(all)
  end

  it("ends after the turn it is in, and goes on with run or resume, in another process too", function()
    local team
    team = pair({ function() team:pause() return "1" end }, {})
    local result = assert(team:run "go")
    assert.same({ "paused", "a: 1", 1 }, { result.stop, said(result.messages), result.turns })
    local other = pair({ "3" }, { "2", "4" })
    result = assert(other:resume(through_json(result)))
    assert.same({ "max_turns", "a: 1, b: 2, a: 3, b: 4", 4 }, { result.stop, said(result.messages), result.turns })
    local again, err = other:resume(result)
    assert.is_nil(again)
    assert.equal("validation", err.kind)
  end)

  it("can still be resumed after it was busy", function()
    local team
    team = pair({ function() team:pause() return "1" end, "else" }, { { text = "a b c d", pause = 0.02 }, "2" })
    local paused = through_json(assert(team:run "go"))
    local stream = team:stream "something else"
    repeat local event = stream:next() until event.type == "text"
    local where = calls.failure(function() team:resume(paused) end)
    assert.is_truthy(where:find("^spec/team_state_spec.lua:%d+: marea.team %(team%) is running already"), where)
    stream:close()
    local result = assert(team:resume(paused, nil, { max_turns = 2 }))
    assert.equal("a: 1, b: 2", said(result.messages))
  end)

  it("within another pauses that one", function()
    local inner
    inner = pair({ function() inner:pause() return "1" end, "3" }, { "2" }, { name = "inner", max_turns = 2 })
    local outer = marea.team.round_robin { inner, member("o", { "end" }), max_turns = 2 }
    assert.equal("paused", assert(outer:run "go").stop)
    assert.equal("inner: 2, o: end", said(assert(outer:run()).messages))
  end)

  it("refuses the data of another team, and what is none", function()
    local team = pair({}, {})
    for _, data in ipairs { {}, { marea = "team", version = 9 }, { marea = "conversation", version = 1 },
      { marea = "team", version = 1, messages = {}, members = { zoe = {} }, heard = {}, said = {}, policy = {},
        stop = {}, usage = {} } } do
      local none, err = team:load(data)
      assert.is_nil(none)
      assert.equal("validation", err.kind)
    end
    assert.is_nil((team:resume { stop = "paused", state = { name = "other" } }))
  end)

  local bent = {
    { "a message that is none", { messages = { 5 } } }, { "a conversation that is none", { members = { a = 5 } } },
    { "a run that is none", { run = 5 } }, { "a run without numbers", { run = { turns = "x" } } },
    { "no number of what was heard", { heard = { a = "x" } } }, { "words that are none", { said = { a = 5 } } },
  }
  for _, case in ipairs(bent) do
    it("refuses, and does not raise, what is bent: " .. case[1], function()
      local data = pair({}, {}):save()
      for name, value in pairs(case[2]) do data[name] = value end
      local none, err = pair({}, {}):load(data)
      assert.is_nil(none)
      assert.equal("validation", err.kind)
    end)
  end
end)

describe("a team that is cancelled in flight", function()
  it("leaves a history that goes on, with the turn that broke off", function()
    local tool, seen = agents.tool("look")
    local a = member("a", { calling { { "look" } }, { text = "late", after = 30 }, "found" }, { tools = { tool } })
    local team = marea.team.swarm { a }
    marea.run(function()
      local t = marea.spawn(function() return team:run "go" end)
      repeat marea.sleep(0.005) until #a.client.requests == 2
      t:cancel()
      pcall(t.await, t)
      check(team:save())
      assert.equal(1, team.usage.requests)
      assert.equal("found", assert(team:run()).output_text)
    end)
    assert.equal(1, #seen)
    assert.equal("user assistant tool assistant", agents.roles(team:save().members.a.messages))
  end)

  it("closed as a stream says so; one run at a time", function()
    local team = marea.team.swarm { member("a", { { text = "a b c d", pause = 0.02 }, "x" }) }
    local stream = team:stream "go"
    repeat local event = stream:next() until event.type == "text"
    assert.has_error(function() team:run "again" end, "marea.team (team) is running already")
    stream:close()
    assert.equal("cancelled", stream:result().stop)
    check(team:save())
    assert.equal("x", assert(team:run "more").output_text)
  end)

  it("takes what was said when it broke off for said", function()
    local a = member("a", { "whole" })
    local team = marea.team.round_robin { a, member("b", { "2" }), max_turns = 2 }
    local stream = team:stream "go"
    for event in stream do
      if event.type == "step" then break end
    end
    stream:close()
    assert.equal("a: whole, b: 2", said(assert(team:run()).messages))
  end)
end)

describe("a team with a limit of time", function()
  local LATE = { text = "late", after = 30 }

  local function limited(seconds, options)
    options.usage_limits, options.max_turns = { seconds = seconds }, options.max_turns or 4
    return marea.team.round_robin(options)
  end
  local function ended(result)
    return { result.stop, result.limit, said(result.messages) }
  end

  it("ends when it is over, and the next run goes on with the turn that broke off", function()
    local team = limited(0.05, { member("a", { "1" }), member("b", { LATE, "2" }), max_turns = 2 })
    assert.same({ "usage_limit", "seconds", "a: 1" }, ended(assert(team:run "go")))
    assert.equal("a: 1, b: 2", said(assert(team:run(nil, { max_turns = 1 })).messages))
  end)

  it("is one also where a person takes it, or a policy", function()
    local function slow() marea.sleep(30) end
    local desk = limited(0.03, { marea.user_proxy { ask = slow } })
    assert.same({ "usage_limit", "seconds", "" }, ended(assert(desk:run "go")))
    local picked = marea.team.selector { member("a"), member("b"), client = agents.client { LATE },
      usage_limits = { seconds = 0.03 } }
    assert.same({ "usage_limit", "seconds", "" }, ended(assert(picked:run "go")))
    local led = marea.team.orchestrator { member("a"), client = agents.client { LATE },
      usage_limits = { seconds = 0.03 } }
    assert.same({ "usage_limit", "seconds", "" }, ended(assert(led:run "go")))
  end)

  it("counts the time of a run, over its pauses, and of no other", function()
    local team
    local function busy()
      marea.sleep(0.3)
      team:pause()
      return "1"
    end
    team = limited(0.5, { marea.user_proxy { ask = busy, name = "a" } })
    assert.equal("paused", assert(team:run "go").stop)
    marea.sleep(0.1)
    assert.equal("usage_limit", assert(team:run()).stop)
    assert.equal("paused", assert(team:run "again").stop)
  end)

  it("leaves a turn that didn't begin any more to the next run", function()
    local function busy()
      local over = core.now() + 0.04
      repeat until core.now() > over
      return "1"
    end
    local team = marea.team.sequence { marea.user_proxy { ask = busy, name = "a" }, member("b", { "2" }),
      usage_limits = { seconds = 0.03 } }
    assert.equal("usage_limit", assert(team:run "go").stop)
    assert.equal("2", assert(team:run()).output_text)
  end)

  it("of whoever it works for stops it in its turn, which goes on later", function()
    local inner = marea.team.round_robin { member("x", { "X" }), member("y", { LATE, "Y" }), name = "inner",
      max_turns = 2 }
    local team = limited(0.5, { inner, max_turns = 1 })
    assert.same({ "usage_limit", "seconds", "" }, ended(assert(team:run "go")))
    assert.equal("inner: Y", said(assert(team:run()).messages))
  end)

  it("beside a condition of time: what is over first says so", function()
    local team = limited(30, { member("a", { LATE }), stop = marea.stop.timeout(0.03) })
    assert.equal("timeout", assert(team:run "go").stop)
    team = limited(0.03, { member("a", { LATE }), stop = marea.stop.timeout(30) })
    assert.equal("usage_limit", assert(team:run "go").stop)
  end)
end)

describe("a team in which a person must be asked beside one that broke off", function()
  local ask = calling { { "remove", { path = "/x" }, id = "c1" } }

  -- a asks a person, b breaks off
  local function pair(a, b, options)
    local tool, seen = agents.tool("remove", nil, { parameters = { path = "string" }, approve = true })
    local all = { agents = { member("a", a, { tools = { tool } }), member("b", b) }, rounds = 1, name = "pair" }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.debate(all), seen
  end

  it("by an error: the next run asks still, and goes on once that is decided", function()
    local team, seen = pair({ ask, "removed" }, { { error = "server" }, { error = "server" }, "B" })
    for _ = 1, 2 do
      local none, err = team:run(not team.messages[1] and "go" or nil)
      assert.is_nil(none)
      assert.equal("server", err.kind)
    end
    local result = assert(team:run())
    assert.same({ "pending", "a/c1" }, { result.stop, result.pending[1].id })
    assert.equal("pending", assert(team:run()).stop)
    result = assert(team:resume(assert(team:run()), { ["a/c1"] = true }))
    assert.same({ "done", "a: removed, b: B", { { path = "/x" } } }, { result.stop, said(result.messages), seen })
    assert.equal(2, #team:member("a").client.requests)
  end)

  it("by its time: likewise, in another process too", function()
    local team = pair({ ask }, { { text = "late", after = 30 } }, { stop = marea.stop.timeout(0.03) })
    assert.equal("timeout", assert(team:run "go").stop)
    local other, seen = pair({ "removed" }, { "B" })
    assert(other:load(through_json(team:save())))
    local result = assert(other:run())
    assert.same({ "pending", "a/c1" }, { result.stop, result.pending[1].id })
    assert.equal("a: removed, b: B", said(assert(other:resume(result, { ["a/c1"] = true })).messages))
    assert.equal(1, #seen)
  end)

  it("what was decided and had not run yet does", function()
    local tool, seen = agents.tool("remove", nil, { parameters = { path = "string" }, approve = true })
    local function one(name, ...) return member(name, { ask, ... }, { tools = { tool } }) end
    local team = marea.debate { agents = { one("a", { text = "late", after = 30 }, "A"), one("b", "B") }, rounds = 1,
      parallel = 1, stop = marea.stop.timeout(0.03) }
    local result = assert(team:run "go")
    assert.equal("timeout", assert(team:resume(result, { ["a/c1"] = true, ["b/c1"] = true })).stop)
    assert.equal("a: A, b: B", said(assert(team:run()).messages))
    assert.equal(2, #seen)
  end)

  it("within a team, as well", function()
    local inner, seen = pair({ ask, "removed" }, { { error = "server" }, "B" })
    local team = marea.team.sequence { inner, name = "outer" }
    assert.is_nil((team:run "go"))
    local result = assert(team:run())
    assert.same({ "pending", "pair/a/c1" }, { result.stop, result.pending[1].id })
    assert.equal("pair: B", said(assert(team:resume(result, { ["pair/a/c1"] = true })).messages))
    assert.equal(1, #seen)
  end)

  it("is refused by new words", function()
    local team, seen = pair({ ask, "I see" }, { { error = "server" }, "B" })
    assert.is_nil((team:run "go"))
    assert.equal("a: I see, b: B", said(assert(team:run "leave it").messages))
    assert.same({ "Not run: nobody approved it." }, agents.results(team:save().members.a.messages))
    assert.equal(0, #seen)
  end)
end)

describe("a team in which a member raises", function()
  it("tells it once what was said, when it goes on", function()
    local well = false
    local a = member("a", { "1" }, { instructions = function() if not well then error("no luck", 0) end end })
    local team = marea.team.swarm { a }
    assert.equal("no luck", calls.failure(function() team:run "go" end))
    well = true
    assert.equal("1", assert(team:run()).output_text)
    assert.equal("go", a.client.requests[1].messages[1].content)
    assert.equal("user assistant", agents.roles(team:save().members.a.messages))
  end)
end)

describe("a team that is saved in the middle of a run", function()
  -- in both processes the same; `save` stops the first after so many requests
  local CODE = [[
    local marea = require "marea"
    local path, url, how = ...
    local client = marea.client { base_url = url, model = "bundled-echo" }
    local look = marea.tool { name = "look", parameters = {}, run = function()
      io.write "looked "
      return "a ship"
    end }
    local inner = marea.team.sequence { name = "inner",
      marea.agent { client = client, name = "one", tools = { look } }, marea.agent { client = client, name = "two" } }
    local team = marea.team.round_robin { marea.agent { client = client, name = "first" }, inner,
      stop = marea.stop.all { marea.stop.messages(2), marea.stop.source "inner" } }
    if how == "begin" then
      for event in team:stream "What is there?" do
        if event.type == "tool.end" then
          local file = io.open(path, "w")
          file:write(marea.json.encode(team:save()))
          file:close()
          os.exit(3, false)
        end
      end
    end
    local file = io.open(path)
    assert(team:load(marea.json.decode(file:read "*a")))
    file:close()
    local result = assert(team:run())
    print(result.stop, result.turns, #result.messages)
    for _, message in ipairs(result.messages) do print(message.name or message.role, message.content) end
  ]]

  it("and of a turn, in a team within it, is finished by another process", function()
    local dir = form.directory()
    local path, url = dir.file "saved", server.shared().base_url
    local output, status = child.code(CODE, { path, url, "begin" })
    assert.same({ "looked ", 3 }, { output, status })
    local saved = marea.json.decode(dir.read "saved")
    check(saved.members.inner.members.one.open and { messages = saved.messages, members = {} } or saved)
    assert.same({ "inner" }, saved.speaking)
    output, status = child.code(CODE, { path, url, "finish" })
    assert.equal(0, status, output)
    assert.is_truthy(output:find("^messages and source\t2\t3\n"), output)      -- the ship is not looked for again
    assert.is_truthy(output:find("\ninner\tA script, not a model, answers. You said: ", 1, true), output)
    dir.remove()
  end)

  it("says nothing twice where it breaks off while it is told of it", function()
    local function make()
      local inner = marea.team.round_robin { member("x", { "X", "X" }), member("y", { "Y", "Y" }), name = "inner",
        stop = marea.stop.messages(2) }
      return marea.team.sequence { inner, member("b", { "B", "B" }) }
    end
    local broken = 0
    for at = 1, 40 do
      local team, n = make(), 0
      local stream = team:stream "go"
      for _ in stream do
        n = n + 1
        if n == at then break end
      end
      local data = marea.json.decode(marea.json.encode(team:save()))
      stream:close()
      if data.run.over then break end
      broken = broken + 1
      local other = make()
      assert(other:load(data))
      assert.equal("inner: Y, b: B", said(assert(other:run()).messages), "loaded at " .. at)
      assert.equal("inner: Y, b: B", said(assert(team:run()).messages), "closed at " .. at)
    end
    assert.is_true(broken > 8)
  end)

  it("after each event of a run can be loaded, and comes to its end", function()
    local function make()
      local tool = agents.tool("look")
      local function replies(name) return { function() return name end, function() return name end } end
      return marea.team.graph { nodes = {
        a = member("a", { calling { { "look" } }, "A", "A" }, { tools = { tool } }), b = member("b", replies "B"),
        c = member("c", replies "C"), d = member("d", replies "D") }, start = "a",
        edges = { { "a", "b" }, { "a", "c" }, { "b", "d" }, { "c", "d" } }, stop = marea.stop.messages(4) }
    end
    local states, team = {}, make()
    for _ in team:stream "go" do states[#states + 1] = marea.json.encode(team:save()) end
    assert.is_true(#states > 20)
    for i, state in ipairs(states) do
      local data, other = marea.json.decode(state), make()
      if data.run.over then break end          -- a reader is an event behind
      assert(other:load(data))
      local result = assert(other:run())
      assert.equal(4, #result.messages - 1, i .. ": " .. said(result.messages))
      check(other:save())
    end
  end)
end)
