-- SPDX-License-Identifier: MIT
-- The loop of an agent: what a run does with each thing a model and a tool may
-- do, where it stops, and that its history can always be sent.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local core = require("marea.core")
local marea = require("marea")

local client_of, calling, tool_of = agents.client, agents.calling, agents.tool

local function agent_of(replies, options)
  local all = { client = client_of(replies), name = "a" }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.agent(all)
end

local function last(list) return list[#list] end

describe("an agent", function()
  it("answers, and remembers the conversation", function()
    local agent = agent_of({ "uno", "dos" }, { instructions = "Be brief." })
    local result = assert(agent:run "first")
    assert.equal("uno", result.output_text)
    assert.equal("uno", tostring(result))
    assert.equal("done", result.stop)
    assert.equal(1, result.steps)
    assert.equal("a", result.agent)
    assert(agent:run "second")
    local sent = agent.client.requests[2].messages
    assert.equal("system user assistant user", agents.roles(sent))
    assert.equal("Be brief.", sent[1].content)
    assert.equal("user assistant user assistant", agents.roles(agent.messages))
    agent:reset()
    assert.equal(0, #agent.messages)
    assert.equal("user assistant", agents.roles(result.messages))
  end)

  it("says its instructions anew each time, also by a function", function()
    local n = 0
    local agent = agent_of({ "uno", "dos" }, { instructions = function(about)
      n = n + 1
      return about.agent .. n
    end })
    agent:run "x"
    agent:run "y"
    assert.equal("a1", agent.client.requests[1].messages[1].content)
    assert.equal("a2", agent.client.requests[2].messages[1].content)
    assert.equal("system user assistant user", agents.roles(agent.client.requests[2].messages))
  end)

  it("runs what the model calls and tells it the results", function()
    local tool, seen = tool_of("f", function(args) return { got = args.x } end)
    local agent = agent_of({ calling({ { "f", { x = 1 } } }, { text = "let me see" }), "done" }, { tools = { tool } })
    local result = assert(agent:run "go")
    assert.same({ { x = 1 } }, seen)
    assert.same({ '{"got":1}' }, agents.results(result.messages))
    assert.equal("let me see", result.messages[2].content)   -- text beside calls is kept
    assert.equal(2, result.steps)
    assert.equal(1, result.usage.tool_calls)
    assert.equal("f", agent.client.requests[1].tools[1]["function"].name)
    agents.is_valid(agent)
  end)

  it("takes messages, and goes on without any", function()
    local agent = agent_of { { error = "server" }, "uno", "dos" }
    agent:run { { role = "user", content = "a" }, { role = "user", content = { { type = "text", text = "b" } } } }
    assert.equal(0, #agent.messages)
    assert(agent:run { role = "user", content = "a" })
    assert.equal("dos", assert(agent:run()).output_text)
  end)

  it("sends the parameters it was given, and its model", function()
    local agent = agent_of({ "uno" }, { model = "big", params = { temperature = 0.5 } })
    agent:run "x"
    assert.equal("big", agent.client.requests[1].model)
    assert.equal(0.5, agent.client.requests[1].temperature)
    assert.is_nil(agent.client.requests[1].tools)
  end)

  it("sends the tools of its parameters before its own, and writes nothing into them", function()
    local search = { type = "web_search" }
    for _, case in ipairs {
      { {}, { "web_search" } },
      { { tools = { (tool_of "f") } }, { "web_search", "f" } },
      { { output = { n = "integer" }, output_mode = "tool" }, { "web_search", "final_answer" } },
    } do
      local tools = { search }
      case[1].params = { tools = tools }
      local agent = agent_of({ calling { { "final_answer", { n = 1 } } }, "done" }, case[1])
      assert(agent:run "x")
      local sent = {}
      for i, one in ipairs(agent.client.requests[1].tools) do sent[i] = (one["function"] or {}).name or one.type end
      assert.same(case[2], sent)
      assert.same({ { type = "web_search" } }, tools)
    end
  end)

  -- What goes wrong with a call, as its result.
  local function never() marea.sleep(60) end
  local bad = {
    { "a tool that raises", calling { { "f" } }, { run = function() error("no luck") end }, "Error: no luck" },
    { "a tool that raises a table", calling { { "f" } }, { run = function() error { code = 3 } end },
      'Error: {"code":3}' },
    { "a tool that fails politely", calling { { "f" } }, { run = function() return nil, "no luck" end },
      "Error: no luck" },
    { "a tool that returns nothing", calling { { "f" } }, { run = function() end }, "%(no result%)" },
    { "a tool that returns an empty text", calling { { "f" } }, { run = function() return "" end }, "%(empty%)" },
    { "a tool that returns false", calling { { "f" } }, { run = function() return false end }, "false" },
    { "a tool that returns what is no JSON", calling { { "f" } }, { run = function() return { print } end },
      "Error: the tool returned what can't be told as JSON: .*" },
    { "a tool that returns 10 MB", calling { { "f" } }, { run = function() return ("x"):rep(1e7) end },
      "x+\n%[cut: these are the first 100000 of 10000000 bytes%]" },
    { "a tool that returns more than its own bound", calling { { "f" } },
      { run = function() return ("é"):rep(10) end, max_result_size = 5 },
      "éé\n%[cut: these are the first 5 of 20 bytes%]" },
    { "a tool that never returns", calling { { "f" } }, { run = never, timeout = 0.02 },
      "Error: it took longer than 0.02 s, and was stopped" },
    { "a tool that is cancelled by somebody", calling { { "f" } }, { run = function()
      local t
      t = marea.spawn(function() marea.sleep(60) end)
      t:cancel()
      t:await()
    end }, "Error: cancelled: the task was cancelled" },
    { "an unknown tool", calling { { "g" } }, {}, 'Error: there is no tool "g"; there are: f' },
    { "arguments that don't parse", calling { { "f", '{"x":' } }, {},
      "Error: the arguments don't fit: they are not JSON: .*\nThey were: {\"x\":" },
    { "arguments that are no object", calling { { "f", "3" } }, {}, "Error: the arguments don't fit: .*an object.*" },
    { "arguments that don't fit", calling { { "f", { x = "a" } } }, { parameters = { x = "integer" } },
      "Error: the arguments don't fit: x: expected integer, got \"a\"\nThey were: {\"x\":\"a\"}" },
  }
  for _, case in ipairs(bad) do
    it("tells the model of " .. case[1] .. ", and goes on", function()
      local f = tool_of("f", nil, case[3])
      local agent = agent_of({ case[2], "done" }, { tools = { f } })
      local result = assert(agent:run "go")
      assert.equal("done", result.output_text)
      local told = agents.results(result.messages)[1]
      assert.is_truthy(told:find("^" .. case[4] .. "$"), told:sub(1, 200))
      agents.is_valid(agent)
      -- servers that read the arguments must be able to
      assert.is_table(marea.json.decode(result.messages[2].tool_calls[1]["function"].arguments))
    end)
  end

  it("takes empty arguments for none, and whole numbers for integers", function()
    local seen = {}
    local f = marea.tool { name = "f", parameters = { n = "integer?" }, run = function(args)
      seen[#seen + 1] = args
    end }
    local asked = calling { { "f", "" }, { "f", '{"n":3.0}' }, { "f", '{"n":null}' }, { "f", "null" } }
    local agent = agent_of({ asked, "done" }, { tools = { f } })
    agent:run "go"
    assert.same({ {}, { n = 3 }, {}, {} }, seen)
    if math.type then assert.equal("integer", math.type(seen[2].n)) end
  end)

  it("lets arguments be repaired, and checks them again", function()
    local f, seen = tool_of("f", nil, { parameters = { x = "integer" } })
    local problems = {}
    local agent = agent_of({ calling { { "f", "{x:1}" }, { "f", "{x:2}" }, { "f", "{x:3}" } }, "done" },
      { tools = { f }, repair = function(call, problem)
        problems[#problems + 1] = problem
        if call.arguments_json == "{x:1}" then return '{"x":1}' end
        if call.arguments_json == "{x:2}" then return { x = "no" } end
        error "unrepairable"
      end })
    local result = assert(agent:run "go")
    assert.same({ { x = 1 } }, seen)
    assert.equal(3, #problems)
    local told = agents.results(result.messages)
    assert.equal("ok", told[1])
    assert.is_truthy(told[2]:find("expected integer", 1, true))
    assert.is_truthy(told[3]:find("not JSON", 1, true))
  end)

  it("tells what a tool was called with, whatever the tool does with it", function()
    local ended
    local f = tool_of("f", function(args)
      args.x, args.self = print, args
      return "ok"
    end)
    local agent = agent_of({ calling { { "f", { x = 1 } } }, "done" }, { tools = { f },
      hooks = { tool_end = function(event) ended = event.arguments end } })
    assert(agent:run "go")
    assert.same({ x = 1 }, ended)
  end)

  it("tells a tool where it is", function()
    local seen
    local f = tool_of("f", function(_, context) seen = context end)
    local agent = agent_of({ calling { { "f", id = "c1" } }, "done" }, { tools = { f } })
    agent:run("go", { data = { user = 7 } })
    assert.equal("c1", seen.id)
    assert.equal("a", seen.agent)
    assert.equal(1, seen.step)
    assert.equal(7, seen.data.user)
    assert.equal("go", seen.messages[1].content)
  end)

  it("calls no name that is not a tool's", function()
    local agent = agent_of({ calling { { "run" }, { "__index" }, { "" } }, "done" })
    local result = assert(agent:run "go")
    assert.equal(3, #agents.results(result.messages))
  end)

  it("sends back no name and no arguments that providers refuse, and says what they were", function()
    local agent = agent_of({ calling { { "" }, { "get weather!" }, { ("x"):rep(70) }, { "f", "[1]" }, { "f", "3" },
      { "f", "null" }, { "f", "[]" } }, "done" }, { tools = { (tool_of "f") } })
    local result = assert(agent:run "go")
    local names, arguments = {}, {}
    for i, call in ipairs(agent.client.requests[2].messages[2].tool_calls) do
      names[i], arguments[i] = call["function"].name, call["function"].arguments
    end
    assert.same({ "unknown", "get_weather_", ("x"):rep(64), "f", "f", "f", "f" }, names)
    assert.same({ "{}", "{}", "{}", "{}", "{}", "{}", "{}" }, arguments)
    local results = agents.results(result.messages)
    assert.is_truthy(results[2]:find('there is no tool "get weather!"', 1, true))
    assert.is_truthy(results[4]:find("They were: [1]", 1, true))
  end)
end)

describe("calls of one step", function()
  -- Each waits until the next has ended.
  local function backwards(order)
    local over = { [4] = true }
    return marea.tool { name = "f", parameters = { n = "integer" }, run = function(args)
      while not over[args.n + 1] do marea.sleep(0.001) end
      order[#order + 1], over[args.n] = args.n, true
      return tostring(args.n)
    end }
  end
  local three = calling { { "f", { n = 1 } }, { "f", { n = 2 } }, { "f", { n = 3 } } }

  it("run side by side, and their results stand in the order of the calls", function()
    local order = {}
    local agent = agent_of({ three, "done" }, { tools = { backwards(order) } })
    local result = assert(agent:run "go")
    assert.same({ 3, 2, 1 }, order)
    assert.same({ "1", "2", "3" }, agents.results(result.messages))
  end)

  for _, case in ipairs { { false, 1 }, { 2, 2 }, { 8, 5 } } do
    it(("run %d at a time with parallel = %s"):format(case[2], tostring(case[1])), function()
      local running, most = 0, 0
      local f = tool_of("f", function()
        running = running + 1
        most = math.max(most, running)
        marea.sleep(0.005)
        running = running - 1
      end)
      local list = {}
      for i = 1, 5 do list[i] = { "f", { x = i } } end
      local agent = agent_of({ calling(list), "done" }, { tools = { f }, parallel = case[1] })
      assert(agent:run "go")
      assert.equal(case[2], most)
    end)
  end

  it("never run beside one whose tool wants to be alone", function()
    local running, alone = 0, true
    local function work()
      running = running + 1
      marea.sleep(0.005)
      running = running - 1
    end
    local f = tool_of("f", work)
    local g = tool_of("g", function()
      if running > 0 then alone = false end
      work()
    end, { parallel = false })
    local agent = agent_of({ calling { { "f", { x = 1 } }, { "f", { x = 2 } }, { "g" }, { "f", { x = 3 } } }, "done" },
      { tools = { f, g } })
    assert(agent:run "go")
    assert.is_true(alone)
  end)

  it("that share an id, or had one before, or have none, get one of their own", function()
    local f = tool_of("f")
    local agent = agent_of({
      calling { { "f", { x = 1 }, id = "c" }, { "f", { x = 2 }, id = "c" }, { "f", { x = 3 }, id = "" } },
      calling { { "f", { x = 4 }, id = "c" } }, "done" }, { tools = { f } })
    local result = assert(agent:run "go")
    local ids = {}
    for _, message in ipairs(result.messages) do
      for _, call in ipairs(message.tool_calls or {}) do
        assert.is_nil(ids[call.id])
        assert.is_true(#call.id > 0)
        ids[call.id] = true
      end
    end
    agents.is_valid(agent)
  end)

  it("keep the fields a provider wants back", function()
    local wire = marea.json.decode [[{"choices":[{"index":0,"finish_reason":"stop","message":{"role":"assistant",
      "content":null,"refusal":null,"annotations":[],"tool_calls":[{"id":"c1","type":"","function":{"name":"f",
      "arguments":{"x":1}},"extra_content":{"google":{"thought_signature":"s"}}}]}}]}]]
    local f, seen = tool_of("f")
    local agent = agent_of({ wire, "done" }, { tools = { f } })
    local result = assert(agent:run "go")          -- "stop" with calls means the calls
    assert.same({ { x = 1 } }, seen)
    local message = result.messages[2]
    assert.equal("s", message.tool_calls[1].extra_content.google.thought_signature)
    assert.equal("function", message.tool_calls[1].type)
    assert.equal('{"x":1}', message.tool_calls[1]["function"].arguments)
    assert.is_nil(message.refusal)
    assert.is_nil(message.annotations)
  end)
end)

describe("a run", function()
  local f, g
  before_each(function()
    f = tool_of("f")
    g = tool_of("g", function() marea.sleep(0.05) end)
  end)

  local function endless(request)
    return calling { { "f", { x = #request.messages } } }
  end

  local function many(reply, n)
    local list = {}
    for i = 1, n do list[i] = reply end
    return list
  end

  it("stops at max_steps, its calls done", function()
    local agent = agent_of(many(endless, 12), { tools = { f } })
    local result = assert(agent:run "go")
    assert.equal("max_steps", result.stop)
    assert.equal(10, result.steps)
    agents.is_valid(agent)
    result = assert(agent:run("on", { max_steps = 2 }))
    assert.equal("max_steps", result.stop)
    assert.equal(2, result.steps)
  end)

  local USED = { prompt_tokens = 6, completion_tokens = 4, total_tokens = 10 }
  local limits = {
    { { requests = 3 }, "requests", 3 },
    { { total_tokens = 15 }, "total_tokens", 2 },
    { { tool_calls = 2 }, "tool_calls", 3 },
    { { tool_calls = 0 }, "tool_calls", 1 },
  }
  for _, case in ipairs(limits) do
    it("stops at a limit on " .. case[2] .. ", and says which", function()
      local agent = agent_of(many(function(request)
        return calling({ { "f", { x = #request.messages } } }, { usage = USED })
      end, 5), { tools = { f }, usage_limits = case[1] })
      local result = assert(agent:run "go")
      assert.equal("usage_limit", result.stop)
      assert.equal(case[2], result.limit)
      assert.equal(case[3], result.steps)
      agents.is_valid(agent)
    end)
  end

  it("stops when its time is over: in a tool, and in a call of the model", function()
    for _, replies in ipairs { many(function(request) return calling { { "g", { x = #request.messages } } } end, 9),
      { { text = "late", after = 30 } } } do
      local agent = agent_of(replies, { tools = { g }, usage_limits = { seconds = 0.12 } })
      local from = core.now()
      local result = assert(agent:run "go")
      assert.equal("usage_limit", result.stop)
      assert.equal("seconds", result.limit)
      assert.is_true(core.now() - from < 5)
      agents.is_valid(agent)
    end
  end)

  it("counts an estimate against a limit on tokens only where usage isn't told", function()
    local agent = agent_of(many(endless, 9), { tools = { f }, usage_limits = { total_tokens = 200 } })
    local result = assert(agent:run(("x"):rep(500)))
    assert.equal("usage_limit", result.stop)
    assert.equal(0, result.usage.total_tokens)
    assert.equal(result.steps, result.usage.unreported)
  end)

  it("stops when cut by length, and runs nothing of what was cut", function()
    local tool, seen = tool_of("f")
    local agent = agent_of({ calling({ { "f", '{"x":1}' } }, { text = "I will", finish_reason = "length" }) },
      { tools = { tool } })
    local result = assert(agent:run "go")
    assert.equal("length", result.stop)
    assert.equal("I will", result.output_text)
    assert.same({}, seen)
    assert.equal("user assistant", agents.roles(agent.messages))
    agents.is_valid(agent)
  end)

  it("leaves no empty message behind when all of it was a call that was cut", function()
    local agent = agent_of({ calling({ { "f", '{"x":' } }, { finish_reason = "length" }), "ok" }, { tools = { f } })
    assert.equal("length", assert(agent:run "go").stop)
    assert.equal("user", agents.roles(agent.messages))
    assert.equal("ok", assert(agent:run()).output_text)
  end)

  it("tells a refusal and a filtered answer from one that is done", function()
    local agent = agent_of { { refusal = "I won't" }, { text = "un", finish_reason = "content_filter" } }
    local result = assert(agent:run "go")
    assert.equal("refusal", result.stop)
    assert.equal("I won't", result.refusal)
    assert.equal("content_filter", assert(agent:run "go").stop)
  end)

  it("runs nothing of an answer that says it broke off", function()
    local tool, seen = tool_of("f")
    for _, reason in ipairs { "error", "abort" } do
      local agent = agent_of({ calling({ { "f" } }, { finish_reason = reason }) }, { tools = { tool } })
      local result, err = agent:run "go"
      assert.is_nil(result)
      assert.equal("truncated", err.kind)
      assert.equal("f", err.partial.tool_calls[1].name)
      assert.equal(0, #agent.messages)
    end
    assert.same({}, seen)
  end)

  it("fails where an answer holds no message, and goes on without one that says nothing", function()
    local agent = agent_of { { object = "chat.completion", choices = { { index = 0 } } }, { text = "" }, "more" }
    local result, err = agent:run "go"
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
    assert.equal("done", assert(agent:run "go").stop)
    assert.equal("more", assert(agent:run()).output_text)
  end)

  it("stops at a condition, with its reason", function()
    local agent = agent_of(many(endless, 9), { tools = { f }, stop = function(about)
      return about.steps == 2 and "enough of " .. about.agent
    end })
    assert.equal("enough of a", assert(agent:run "go").stop)
    agents.is_valid(agent)
  end)

  it("fails with the model's error, which has what came before; a further run goes on", function()
    local agent = agent_of({ calling { { "f", { x = 1 } } }, { error = "server" }, "done" }, { tools = { f } })
    local result, err = agent:run "go"
    assert.is_nil(result)
    assert.equal("server", err.kind)
    assert.equal("user assistant tool", agents.roles(err.result.messages))
    assert.equal("error", err.result.stop)
    agents.is_valid(agent)
    assert.equal("done", assert(agent:run()).output_text)
  end)

  it("that failed before anything was said leaves no question behind", function()
    local agent = agent_of { "uno", { error = "server" }, "dos" }
    agent:run "a"
    agent:run "b"
    assert.equal("user assistant", agents.roles(agent.messages))
    assert.equal("dos", assert(agent:run "b").output_text)
  end)

  for _, name in ipairs { "instructions", "context", "memory" } do
    it("that raised before anything was said leaves no question behind: " .. name, function()
      local function unlucky() error("no luck", 0) end
      local agent = agent_of({ "uno" }, { [name] = name == "memory" and { query = unlucky } or unlucky })
      assert.equal("no luck", calls.failure(function() agent:run "a" end))
      assert.equal(0, #agent.messages)
    end)
  end

  it("that was cancelled keeps its question, and a run without words answers it", function()
    local agent = agent_of { { text = "uno", after = 30 }, "dos" }
    marea.run(function()
      local t = marea.spawn(function() return agent:run "a" end)
      marea.sleep(0.001)
      t:cancel()
      assert.equal("dos", assert(agent:run()).output_text)
    end)
    assert.equal("user assistant", agents.roles(agent.messages))
  end)

  it("runs nothing of a stream that broke", function()
    local tool, seen = tool_of("f")
    local agent = agent_of({ calling({ { "f", { x = 1 } } }, { error = "truncated" }), "done" }, { tools = { tool } })
    local stream = agent:stream "go"
    local ok, err = pcall(agents.words, stream)
    assert.is_false(ok)
    assert.equal("truncated", err.kind)
    assert.equal("f", err.partial.tool_calls[1].name)
    assert.same({}, seen)
    assert.equal(0, #agent.messages)
    assert.equal("done", assert(agent:run "go").output_text)
  end)

  it("notices the same call over and over, and stops where saying so doesn't help", function()
    local tool, seen = tool_of("f")
    local agent = agent_of(many(calling { { "f", { x = 1 } } }, 9), { tools = { tool } })
    local result = assert(agent:run "go")
    assert.equal("repeated_calls", result.stop)
    assert.equal(2, #seen)
    assert.equal(6, result.steps)
    local told = agents.results(result.messages)
    assert.equal("ok", told[2])
    assert.is_truthy(told[3]:find("this same call was made 3 times in a row", 1, true))
    agents.is_valid(agent)
  end)

  it("lets a call be repeated where the tool, or the agent, says so", function()
    local waiting, seen = tool_of("f", nil, { repeatable = true })
    assert(agent_of(many(calling { { "f" } }, 10), { tools = { waiting } }):run "go")
    assert.equal(10, #seen)
    local plain, also = tool_of("f")
    assert(agent_of(many(calling { { "f" } }, 10), { tools = { plain }, max_repeats = false }):run "go")
    assert.equal(10, #also)
  end)

  it("doesn't take twice in one step, or now and then, for over and over", function()
    local tool, seen = tool_of("f")
    local same, other = calling { { "f", { x = 1 } }, { "f", { x = 1 } } }, calling { { "f", { x = 2 } } }
    local agent = agent_of({ same, other, same, other, same, "done" }, { tools = { tool } })
    assert.equal("done", assert(agent:run "go").stop)
    assert.equal(8, #seen)
  end)

  it("sums usage in buckets that don't overlap, and costs them", function()
    local agent = agent_of({ calling({ { "f" } }, { usage = { prompt_tokens = 100, completion_tokens = 50,
      total_tokens = 150, prompt_tokens_details = { cached_tokens = 40 },
      completion_tokens_details = { reasoning_tokens = 20 } } }), { text = "done", usage = USED } },
      { tools = { f }, prices = { input = 1, cached = 0.1, output = 10 } })
    local used = assert(agent:run "go").usage
    assert.same({ 66, 40, 34, 20, 160, 2, 1, 0 }, { used.input, used.cached, used.output, used.reasoning,
      used.total_tokens, used.requests, used.tool_calls, used.unreported })
    assert.is_true(math.abs(used.cost - (66 + 4 + 540) / 1e6) < 1e-12)
    assert.equal(20, used.raw[1].completion_tokens_details.reasoning_tokens)
    assert.equal(160, agent.usage.total_tokens)
  end)

  it("makes as many requests as steps, and no more", function()
    local agent = agent_of({ calling { { "f" } }, "done" }, { tools = { f } })
    agent:run "go"
    assert.equal(2, #agent.client.requests)
  end)

  it("is one at a time in a conversation", function()
    local agent = agent_of({ { text = "uno", after = 0.05 }, "dos" })
    marea.run(function()
      local t = marea.spawn(function() return agent:run "a" end)
      marea.sleep(0.01)
      local err = calls.failure(function() agent:run "b" end)
      assert.is_truthy(err:find("^spec/agent_spec.lua:%d+: marea.agent %(a%) is running already"), err)
      assert.equal("uno", t:await().output_text)
    end)
    assert.equal("dos", assert(agent:run "c").output_text)
  end)

  it("that is cancelled anywhere leaves a history that can go on", function()
    for _, moment in ipairs { 0.005, 0.035, 0.055, 0.085 } do
      local agent = agent_of({ calling({ { "g" }, { "f" }, { "g" } }, { text = "x", after = 0.02 }),
        { text = "end", after = 0.03 } }, { tools = { f, g } })
      marea.run(function()
        local t = marea.spawn(function() return agent:run "go" end)
        marea.sleep(moment)
        t:cancel()
        assert.equal("cancelled", t.status)
      end)
      agents.is_valid(agent)
      assert.equal("user", agent.messages[1].role)
      local told = agents.results(agent.messages)
      if told[1] then
        -- where all is slow none had ended either, or begun
        local begun = told[1]:find("^Cancelled: it had begun")
        assert.is_truthy(told[2] == "ok" or told[2]:find("^Cancelled: it had begun") or not begun, told[2])
        assert.is_truthy(begun or told[1] == "(no result)" or told[1] == "Not run: cancelled.", told[1])
      end
    end
  end)
end)

describe("hooks", function()
  it("are told of steps, tools, handoffs and the end, in order", function()
    local told = {}
    local function note(name)
      return function(event) told[#told + 1] = name .. ":" .. event.agent end
    end
    local f = tool_of("f")
    local agent = agent_of({ calling { { "f" } }, "done" }, { tools = { f }, hooks = { step = note "step",
      tool_start = note "start", tool_end = note "end", done = note "done" } })
    agent:run "go"
    assert.same({ "step:a", "start:a", "end:a", "step:a", "done:a" }, told)
  end)

  it("that raise end the run with their error, its history in order", function()
    local f = tool_of("f")
    local agent = agent_of({ calling { { "f" } }, "done" }, { tools = { f }, hooks = { tool_end = function()
      error("boom", 0)
    end } })
    assert.equal("boom", calls.failure(function() agent:run "go" end))
    agents.is_valid(agent)
    assert.equal("done", assert(agent:run()).output_text)
  end)
end)

describe("guardrails", function()
  it("stop a run before the model sees what came in", function()
    local agent = agent_of({ "uno" }, { guardrails = { input = { function(text)
      return text:find("secret") and "no secrets"
    end } } })
    local result = assert(agent:run "a secret")
    assert.equal("guardrail", result.stop)
    assert.same({ where = "input", reason = "no secrets", text = "a secret" }, result.guardrail)
    assert.equal(0, #agent.client.requests)
    assert.equal(0, #agent.messages)
    assert.equal("uno", assert(agent:run "hello").output_text)
  end)

  it("keep back what may not go out, from the history too", function()
    local agent = agent_of({ "the key is 1234", "fine" }, { guardrails = { output = { function(text)
      if text:find("%d%d%d%d") then return "digits" end
    end } } })
    local result = assert(agent:run "x")
    assert.equal("guardrail", result.stop)
    assert.equal("", result.output_text)
    assert.equal("the key is 1234", result.guardrail.text)
    assert.equal("user", agents.roles(agent.messages))
    assert.equal("done", assert(agent:run "y").stop)
  end)

  it("stop a run before a tool runs, and every call has its result", function()
    local tool, seen = tool_of("f")
    local agent = agent_of({ calling { { "f", { x = 1 } }, { "f", { x = 2 } }, { "f", { x = 3 } } } }, {
      tools = { tool }, guardrails = { tool = { function(call) return call.arguments.x == 2 and "not two" end } } })
    local result = assert(agent:run "go")
    assert.equal("guardrail", result.stop)
    assert.equal("tool", result.guardrail.where)
    assert.same({}, seen)
    assert.equal("Not run: not two", agents.results(agent.messages)[2])
    agents.is_valid(agent)
  end)

  it("that fail stop the run", function()
    local agent = agent_of({ "uno" }, { guardrails = { input = { function() error("boom") end } } })
    assert.equal("a guardrail failed: boom", assert(agent:run "x").guardrail.reason)
  end)
end)

describe("marea.agent", function()
  local f = tool_of("f")
  local client = client_of { "x" }
  local wrong = {
    { {}, "marea.agent, client: expected a table, got nil" },
    { { client = client, tool = {} }, 'marea.agent: unknown option "tool"' },
    { { client = client, tools = { {} } }, "marea.agent, tools%[1%]: expected a tool, made by marea.tool" },
    { { client = client, tools = { f, f } }, 'marea.agent: two tools are called "f"' },
    { { client = client, output = "string", tools = { (tool_of "final_answer") } },
      'marea.agent: a tool is called "final_answer"' },
    { { client = client, handoffs = { marea.agent { client = client } } },
      'marea.agent: "agent" hands over to another of that name' },
    { { client = client, memory = {} }, "marea.agent, memory: expected something with `query`, got an empty table" },
    { { client = client, handoffs = { 1 } }, "marea.agent, handoffs%[1%]: expected an agent, got 1" },
    { { client = client, usage_limits = { token = 1 } }, 'marea.agent, usage_limits: unknown option "token"' },
    { { client = client, output = "strin" }, 'marea.agent, output: "strin" is not a type' },
    { { client = client, output = "string", output_mode = "xml" }, "marea.agent, output_mode: expected json_schema" },
    { { client = client, params = { messages = {} } }, "marea.agent, params: `messages` and `stream` are" },
    { { client = client, params = { tools = 1 } }, "marea.agent, params.tools: expected a table, got 1" },
  }
  for _, case in ipairs(wrong) do
    it("raises at the caller's line: " .. case[2], function()
      local err = calls.failure(function() marea.agent(case[1]) end)
      assert.is_truthy(err:find("^spec/agent_spec.lua:%d+: " .. case[2]), err)
    end)
  end

  it("raises at the caller's line for what can't be a tool's", function()
    local agent = marea.agent { client = client }
    for _, options in ipairs { { name = "a b" }, { name = ("x"):rep(65) }, { name = "" }, { parallel = 1 },
        { nam = "x" } } do
      local err = calls.failure(function() agent:as_tool(options) end)
      assert.is_truthy(err:find("^spec/agent_spec.lua:%d+: agent:as_tool"), err)
    end
  end)

  it("raises at the caller's line for what can't be run", function()
    local agent = marea.agent { client = client }
    local asked = { role = "assistant", tool_calls = { { id = "a", type = "function" } } }
    for _, case in ipairs { { 3 }, { "x", { steps = 1 } }, { "x", { max_steps = 0 } }, { "x", 5 },
        { "x", { usage_limits = { tokens = 1 } } }, { "x", { usage_limits = { requests = "1" } } },
        { { content = "no role" } }, { { "a", "b" } }, { { { role = 1, content = "a" } } },
        { { role = "tool", tool_call_id = "a", content = "of no call" } },
        { { asked, { role = "user", content = "x" } } } } do
      local err = calls.failure(function() agent:run(case[1], case[2]) end)
      assert.is_truthy(err:find("^spec/agent_spec.lua:%d+: agent:run"), err)
    end
    assert.equal(0, #agent.messages)
    agent.instructions = function() return {} end
    assert.equal("marea.agent, instructions: expected a text, got a table", calls.failure(function() agent:run "x" end))
    agent.instructions = nil
    agent:reset()
    assert.is_truthy(calls.failure(function() agent.run("x") end):find("call it with a colon"))
    assert.is_truthy(last { calls.failure(function() agent:run() end) }:find("nothing to send"))
    assert(agent:run { { role = "assistant", content = "a null for its calls", tool_calls = marea.null } })
  end)
end)
