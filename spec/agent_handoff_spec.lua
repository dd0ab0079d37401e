-- SPDX-License-Identifier: MIT
-- Agents that hand over to one another, and agents that are tools of others.

local agents = require("spec.support.agents")
local marea = require("marea")

local calling, tool_of = agents.calling, agents.tool

local function agent_of(name, replies, options)
  local all = { client = agents.client(replies), name = name }
  for key, value in pairs(options or {}) do all[key] = value end
  return marea.agent(all)
end

describe("a handoff", function()
  local billing, support, triage
  before_each(function()
    billing = agent_of("billing", { "I bill.", "Still billing." },
      { instructions = "You bill.", description = "Bills." })
    support = agent_of("support desk", { "I support." }, { instructions = "You support." })
    triage = agent_of("triage", { calling { { "transfer_to_billing", id = "h1" } } },
      { instructions = "You sort.", handoffs = { billing, support } })
  end)

  it("is offered as a tool for each agent, and gives it the conversation", function()
    local result = assert(triage:run "my bill")
    assert.equal("I bill.", result.output_text)
    assert.equal("billing", result.agent)
    local offered = triage.client.requests[1].tools
    assert.equal("transfer_to_billing", offered[1]["function"].name)
    assert.equal("Hands the conversation over to billing. Bills.", offered[1]["function"].description)
    assert.equal("transfer_to_support_desk", offered[2]["function"].name)
    local sent = billing.client.requests[1]
    assert.equal("system user assistant tool", agents.roles(sent.messages))
    assert.equal("You bill.", sent.messages[1].content)
    assert.equal("The conversation is now with billing.", sent.messages[4].content)
    assert.is_nil(sent.tools)
    agents.is_valid(triage)
    assert.equal(2, result.usage.requests)
  end)

  it("is told apart where names differ in what a tool's can't hold", function()
    local long = ("l"):rep(60)
    local there = { agent_of("天気", { "sunny" }), agent_of("料理", { "rice" }), agent_of(long .. "a", {}),
      agent_of(long .. "b", {}) }
    local desk = agent_of("desk", { calling { { "transfer_to________2" } } }, { handoffs = there })
    assert.equal("料理", assert(desk:run "dinner?").agent)
    local names = {}
    for i, one in ipairs(desk.client.requests[1].tools) do names[i] = one["function"].name end
    local cut = "transfer_to_" .. ("l"):rep(50)
    assert.same({ "transfer_to_______", "transfer_to________2", cut .. "ll", cut .. "_2" }, names)
  end)

  it("to two of one name raises, as does a tool of that name", function()
    local other = agent_of("billing", {})
    for _, options in ipairs { { handoffs = { billing, other } },
      { handoffs = { billing }, tools = { (tool_of "transfer_to_billing") } } } do
      assert.has_error(function() agent_of("x", {}, options) end)
    end
  end)

  it("lasts: the next run is with who has the conversation, until it is reset", function()
    assert(triage:run "my bill")
    assert.equal("Still billing.", assert(triage:run "and now?").output_text)
    assert.equal(0, #billing.messages)          -- it has a conversation of its own, untouched
    triage:reset()
    assert.equal("marea.agent (triage)", tostring(triage))
    assert.equal(1, #triage.client.requests)
  end)

  it("is told: an event with both names", function()
    local told
    triage.hooks = { handoff = function(event) told = event.from .. " to " .. event.to end }
    local words = agents.words((triage:stream "my bill"))
    assert.equal("triage to billing", told)
    assert.is_truthy((table.concat(words, ",")):find("step 1,handoff billing,text I,", 1, true))
  end)

  it("comes first where several are in one turn, after the turn's other tools", function()
    local tool, seen = tool_of("f")
    triage = agent_of("triage", { calling { { "transfer_to_support_desk" }, { "f" }, { "transfer_to_billing" } } },
      { tools = { tool }, handoffs = { billing, support } })
    local result = assert(triage:run "help")
    assert.equal("I support.", result.output_text)
    assert.equal(1, #seen)
    assert.same({ "The conversation is now with support desk.", "ok",
      "Not done: the conversation went to support desk." },
      agents.results(result.messages))
    agents.is_valid(triage)
  end)

  it("may go round, and is bounded like any other step", function()
    local a, b
    a = agent_of("a", { calling { { "transfer_to_b" } }, calling { { "transfer_to_b" } } })
    b = agent_of("b", { calling { { "transfer_to_a" } }, calling { { "transfer_to_a" } } }, { handoffs = { a } })
    a.handoffs = { b }
    local result = assert(a:run("go", { max_steps = 3 }))
    assert.equal("max_steps", result.stop)
    assert.equal("b", result.agent)
    agents.is_valid(a)
  end)

  it("is remembered by save, and by a paused run", function()
    local remove = tool_of("remove", nil, { approve = true })
    local function desk(first, second)
      local inner = agent_of("inner", second, { tools = { remove } })
      return agent_of("outer", first, { handoffs = { inner } })
    end
    local outer = desk({ calling { { "transfer_to_inner" } } }, { calling { { "remove" } } })
    local result = assert(outer:run "go")
    assert.equal("inner", result.pending[1].agent)
    local data = marea.json.decode(marea.json.encode(result))
    local other = desk({}, { "done by inner", "and again" })
    result = assert(other:resume(data, { [data.pending[1].id] = true }))
    assert.equal("done by inner", result.output_text)
    local third = desk({}, { "inner here" })
    assert(third:load(other:save()))
    assert.equal("inner here", assert(third:run "x").output_text)
  end)
end)

describe("an agent as a tool", function()
  it("answers in a conversation of its own, and its usage counts", function()
    local used = { total_tokens = 5 }
    local cook = agent_of("the cook", { { text = "Salt.", usage = used }, { text = "Pepper.", usage = used } },
      { description = "Cooks." })
    local host = agent_of("host", { calling { { "the_cook", { input = "a" } }, { "the_cook", { input = "b" } } },
      "Both." }, { tools = { cook:as_tool() } })
    local result = assert(host:run "what is missing?")
    assert.same({ "Salt.", "Pepper." }, agents.results(result.messages))
    assert.equal("Both.", result.output_text)
    assert.equal("user", agents.roles(cook.client.requests[2].messages))
    assert.equal(0, #cook.messages)
    assert.equal(4, result.usage.requests)
    assert.equal(10, result.usage.total_tokens)
    assert.equal("Cooks.", host.client.requests[1].tools[1]["function"].description)
  end)

  it("that fails, or stops early, is a result like any other", function()
    local cook = agent_of("cook", { { error = "server" }, { text = "half", finish_reason = "length" } })
    local host = agent_of("host", { calling { { "cook", { input = "a" } } }, calling { { "cook", { input = "b" } } },
      "So so." }, { tools = { cook:as_tool() } })
    local result = assert(host:run "x")
    local told = agents.results(result.messages)
    assert.is_truthy(told[1]:find("^Error: server: "), told[1])
    assert.equal("half\n[It stopped: length]", told[2])
    agents.is_valid(host)
  end)

  it("gives what `output` asked for, as JSON", function()
    local cook = agent_of("cook", { '{"grams":3}' }, { output = { grams = "integer" } })
    local host = agent_of("host", { calling { { "cook", { input = "a" } } }, "So." },
      { tools = { cook:as_tool { name = "ask_cook", description = "d" } } })
    host.tools[1].name = "cook"
    assert.same({ '{"grams":3}' }, agents.results(assert(host:run "x").messages))
  end)

  it("may ask a person within, and goes on from there, in another process too", function()
    local function kitchen(cook_replies, host_replies)
      local throw, thrown = tool_of("throw", function(args) return "threw " .. args.what end,
        { parameters = { what = "string" }, approve = true })
      local cook = agent_of("cook", cook_replies, { tools = { throw } })
      return agent_of("host", host_replies, { tools = { cook:as_tool() } }), thrown
    end
    local host, thrown = kitchen({ calling { { "throw", { what = "eggs" }, id = "in1" } } },
      { calling { { "cook", { input = "a" }, id = "out1" } } })
    local result = assert(host:run "x")
    assert.equal("pending", result.stop)
    local waiting = result.pending[1]
    assert.same({ "out1/in1", "throw", "cook" }, { waiting.id, waiting.name, waiting.agent })
    assert.same({}, thrown)

    local data = marea.json.decode(marea.json.encode(result))
    host, thrown = kitchen({ "I threw them." }, { "Done." })
    local refused, err = host:resume(data, { ["out1/in1"] = { arguments = { what = 3 } } })
    assert.is_nil(refused)
    assert.equal("validation", err.kind)
    result = assert(host:resume(data, { ["out1/in1"] = { arguments = { what = "shells" } } }))
    assert.equal("Done.", result.output_text)
    assert.same({ { what = "shells" } }, thrown)
    assert.same({ "I threw them." }, agents.results(result.messages))
    assert.equal(4, result.usage.requests)
    assert.equal(2, result.usage.tool_calls)
    agents.is_valid(host)
  end)

  it("keeps its guardrails and its memory", function()
    local memory = marea.memory.list():add "Ada likes salt."
    local cook = agent_of("cook", { "Salt." }, { memory = memory, guardrails = { input = { function(text)
      if text:find "poison" then return "no poison" end
    end } } })
    local host = agent_of("host", { calling { { "cook", { input = "poison?" } } },
      calling { { "cook", { input = "salt?" } } }, "So." }, { tools = { cook:as_tool() } })
    assert.same({ "[It stopped: guardrail, no poison]", "Salt." }, agents.results(assert(host:run "x").messages))
    assert.equal(1, #cook.client.requests)
    assert.equal("What you remember:\n- Ada likes salt.", cook.client.requests[1].messages[1].content)
  end)

  it("is within its caller's limits, while it works", function()
    local f = tool_of "f"
    for name, most in pairs { requests = 3, total_tokens = 30, tool_calls = 3 } do
      local replies = {}
      for i = 1, 9 do replies[i] = calling({ { "f", { x = i } } }, { usage = { total_tokens = 10 } }) end
      local cook = agent_of("cook", replies, { tools = { f } })
      local host = agent_of("host", { calling({ { "cook", { input = "a" } } }, { usage = { total_tokens = 10 } }),
        calling { { "cook", { input = "b" } } } }, { tools = { cook:as_tool() }, usage_limits = { [name] = most } })
      local result = assert(host:run "x")
      assert.same({ "usage_limit", name }, { result.stop, result.limit })
      assert.equal("[It stopped: usage_limit]", agents.results(result.messages)[1])
      assert.is_true(#cook.client.requests <= 3, name)
      agents.is_valid(host)
    end
  end)

  it("has its waiting calls told from others, whatever ids a model makes up", function()
    local f, seen = tool_of("f", nil, { approve = true })
    local inner = calling { { "f", { x = "inner" }, id = "b/c" } }
    local outer = calling { { "cook", { input = "x" }, id = "a" }, { "f", { x = "outer" }, id = "a/b/c" },
      { "f", { x = "other" }, id = "a%2Fb" } }
    local cook = agent_of("cook", { inner, "Done." }, { tools = { f } })
    local host = agent_of("host", { outer }, { tools = { cook:as_tool(), f } })
    local result = assert(host:run "x")
    local ids = {}
    for i, call in ipairs(result.pending) do ids[i] = call.id end
    assert.same({ "a/b%2Fc", "a%2Fb%2Fc", "a%252Fb" }, ids)
    result.pending[2]:approve()
    assert.equal("pending", assert(host:resume(result)).stop)
    assert.same({ { x = "outer" } }, seen)
  end)

  it("is counted once, however often its run waits and goes on", function()
    local f, seen = tool_of("f", nil, { approve = true })
    local used = { total_tokens = 10 }
    local cook = agent_of("cook", { calling({ { "f", { x = 1 } }, { "f", { x = 2 } } }, { usage = used }),
      { text = "Done.", usage = used } }, { tools = { f } })
    local host = agent_of("host", { calling { { "cook", { input = "a" } } }, "So." },
      { tools = { cook:as_tool() }, usage_limits = { tool_calls = 2 } })
    local result = assert(host:run "x")
    for _, decision in ipairs { true, false } do
      local data = marea.json.decode(marea.json.encode(marea.dump(result)))
      result = assert(host:resume(data, { [data.pending[1].id] = decision }))
    end
    assert.equal("done", result.stop)
    assert.same({ { x = 1 } }, seen)
    assert.same({ 4, 2, 20 }, { result.usage.requests, result.usage.tool_calls, result.usage.total_tokens })
    assert.equal(20, host.usage.total_tokens)
  end)

  it("is not asked by those it waits for: no two ask one another without end", function()
    local function asks(name)
      local replies = {}
      for i = 1, 20 do replies[i] = calling { { name, { input = "x" .. i } } } end
      return replies
    end
    local cook = agent_of("cook", asks "waiter", { max_steps = 3 })
    local waiter = agent_of("waiter", asks "cook", { max_steps = 3, tools = { cook:as_tool() } })
    cook.tools = { waiter:as_tool() }
    local result = assert(cook:run "x")
    assert.equal("max_steps", result.stop)
    assert.equal(9, #waiter.client.requests)
    assert.equal(3, #cook.client.requests)
  end)

  it("is within its caller's time", function()
    local cook = agent_of("cook", { { text = "late", after = 30 } })
    local host = agent_of("host", { calling { { "cook", { input = "a" } } } },
      { tools = { cook:as_tool() }, usage_limits = { seconds = 0.05 } })
    local result = assert(host:run "x")
    assert.equal("usage_limit", result.stop)
    agents.is_valid(host)
  end)
end)
