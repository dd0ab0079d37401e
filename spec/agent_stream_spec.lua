-- SPDX-License-Identifier: MIT
-- agent:stream: events as they happen and in order, backpressure, and an end at
-- any moment that leaves the conversation one that can go on.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local core = require("marea.core")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local server = require("spec.support.server")

local calling, tool_of = agents.calling, agents.tool

local function agent_of(replies, options)
  local all = { client = agents.client(replies), name = "a" }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.agent(all)
end

-- The first of its calls ends after the second.
local function story()
  local second_over = false
  local f = tool_of("f", function(args)
    while args.x == 1 and not second_over do marea.sleep(0.001) end
    second_over = true
  end)
  return agent_of({ calling({ { "f", { x = 1 } }, { "f", { x = 2 } } }, { reasoning = "hm", text = "I see" }),
    "all done" }, { tools = { f } })
end

local EVENTS = { "reasoning hm", "text I", "text  see", "tool_call f", "tool_call f", "finish", "step 1",
  "tool.start f", "tool.start f", "tool.end f", "tool.end f",
  "text all", "text  done", "finish", "step 2", "done done" }

describe("agent:stream", function()
  it("gives text, reasoning, calls, steps and tools in order, outside of any task", function()
    assert.same(EVENTS, agents.words((story():stream "go")))
  end)

  it("gives the same within one", function()
    marea.run(function() assert.same(EVENTS, agents.words((story():stream "go"))) end)
  end)

  it("tells of a tool's end when it ends, not when all have", function()
    local ends = {}
    for event in story():stream "go" do
      if event.type == "tool.end" then ends[#ends + 1] = event.arguments.x end
    end
    assert.same({ 2, 1 }, ends)
  end)

  it("has the result at its end, and in result()", function()
    local stream = story():stream "go"
    local result = assert(stream:result())
    assert.equal("all done", result.output_text)
    assert.equal(2, result.steps)
    assert.is_nil(stream:next())
    local last
    local other = story():stream "go"
    for event in other do last = event end
    assert.equal("done", last.type)
    assert.equal(last.result, assert(other:result()))
  end)

  it("gives the answer's text alone, too", function()
    local out = {}
    for text in story():stream("go"):text() do out[#out + 1] = text end
    assert.equal("I seeall done", table.concat(out))
  end)

  it("asks for the usage, and has it", function()
    local agent = agent_of { { text = "x", usage = { prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 } } }
    assert.equal(3, assert(agent:stream("go"):result()).usage.total_tokens)
    assert.is_true(agent.client.requests[1].stream_options.include_usage)
  end)

  it("raises where the run fails, and says it without raising in next and result", function()
    local agent = agent_of { "un", { error = "server" }, { error = "server" }, { error = "server" } }
    assert(agent:run "a")
    assert.equal("server", calls.failure(agents.words, (agent:stream "b")).kind)
    local event, err = agent:stream("b"):next()
    assert.is_nil(event)
    assert.equal("server", err.kind)
    assert.equal("server", select(2, agent:stream("b"):result()).kind)
    assert.equal("user assistant", agents.roles(agent.messages))
  end)

  it("runs no further than an event ahead of its reader", function()
    local ran = 0
    local f = tool_of("f", function() ran = ran + 1 end)
    local agent = agent_of({ calling { { "f", { x = 1 } } }, calling { { "f", { x = 2 } } }, "done" },
      { tools = { f } })
    marea.run(function()
      local stream = agent:stream "go"
      for event in stream do
        if event.type == "step" then break end
      end
      marea.sleep(0.05)
      assert.is_true(ran <= 1)
      assert.equal("done", assert(stream:result()).stop)
      assert.equal(2, ran)
    end)
  end)

  it("closed after any number of events leaves a history that can go on", function()
    local n = #EVENTS
    for i = 0, n do
      local agent = story()
      local stream = agent:stream "go"
      for _ = 1, i do stream:next() end
      stream:close()
      agents.is_valid(agent)
      assert.is_nil(stream:next())
      local result = stream:result()
      assert.equal("cancelled", result.stop)
      agents.is_valid(result)
      local following = agent_of({ "on" })
      local data = agent:save()
      data.name = "a"
      assert(following:load(data))
      assert.equal("on", assert(following:run "more").output_text)
    end
  end)

  it("closed while a tool runs stops it, and says of each call what became of it", function()
    local stopped
    local slow = tool_of("slow", function()
      local ok, err = pcall(marea.sleep, 60)
      stopped = not ok and err.kind
      error(err, 0)
    end)
    local quick = tool_of("quick")
    local agent = agent_of({ calling { { "slow" }, { "quick" } } }, { tools = { slow, quick } })
    local stream = agent:stream "go"
    for event in stream do
      if event.type == "tool.end" then break end
    end
    stream:close()
    assert.equal("cancelled", stopped)
    assert.same({ "Cancelled: it had begun, and may have had its effect.", "ok" }, agents.results(agent.messages))
    agents.is_valid(agent)
  end)

  it("closed before it began has run nothing", function()
    marea.run(function()
      local agent = story()
      agent:stream("go"):close()
      marea.sleep(0.01)
      assert.equal(0, #agent.client.requests)
      assert.equal("done", assert(agent:run "go").stop)
    end)
  end)

  it("whose task was ended with all others leaves its agent free", function()
    for _, seconds in ipairs { 0.01, false } do        -- begun, or not
      local agent = agent_of { function(request)
        return #request.messages == 1 and seconds and { text = "uno", after = 30 } or "dos"
      end, "dos" }
      local err = calls.failure(marea.run, function()
        local stream = agent:stream "go"
        if seconds then marea.sleep(seconds) end
        error("enough of " .. tostring(stream), 0)
      end)
      assert.is_truthy(err:find("enough", 1, true))
      assert.equal("dos", assert(agent:run "again").output_text)
      agents.is_valid(agent)
    end
  end)

  it("is closed when its reader is cancelled", function()
    marea.run(function()
      local agent = agent_of { { text = "uno dos", pause = 30 }, "more" }
      local t = marea.spawn(function()
        for _ in agent:stream "go" do end
      end)
      marea.sleep(0.03)
      t:cancel()
      assert.equal("cancelled", t.status)
      assert.equal("more", assert(agent:run "on").output_text)
      agents.is_valid(agent)
    end)
  end)

  it("left by `break` is closed at once, or by the collector", function()
    marea.run(function()
      local agent = agent_of { { text = "uno dos tres cuatro", pause = 0.005 }, "more" }
      for event in agent:stream "go" do
        if event.type == "text" then break end
      end
      if not rawget(_G, "jit") and _VERSION == "Lua 5.4" then
        assert.equal("more", assert(agent:run "on").output_text)
      else
        leaks.collect()
        marea.sleep(0.1)
        assert.equal("more", assert(agent:run "on").output_text)
      end
    end)
  end)

  it("over a real socket runs the provider's tool scenario", function()
    local s = server.shared()
    local weather = marea.tool { name = "get_weather", description = "Weather of a city",
      parameters = { city = "string" }, run = function(args) return { city = args.city, temperature = 21 } end }
    local agent = marea.agent { client = marea.client { base_url = s.base_url, model = "bundled-echo" },
      tools = { weather } }
    local words = {}
    for event in agent:stream "What is the weather in Madrid and in Lugo?" do
      if event.type == "tool.end" then words[#words + 1] = event.arguments.city end
      if event.type == "done" then words[#words + 1] = event.result.output_text end
    end
    assert.same({ "Madrid", "Lugo", 'A script, not a model: get_weather returned {"city":"Madrid","temperature":21}; '
      .. 'get_weather returned {"city":"Lugo","temperature":21}.' }, { words[1], words[2],
      (words[3]:gsub('{"temperature":21,"city":("%a+")}', '{"city":%1,"temperature":21}')) })
    assert.is_true(agent.usage.total_tokens > 0)
    agents.is_valid(agent)
  end)

  it("closed over a real socket closes its connection", function()
    local f = calls.stalling()
    local agent = marea.agent { client = calls.client_of(f) }
    local stream = agent:stream "go"
    assert.equal("text", stream:next().type)
    local from = core.now()
    stream:close()
    assert.is_true(core.now() - from < 1)
    assert.is_truthy(f.wait_event("close", 5) or f.wait_event("eof", 5) or f.wait_event("reset", 5))
    agents.is_valid(agent)
  end)
end)
