-- SPDX-License-Identifier: MIT
-- What a collector is sent: each span under the right one, the conventions' names,
-- no content unless asked, and nothing lost or held up for a collector that is dead.

local agents = require("spec.support.agents")
local core = require("marea.core")
local marea = require("marea")
local otlp = require("spec.support.otlp")
local server = require("spec.support.server")

local OK = { { { status = 200, headers = { ["content-type"] = "application/json" }, body = "{}" } } }

local function collector()
  return server.shared():script(OK, { repeat_last = true, keep_body = 4 * 1024 * 1024 })
end

local function bodies(script, path)
  local out = {}
  for _, request in ipairs(script.requests()) do
    if request.target:find(path, 1, true) then out[#out + 1] = request.body end
  end
  return out
end

describe("telemetry", function()
  local script, otel
  local function start(options)
    script = collector()
    local all = { endpoint = script.url, service = "spec" }
    for name, value in pairs(options or {}) do all[name] = value end
    otel = marea.otel(all)
    return otel
  end
  local function spans() return otlp.spans(bodies(script, "/v1/traces")) end
  local function metrics() return otlp.metrics(bodies(script, "/v1/metrics")) end
  after_each(function()
    if otel then otel:stop() end
    otel = nil
  end)

  local function desk(replies)
    local double = marea.tool { name = "double", parameters = { n = "integer" }, run = function(args)
      marea.sleep(0.002)
      return args.n * 2
    end }
    local fails = marea.tool { name = "fails", parameters = {}, run = function() error("secret words", 0) end }
    local other = marea.agent { client = agents.client { "from the other" }, name = "other" }
    return marea.agent { client = agents.client(replies), name = "desk", description = "Sorts", model = "m",
      tools = { double, fails }, handoffs = { other } }
  end

  it("has runs, steps, calls, tools and handoffs, each under what it is part of", function()
    start()
    marea.run(function()
      local agent = desk { agents.calling { { "double", { n = 2 } }, { "double", { n = 3 } }, { "fails" } },
        agents.calling { { "transfer_to_other", {} } } }
      assert(agent:run "secret words")
    end)
    local all = spans()
    local run = all["invoke_agent desk"]
    assert.is_nil(run.parentSpanId)
    assert.equal("spec", run.resource["service.name"])
    assert.same({ "invoke_agent", "desk", "Sorts", "done" }, { run.at["gen_ai.operation.name"],
      run.at["gen_ai.agent.name"], run.at["gen_ai.agent.description"], run.at["marea.stop"] })
    local count, tools = {}, 0
    for _, span in ipairs(all) do
      assert.equal(run.traceId, span.traceId)
      count[span.name] = (count[span.name] or 0) + 1
      if span.name:find("^chat") then
        assert.equal("step", span.parent.name)
        assert.equal(3, span.kind)
        assert.equal("chat", span.at["gen_ai.operation.name"])
      elseif span.name:find("^execute_tool") then
        tools = tools + 1
        assert.equal("invoke_agent desk", span.parent.name)
        assert.is_string(span.at["gen_ai.tool.call.id"])
      end
    end
    assert.equal(3, tools)
    assert.equal(3, count.step)
    assert.equal(2, count["execute_tool double"])
    assert.equal("tool_error", all["execute_tool fails"].at["error.type"])
    assert.equal(2, all["execute_tool fails"].status.code)
    assert.equal("other", all["handoff other"].at["marea.handoff.to"])
    for _, body in ipairs(bodies(script, "/v1/")) do assert.is_nil(body:find("secret words", 1, true)) end
  end)

  it("tells content where it was asked to", function()
    start { content = true }
    marea.run(function() desk({ agents.calling { { "double", { n = 2 } } }, "the answer" }):run "the question" end)
    local all = spans()
    assert.equal("4", all["execute_tool double"].at["gen_ai.tool.call.result"])
    assert.equal('{"n":2}', all["execute_tool double"].at["gen_ai.tool.call.arguments"])
    assert.is_truthy(all["chat m"].at["gen_ai.input.messages"]:find("the question", 1, true))
    assert.is_truthy(all[#all - 1].at["gen_ai.output.messages"] or all["chat m"].at["gen_ai.output.messages"])
  end)

  it("hands the trace on in headers, and says what was asked for and came", function()
    local body = '{"id":"c1","object":"chat.completion","created":1,"model":"m-2","choices":[{"index":0,"message":'
      .. '{"role":"assistant","content":"hola"},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,'
      .. '"completion_tokens":3,"total_tokens":10,"prompt_tokens_details":{"cached_tokens":2}}}'
    local provider = server.shared():script({ { { status = 200, body = body } } }, { repeat_last = true })
    start()
    marea.run(function()
      otel:span("mine", { answer = 42, list = { "a" } }, function()
        local client = marea.client { base_url = provider.base_url, model = "m" }
        assert(client:ask("hi", { temperature = 1, max_tokens = 5, stop = { "x" } }))
      end)
    end)
    local span = spans()["chat m"]
    local header
    for _, pair in ipairs(provider.requests()[1].headers) do
      if pair[1]:lower() == "traceparent" then header = pair[2] end
    end
    assert.equal(("00-%s-%s-01"):format(span.traceId, span.spanId), header)
    assert.equal("mine", span.parent.name)
    assert.equal(42, span.parent.at.answer)
    local want = { ["gen_ai.request.model"] = "m", ["gen_ai.response.model"] = "m-2", ["gen_ai.response.id"] = "c1",
      ["gen_ai.request.temperature"] = 1, ["gen_ai.request.max_tokens"] = 5, ["gen_ai.request.stop_sequences"] = "x",
      ["gen_ai.usage.input_tokens"] = 7, ["gen_ai.usage.output_tokens"] = 3,
      ["gen_ai.usage.cache_read.input_tokens"] = 2, ["gen_ai.response.finish_reasons"] = "stop",
      ["server.address"] = "127.0.0.1", ["server.port"] = provider.port, ["gen_ai.provider.name"] = "openai" }
    for name, value in pairs(want) do assert.equal(value, span.at[name], name) end
    local points = metrics()
    local tokens = points["gen_ai.client.token.usage"]
    table.sort(tokens, function(a, b) return a.sum < b.sum end)
    assert.same({ 3, "output", 7, "input" },
      { tokens[1].sum, tokens[1].at["gen_ai.token.type"], tokens[2].sum, tokens[2].at["gen_ai.token.type"] })
    assert.equal("1", points["gen_ai.client.operation.duration"][1].count)
    assert.is_nil(points["gen_ai.client.operation.time_to_first_chunk"])
  end)

  it("counts streams, with the time to their first chunk, and failures by kind", function()
    local provider = server.shared():script({ { { status = 404, body = "{}" } } }, { repeat_last = true })
    start { propagate = false }
    marea.run(function()
      local scripted = agents.client { { text = "one two", after = 0.01 } }
      local stream = assert(scripted.chat.completions:create { model = "m", stream = true,
        messages = { { role = "user", content = "x" } } })
      for _ in stream:text() do end
      marea.client { base_url = provider.base_url, model = "bad", max_retries = 0 }:ask "x"
    end)
    local all, points = spans(), metrics()
    assert.is_true(all["chat m"].at["gen_ai.request.stream"])
    assert.is_true(all["chat m"].at["gen_ai.response.time_to_first_chunk"] >= 0.005)
    assert.equal("1", points["gen_ai.client.operation.time_to_first_chunk"][1].count)
    assert.equal("not_found", all["chat bad"].at["error.type"])
    assert.equal(2, all["chat bad"].status.code)
    for _, pair in ipairs(provider.requests()[1].headers) do assert.not_equal("traceparent", pair[1]:lower()) end
  end)

  it("follows messages of a runtime from who sends to who handles", function()
    start()
    marea.run(function()
      local rt = marea.runtime()
      rt:register("a", function() return function(_, context) return context:send("b/1", 1) end end)
      rt:register("b", function() return function() return 2 end end)
      rt:subscribe("t", "b")
      rt:send("a/1", 1)
      rt:publish("t/9", 1)
      rt:wait()
    end)
    local all = spans()
    assert.equal("send a", all["process a"].parent.name)
    assert.equal("process a", all["send b"].parent.name)
    assert.equal("send b", all["process b"].parent.name)
    assert.equal(1, all["publish t"].at["marea.recipients"])
    assert.equal(4, all["publish t"].kind)
    assert.equal(5, all["process b"].kind)
  end)

  it("follows calls of servers of tools, and hands the trace on to them", function()
    start()
    local one = assert(marea.mcp { command = { "lua5.4", "spec/support/mcp_server.lua" } })
    marea.run(function() one:call("fail") end)
    one:close()
    local span = spans()["tools/call fail"]
    assert.equal("tools/call", span.at["mcp.method.name"])
    assert.equal("2025-11-25", span.at["mcp.protocol.version"])
    assert.equal("tool_error", span.at["error.type"])
  end)

  it("sends many in batches, in the background, and on demand", function()
    start { interval = 0.02 }
    marea.run(function()
      otel:span("first", nil, function() end)
      local over = core.now() + 5
      while #bodies(script, "/v1/traces") == 0 and core.now() < over do marea.sleep(0.01) end
      assert.equal(1, #spans())
      for i = 1, 1300 do otel:span("s" .. i, nil, function() end) end
      assert.is_true(otel:flush())
      assert.equal(1301, #spans())
      assert.is_true(#bodies(script, "/v1/traces") <= 6)
    end)
    assert.equal(0, otel.dropped)
  end)

  it("sends nothing in between where the interval is false, and all at the end", function()
    start { interval = false }
    marea.run(function()
      otel:span("first", nil, function() end)
      marea.sleep(0.02)
      assert.equal(0, #bodies(script, "/v1/traces"))
    end)
    assert.equal(1, #spans())
  end)

  it("written wrongly raises at the caller's line: where the collector is", function()
    local ok, err = pcall(function() local _ = marea.otel { endpoint = "no url" } end)
    assert.is_false(ok)
    assert.is_truthy(err:find("otel_spec.lua:%d+: marea.otel: base_url holds a space"), err)
    start()      -- it is not half on
  end)

  it("is bounded: what is more than the queue holds is counted", function()
    start()
    for i = 1, 3000 do otel:span("s" .. i, nil, function() end) end
    assert.equal(3000 - 2048, otel.dropped)
  end)

  it("says once that a collector is dead, which costs nothing more", function()
    local said = {}
    otel = marea.otel { endpoint = "http://127.0.0.1:9", on_error = function(err) said[#said + 1] = err.kind end }
    for _ = 1, 3 do
      marea.run(function() otel:span("x", nil, function() end) end)
    end
    assert.same({ "connection" }, said)
    assert.equal(3, otel.dropped)
    assert.equal("connection", select(2, otel:flush()).kind)
  end)

  it("leaves one that fails alone for a while", function()
    local failing = server.shared():script({ { { status = 503, body = "" } } }, { repeat_last = true })
    otel = marea.otel { endpoint = failing.url, on_error = function() end }
    for _ = 1, 3 do
      marea.run(function() otel:span("x", nil, function() end) end)
    end
    assert.equal(1, #failing.requests())
    assert.equal(3, otel.dropped)
  end)

  it("lets errors and results through as they are", function()
    start()
    local ok, err = pcall(otel.span, otel, "x", nil, function() error({ 1 }, 0) end)
    assert.is_false(ok)
    assert.same({ 1 }, err)
    assert.same({ n = 3, 1, nil, 3 }, { n = select("#", otel:span("x", nil, function() return 1, nil, 3 end)),
      otel:span("x", nil, function() return 1, nil, 3 end) })
  end)

  it("is one at a time, and off once stopped", function()
    start()
    local ok, err = pcall(function() local _ = marea.otel {} end)
    assert.is_false(ok)
    assert.is_truthy(err:find("otel_spec.lua", 1, true))
    otel:stop()
    local before = #script.requests()
    marea.run(function() desk({ "x" }):run "y" end)
    assert.equal(before, #script.requests())
  end)

  it("tells nobody of its own requests", function()
    start()
    local n = 0
    local undo = marea.on("llm.attempt", function() n = n + 1 end)
    otel:span("x", nil, function() end)
    assert.is_true(otel:flush())
    undo()
    assert.equal(0, n)
  end)
end)
