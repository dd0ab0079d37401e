-- SPDX-License-Identifier: MIT
-- Stop conditions: each kind, joined, begun anew with each run, saved with the
-- team, and for agents too.

local agents = require("spec.support.agents")
local marea = require("marea")
local teams = require("spec.support.teams")

local calling, member, said = agents.calling, teams.member, teams.said
local stop = marea.stop

local used = { prompt_tokens = 4, completion_tokens = 6, total_tokens = 10 }

local function pair(condition, replies_a, replies_b, options)
  local all = { member("a", replies_a or teams.many(9)), member("b", replies_b or teams.many(9)), stop = condition,
    max_turns = 8 }
  for key, value in pairs(options or {}) do all[key] = value end
  return marea.team.round_robin(all)
end

describe("a stop condition", function()
  local tool = agents.tool("look")
  local kinds = {
    { "messages", function() return stop.messages(3) end, 3 },
    { "text", function() return stop.text "OK" end, 2, nil, { "it is OK" } },
    { "text", function() return stop.text("OK", "b") end, 4, { "OK", "x" }, { "no", "OK" } },
    { "tokens", function() return stop.tokens(25) end, 3, teams.many(9, { text = "x", usage = used }),
      teams.many(9, { text = "x", usage = used }) },
    { "source", function() return stop.source { "b" } end, 2 },
    { "when", function() return stop.when(function(about) return about.turns == 5 end) end, 5 },
    { "tired", function() return stop.when(function(about) return #about.messages > 3 and "tired" end) end, 3 },
    { "source", function() return stop.any { stop.messages(5), stop.source "b" } end, 2 },
    { "text and messages", function() return stop.all { stop.text("OK", "a"), stop.messages(4) } end, 4,
      { "OK", "x" } },
    { "messages", function() return stop.messages(1) end, 1 },
  }
  for _, case in ipairs(kinds) do
    it(("says %q after %d turns"):format(case[1], case[3]), function()
      local result = assert(pair(case[2](), case[4], case[5]):run "say OK")
      assert.same({ case[1], case[3] }, { result.stop, result.turns })
    end)
  end

  it("looks at handoffs, of one name or any", function()
    for _, case in ipairs { { nil, 1 }, { "c", 2 } } do
      local team = marea.team.swarm { member("a", { calling { { "transfer_to_b" } } }),
        member("b", { calling { { "transfer_to_c" } } }), member("c", { "x" }), stop = stop.handoff(case[1]) }
      local result = assert(team:run "go")
      assert.same({ "handoff", case[2] }, { result.stop, result.turns })
    end
  end)

  it("looks at the tools that were called, also where the answer came after", function()
    local team = marea.team.round_robin { member("a", { "1", calling { { "look" } }, "2" }, { tools = { tool } }),
      stop = stop.call "look" }
    local result = assert(team:run "go")
    assert.same({ "call", 2 }, { result.stop, result.turns })
  end)

  it("does not take what the user said for an answer, unless told to", function()
    assert.equal("max_turns", assert(pair(stop.text "OK"):run "OK").stop)
  end)

  it("begins anew with each run, and serves several at once", function()
    local condition = stop.messages(2)
    local one, two = pair(condition), pair(condition)
    for _ = 1, 2 do
      assert.equal(2, assert(one:run "go").turns)
      assert.equal(2, assert(two:run "go").turns)
    end
    marea.run(function()
      for _, result in ipairs(marea.map({ pair(condition), pair(condition) }, function(t) return t:run "x" end)) do
        assert.equal(2, result.turns)
      end
    end)
  end)

  it("is saved with the team: what it counted, and in a dump, whose text it looks at", function()
    local function make(replies_a, replies_b)
      return pair(stop.all { stop.messages(4), stop.text("OK", "a") }, replies_a, replies_b)
    end
    local first = make({ "OK", "2" }, { "1", { error = "server" } })
    local none, err = first:run "go"
    assert.is_nil(none)
    assert.equal("server", err.kind)
    local second = make({}, { "last" })
    assert(second:load(teams.through_json(first:save())))
    local result = assert(second:run())
    assert.same({ "messages and text", 4 }, { result.stop, result.turns })
    assert.equal("a: OK, b: 1, a: 2, b: last", said(result.messages))
  end)

  it("is refused where what was written of it is bent", function()
    for _, fields in ipairs { { kind = "messages" }, { kind = "messages", n = "3" }, { kind = "text" },
      { kind = "any" }, { kind = "all", list = {} }, { kind = "any", list = { { kind = "messages", n = 1 } } },
      { kind = "when", f = "f" }, { kind = "timeout", seconds = "1" }, { kind = "source" }, { kind = "nope" } } do
      local none, why = stop.restore(fields)
      assert.is_nil(none, fields.kind)
      assert.is_string(why)
    end
    assert.equal("messages", assert(stop.restore { kind = "messages", n = 1 }).kind)
  end)

  it("made by `external` stops one run, from wherever it is set", function()
    local external = stop.external()
    local team = pair(external, { function() external:set(); return "1" end, "3", "4", "5", "6" })
    assert.same({ "external", 1 }, { assert(team:run "go").stop, 1 })
    assert.equal("max_turns", assert(team:run "go").stop)
    assert.has_error(function() stop.messages(1):set() end, "set is for a condition made by marea.stop.external")
  end)

  it("of time cancels the call in flight, and leaves a history that goes on", function()
    local slow = { text = "late", after = 30 }
    local team = pair(stop.timeout(0.1), { "quick", slow, "again" }, { slow, "b again" })
    local from = os.time()
    local result = assert(team:run "go")
    assert.same({ "timeout", "a: quick" }, { result.stop, said(result.messages) })
    assert.is_true(os.time() - from < 10)
    for _, saved in pairs(team:save().members) do agents.is_valid(saved.messages) end
    result = assert(team:run(nil, { max_turns = 1 }))     -- takes up the turn that broke off, with all its time
    assert.equal("a: quick, b: b again", said(result.messages))
  end)

  it("of time, in `all`, waits for the others, and cancels too", function()
    local slow = { text = "late", after = 30 }
    local team = pair(stop.all { stop.timeout(0.02), stop.text "OK" }, { "x", "y" },
      { { text = "not yet", after = 0.05 }, "OK" })
    assert.equal("timeout and text", assert(team:run "go").stop)
    team = pair(stop.all { stop.timeout(0.05), stop.text "OK" }, { "OK" }, { slow })
    assert.equal("timeout", assert(team:run "go").stop)
  end)

  it("is for agents too", function()
    local look = agents.tool("look")
    local function agent(condition)
      return member("a", { calling { { "look" } }, calling { { "look", { x = 1 } } }, "done" },
        { tools = { look }, stop = condition })
    end
    for _, case in ipairs { { stop.call "look", "call", 1 }, { stop.messages(2), "messages", 2 },
      { stop.messages(9), "done", 3 } } do
      local one = agent(case[1])
      local result = assert(one:run "go")
      assert.same({ case[2], case[3] }, { result.stop, result.steps })
      agents.is_valid(one)
    end
    local late = member("a", { { text = "late", after = 30 } }, { stop = stop.timeout(0.02) })
    assert.equal("timeout", assert(late:run "go").stop)
    local twice = member("a", { calling { { "look" } }, calling { { "look", { x = 1 } } } },
      { tools = { look }, stop = stop.messages(1) })
    assert.equal("messages", assert(twice:run "go").stop)
    assert.equal("messages", assert(twice:run "go").stop)
  end)

  if _VERSION == "Lua 5.4" or _VERSION == "Lua 5.3" then
    it("is joined by | and &", function()
      local f = assert(load [[local a, b, c = ...; return a | b & c]])
      local joined = f(stop.messages(6), stop.text("1", "a"), stop.source "b")
      assert.equal("any", joined.kind)
      assert.equal("all", joined.list[2].kind)
      assert.equal(2, assert(pair(joined):run "go").turns)
    end)
  end
end)
