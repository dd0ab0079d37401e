-- SPDX-License-Identifier: MIT
-- Calls that wait for a person: nothing runs unasked, what waits is plain data,
-- and another process can go on with it.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local child = require("spec.support.child")
local marea = require("marea")

local calling, tool_of = agents.calling, agents.tool

local function through_json(value)
  return marea.json.decode(marea.json.encode(value))
end

-- An agent with a harmless tool and one that must be approved.
local function desk(replies, approve)
  local look = tool_of("look")
  local remove, removed = tool_of("remove", function(args) return "removed " .. args.path end,
    { parameters = { path = "string" }, approve = approve == nil and true or approve })
  return marea.agent { client = agents.client(replies), name = "desk", tools = { look, remove } }, removed
end

local two = calling { { "remove", { path = "/a" }, id = "c1" }, { "look", id = "c2" },
  { "remove", { path = "/b" }, id = "c3" } }

describe("a call that must be approved", function()
  it("pauses the run, after what needs no approval has run", function()
    local agent, removed = desk { two }
    local result = assert(agent:run "go")
    assert.equal("pending", result.stop)
    assert.same({}, removed)
    assert.equal(2, #result.pending)
    assert.same({ "c1", "remove", "/a", "desk" }, { result.pending[1].id, result.pending[1].name,
      result.pending[1].arguments.path, result.pending[1].agent })
  end)

  it("runs once approved, in the order of the calls", function()
    local agent, removed = desk { two, "done" }
    local result = assert(agent:run "go")
    result.pending[1]:approve()
    result.pending[2]:approve()
    result = assert(agent:resume(result))
    assert.equal("done", result.stop)
    assert.same({ { path = "/a" }, { path = "/b" } }, removed)
    assert.same({ "removed /a", "ok", "removed /b" }, agents.results(result.messages))
    assert.equal(2, result.steps)
    assert.equal(3, result.usage.tool_calls)
    agents.is_valid(agent)
  end)

  it("stays pending while undecided, and the rest runs once", function()
    local agent, removed = desk { two, "done" }
    local result = assert(agent:run "go")
    result = assert(agent:resume(result, { c3 = true }))
    assert.equal("pending", result.stop)
    assert.equal("c1", result.pending[1].id)
    assert.equal(1, #result.pending)
    assert.same({ { path = "/b" } }, removed)
    result = assert(agent:resume(result, { c1 = false }))
    assert.equal("done", result.stop)
    assert.equal(1, #removed)
    assert.same({ "Rejected by a person.", "ok", "removed /b" }, agents.results(result.messages))
  end)

  it("rejected is told why", function()
    local agent, removed = desk { calling { { "remove", { path = "/" } } }, "done" }
    local result = assert(agent:run "go")
    result.pending[1]:reject "not the root"
    result = assert(agent:resume(result))
    assert.same({ "Rejected: not the root" }, agents.results(result.messages))
    assert.same({}, removed)
  end)

  it("runs with the arguments a person gave, and the model is told", function()
    local agent, removed = desk { calling { { "remove", { path = "/" } } }, "done" }
    local result = assert(agent:run "go")
    result.pending[1]:approve { path = "/tmp/x" }
    result = assert(agent:resume(result))
    assert.same({ { path = "/tmp/x" } }, removed)
    assert.equal('[A person changed the arguments: {"path":"/tmp/x"}]\nremoved /tmp/x',
      agents.results(result.messages)[1])
  end)

  it("to an agent that is a tool runs with what a person gave, and the model is told", function()
    local inner = marea.agent { client = agents.client { "nine" }, name = "ask" }
    local agent = marea.agent { client = agents.client { calling { { "ask", { input = "x" } } }, "done" },
      tools = { inner:as_tool { approve = true } } }
    local result = assert(agent:run "go")
    result.pending[1]:approve { input = "y" }
    result = assert(agent:resume(result))
    assert.equal("y", inner.client.requests[1].messages[1].content)
    assert.same({ '[A person changed the arguments: {"input":"y"}]\nnine' }, agents.results(result.messages))
  end)

  it("doesn't run with arguments that don't fit, whoever gave them", function()
    local agent, removed = desk { calling { { "remove", { file = "/" } }, { "remove", { path = "/" }, id = "c" } },
      "done" }
    local result = assert(agent:run "go")
    assert.equal(1, #result.pending)          -- of the first nobody is even asked
    local again, err = agent:resume(result, { c = { arguments = { path = 3 } } })
    assert.is_nil(again)
    assert.equal("validation", err.kind)
    assert.is_truthy(err.message:find("path: expected string, got 3", 1, true))
    assert.same({}, removed)
    assert.equal("done", assert(agent:resume(result, { c = true })).stop)
    assert.same({ { path = "/" } }, removed)
  end)

  it("passes guardrails with the arguments a person gave, too", function()
    local agent, removed = desk { two }
    agent.guardrails = { tool = { function(call) if call.arguments.path == "/etc" then return "not that" end end } }
    local result = assert(agent:resume(agent:run "go", { c1 = { arguments = { path = "/etc" } }, c3 = true }))
    assert.same({ "guardrail", "not that" }, { result.stop, result.guardrail.reason })
    assert.same({}, removed)
    agents.is_valid(agent)
  end)

  it("is asked about where a function says so, or fails, or says anything but false", function()
    local wanted = { ["/a"] = false, ["/b"] = true, ["/c"] = "error", ["/d"] = 0 }
    local agent, removed = desk({ calling { { "remove", { path = "/a" } }, { "remove", { path = "/b" } },
      { "remove", { path = "/c" } }, { "remove", { path = "/d" } } } }, function(args, context)
      assert(context.name == "remove")
      if wanted[args.path] == "error" then error("boom") end
      return wanted[args.path]
    end)
    local result = assert(agent:run "go")
    assert.same({ { path = "/a" } }, removed)
    assert.equal(3, #result.pending)
  end)

  it("runs once: the same result can't be resumed again", function()
    local agent, removed = desk { two, "done" }
    local result = assert(agent:run "go")
    assert(agent:resume(result, { c1 = true, c3 = true }))
    local again, err = agent:resume(result, { c1 = true, c3 = true })
    assert.is_nil(again)
    assert.is_truthy(err.message:find("it was resumed already", 1, true))
    assert.equal(2, #removed)
  end)

  it("can still be resumed after its agent was busy", function()
    local agent, removed = desk { two, "else", "done" }
    local result = assert(agent:run "go")
    local stream = agent:stream "something else"
    local both = { c1 = true, c3 = true }
    assert.is_truthy(calls.failure(function() agent:resume(result, both) end):find("running already"))
    stream:close()
    assert(agent:resume(result, both))
    assert.equal(2, #removed)
  end)

  it("is not approved by a further run: it is told to the model as it is", function()
    local agent, removed = desk { two, "done" }
    assert(agent:run "go")
    local result = assert(agent:run "never mind")
    assert.equal("done", result.stop)
    assert.same({}, removed)
    assert.equal("Not run: nobody approved it.", agents.results(result.messages)[1])
    agents.is_valid(agent)
  end)

  local unreadable = { "yes", 1, {}, { approve = "true" }, { arguments = "x" } }
  for _, decision in ipairs(unreadable) do
    it("stays pending on a decision that can't be read: " .. marea.json.encode { decision }, function()
      local agent, removed = desk { two }
      local result = assert(agent:run "go")
      local err = calls.failure(function() agent:resume(result, { c1 = decision }) end)
      assert.is_truthy(err:find("^spec/agent_approval_spec.lua:%d+: agent:resume: c1: expected"), err)
      assert.same({}, removed)
    end)
  end

  it("raises for a call that doesn't wait", function()
    local agent = desk { two }
    local result = assert(agent:run "go")
    local err = calls.failure(function() agent:resume(result, { c2 = true }) end)
    assert.is_truthy(err:find('no call "c2" is pending', 1, true))
  end)

  it("tells its stream, which ends, and goes on as one", function()
    local agent = desk { two, "all done" }
    local stream = agent:stream "go"
    local words = agents.words(stream)
    assert.same({ "tool.end look", "pending", "done pending" }, { words[#words - 2], words[#words - 1], words[#words] })
    local result = stream:result()
    result.pending[1]:approve()
    result.pending[2]:reject()
    words = agents.words((agent:resume(result, nil, { stream = true })))
    assert.same({ "tool.start remove", "tool.end remove", "text all", "text  done", "finish", "step 2", "done done" },
      words)
  end)
end)

describe("a paused run", function()
  it("is plain data: it goes through JSON, and another agent goes on with it", function()
    local first = desk { two }
    local data = through_json(assert(first:run "go"))
    local second, removed = desk { "done" }
    local result = assert(second:resume(data, { c1 = true, c3 = { reject = "no" } }))
    assert.equal("done", result.stop)
    assert.same({ { path = "/a" } }, removed)
    assert.same({ "removed /a", "ok", "Rejected: no" }, agents.results(result.messages))
    assert.equal(2, result.steps)
    assert.equal(2, result.usage.requests)
    assert.equal(2, second.usage.requests)
  end)

  it("has its methods back by load, and decisions written into it count", function()
    local first = desk { two }
    local result = marea.load(through_json(marea.dump(assert(first:run "go"))))
    result.pending[1]:approve()
    result.pending[2]:reject "no"
    local second, removed = desk { "done" }
    assert.equal("done", assert(second:resume(through_json(result))).stop)
    assert.same({ { path = "/a" } }, removed)
  end)

  it("is in what save gives, with its counters", function()
    local first = desk { two }
    assert(first:run "go")
    local saved = through_json(first:save())
    local second, removed = desk { "done" }
    assert(second:load(saved))
    local result = assert(second:run "never mind")
    assert.same({}, removed)
    assert.equal("Not run: nobody approved it.", agents.results(result.messages)[1])
    assert.equal(2, second.usage.requests)
  end)

  -- One that stops as the condition says, whether or not a person was asked on the way.
  local function stops(condition, approve)
    local f = tool_of("f", nil, { approve = approve, repeatable = true })
    local step = calling({ { "f" } }, { text = "OK" })
    local agent = marea.agent { client = agents.client { step, step, step, "done" }, name = "desk", tools = { f },
      stop = condition }
    local result = assert(agent:run "go")
    while result.stop == "pending" do
      local data = through_json(result)
      result = assert(agent:resume(data, { [data.pending[1].id] = true }))
    end
    return { result.stop, result.steps }
  end

  for _, case in ipairs { { marea.stop.call "f", "call", 1 }, { marea.stop.text "OK", "text", 1 },
    { marea.stop.source "desk", "source", 1 }, { marea.stop.messages(3), "messages", 3 } } do
    it("is seen whole by a condition: " .. case[2], function()
      assert.same({ case[2], case[3] }, stops(case[1]))
      assert.same({ case[2], case[3] }, stops(case[1], true))
    end)
  end

  it("has its time counted, but for what a person took", function()
    local f = tool_of("f", nil, { approve = true })
    local agent = marea.agent { client = agents.client { calling { { "f" } } }, tools = { f },
      stop = marea.stop.timeout(100) }
    local result = assert(agent:run "go")
    assert.is_true(result.state.counters.seconds < 50)
    result.state.counters.seconds = 100
    assert.equal("timeout", assert(agent:resume(result, { [result.pending[1].id] = true })).stop)
  end)

  it("whose tool is gone says so to the model", function()
    local data = through_json(assert(desk({ two }):run "go"))
    local bare = marea.agent { client = agents.client { "done" }, name = "desk" }
    local result = assert(bare:resume(data, { c1 = true, c3 = true }))
    assert.is_truthy(agents.results(result.messages)[1]:find('there is no tool "remove"', 1, true))
    agents.is_valid(bare)
  end)

  local function broken(change)
    local data = through_json(assert(desk({ two }):run "go"))
    change(data)
    return data
  end
  local damage = {
    { "of another agent", function(d) d.state.name = "other" end, 'it is of the agent "other"' },
    { "of another version", function(d) d.state.version = 99 end, "it is of version 99" },
    { "that is no data of ours", function(d) d.state = {} end, "it is no saved conversation" },
    { "whose list of what waits was changed", function(d) d.pending = { 1, { id = "c9", decision = true } } end },
    { "that doesn't wait", function(d) d.stop = "done" end, "nothing waits in it" },
    { "without its calls", function(d) d.state.open = nil end, "has no result" },
    { "with other messages", function(d) d.messages = { { role = "tool", tool_call_id = "x" } } end, "of no call" },
    { "with messages that are none", function(d) d.messages = { 1 } end, "no list of tables" },
    { "with calls that are none", function(d) d.state.open = { {} } end, "no id" },
  }
  for _, case in ipairs(damage) do
    it(case[1] .. (case[3] and " is refused, and the agent stays as it was" or " still waits"), function()
      local agent, removed = desk { "still here" }
      local result, err = agent:resume(broken(case[2]), nil)
      if not case[3] then return assert.equal("pending", result.stop) end
      assert.is_nil(result)
      assert.equal("validation", err.kind)
      assert.is_truthy(err.message:find(case[3], 1, true), err.message)
      assert.same({}, removed)
      assert.equal("still here", assert(agent:run "x").output_text)
    end)
  end

  it("runs nothing on arguments that don't fit any more, whatever the data says", function()
    for _, arguments in ipairs { { path = 3 }, {}, marea.null, "none" } do
      local data = through_json(desk { two }:run "go")
      data.state.open[1].arguments = arguments ~= "none" and arguments or nil
      local agent, removed = desk { "done" }
      agent.repair = function() return { path = "/etc" } end
      local result = assert(agent:resume(data, { c1 = true, c3 = false }))
      assert.same({}, removed)
      assert.is_truthy(agents.results(result.messages)[1]:find("^Error: the arguments don't fit any more"))
      agents.is_valid(agent)
    end
  end)

  it("whose handover is gone says so to the model", function()
    local other = marea.agent { client = agents.client { "x" }, name = "other" }
    local agent = desk { calling { { "remove", { path = "/a" }, id = "c1" }, { "transfer_to_other", id = "c2" } } }
    agent.handoffs = { other }
    local data = through_json(agent:run "go")
    agent = desk { "done" }
    local result = assert(agent:resume(data, { c1 = true }))
    assert.is_truthy(agents.results(result.messages)[2]:find('^Error: there is no tool "transfer_to_other"'))
  end)

  it("goes on in another process", function()
    local path = os.tmpname()
    local code = [[
      local marea = require "marea"
      local path, decide = ...
      local client = marea.testing.client { replies = decide and { "it is gone" } or
        { { tool_calls = { { id = "c1", name = "remove", arguments = { path = "/a" } } } } } }
      local agent = marea.agent { client = client, name = "desk", tools = { marea.tool { name = "remove",
        parameters = { path = "string" }, approve = true, run = function(args) print("removing " .. args.path) end } } }
      if not decide then
        local file = io.open(path, "w")
        file:write(marea.json.encode(assert(agent:run "go")))
        file:close()
        return
      end
      local data = marea.json.decode(io.open(path):read("*a"))
      print(assert(agent:resume(data, { c1 = decide == "yes" })).output_text)
    ]]
    assert.equal("", (child.code(code, { path })))
    assert.equal("removing /a\nit is gone\n", (child.code(code, { path, "yes" })))
    assert.equal("it is gone\n", (child.code(code, { path, "no" })))
    os.remove(path)
  end)
end)
