-- SPDX-License-Identifier: MIT
-- Answers that fit a schema: however a model is asked for one, what comes is
-- checked, and asked for again when it doesn't do.

local agents = require("spec.support.agents")
local marea = require("marea")
local server = require("spec.support.server")

local PERSON = { name = "string", age = "integer" }
local GOOD = '{"name": "Ada", "age": 36}'

local function agent_of(replies, options)
  local all = { client = replies and agents.client(replies), name = "a", output = PERSON }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.agent(all)
end

local function client_with(mode, replies)
  return agents.client(replies, { provider = marea.provider { base_url = "http://127.0.0.1/v1",
    structured_output = mode } })
end

describe("structured output", function()
  -- mode, how the answer comes, what the request holds
  local ways = {
    { "json_schema", GOOD, function(r)
      return r.response_format.json_schema.schema.properties.age.type == "integer" and r.tools == nil
    end },
    { "json_object", GOOD, function(r)
      return r.response_format.type == "json_object" and r.messages[1].content:find("JSON Schema", 1, true)
    end },
    { "tool", agents.calling { { "final_answer", GOOD } }, function(r)
      return r.tools[1]["function"].name == "final_answer" and r.response_format == nil
    end },
    { "prompt", GOOD, function(r)
      return r.response_format == nil and r.tools == nil and r.messages[1].content:find('"integer"', 1, true)
    end },
  }
  for _, way in ipairs(ways) do
    it("is asked for by " .. way[1] .. " where the preset says so", function()
      local agent = agent_of(nil, { client = client_with(way[1], { way[2] }), instructions = "Extract." })
      local result = assert(agent:run "Ada, 36")
      assert.same({ name = "Ada", age = 36 }, result.output)
      assert.equal("done", result.stop)
      assert.is_truthy(way[3](agent.client.requests[1]))
      agents.is_valid(agent)
    end)

    it("is asked for by " .. way[1] .. " where the agent says so, streamed, and grows", function()
      local agent = agent_of({ way[2] }, { output_mode = way[1] })
      local seen = {}
      for event in agent:stream "Ada, 36" do
        if event.type == "partial" then seen[#seen + 1] = marea.json.encode(event.value, { sort = true }) end
      end
      assert.equal("{}", seen[1])
      assert.equal('{"age":36,"name":"Ada"}', seen[#seen])
      assert.is_true(#seen >= 3)
    end)
  end

  it("is shown from where it begins, whatever was in brackets before", function()
    local seen = {}
    for event in agent_of { "Sure [see below], as in [1]: " .. GOOD }:stream "x" do
      if event.type == "partial" then seen[#seen + 1] = marea.json.encode(event.value, { sort = true }) end
      if event.type == "done" then assert.same({ name = "Ada", age = 36 }, event.result.output) end
    end
    assert.equal("{}", seen[1])
    assert.equal('{"age":36,"name":"Ada"}', seen[#seen])
  end)

  it("is asked for in words once the guess that response_format is known was wrong", function()
    local agent = agent_of { { error = "bad_request" }, GOOD, GOOD }
    assert.same("Ada", assert(agent:run "x").output.name)
    assert.same("Ada", assert(agent:run "y").output.name)
    local requests = agent.client.requests
    assert.equal(3, #requests)
    assert.is_table(requests[1].response_format)
    assert.is_nil(requests[2].response_format)
    assert.is_nil(requests[3].response_format)
  end)

  it("is not guessed about again where the preset knows", function()
    local agent = agent_of(nil, { client = client_with("json_schema", { { error = "bad_request" } }) })
    local result, err = agent:run "x"
    assert.is_nil(result)
    assert.equal("bad_request", err.kind)
  end)

  local read = {
    { "plain", GOOD }, { "in a fence", "```json\n" .. GOOD .. "\n```" },
    { "in a fence without a name", "```\n" .. GOOD .. "```" },
    { "with words around it", "Here it is:\n" .. GOOD .. "\nHope it helps." },
    { "in a fence with words", "Sure!\n\n```json\n{\n\"name\": \"Ada\",\n\"age\": 36.0\n}\n```\nBye." },
    { "with white space", "\n  " .. GOOD .. "  \n" },
  }
  for _, case in ipairs(read) do
    it("is read " .. case[1], function()
      assert.same({ name = "Ada", age = 36 }, assert(agent_of({ case[2] }):run "x").output)
    end)
  end

  local repairs = {
    { "no JSON", "Ada is 36.", "it is not JSON" },
    { "JSON that doesn't fit", '{"name":"Ada"}', '"age" is missing' },
    { "nothing", "", "the answer is empty" },
  }
  for _, case in ipairs(repairs) do
    it("that is " .. case[1] .. " is asked for again, with what is wrong", function()
      local agent = agent_of { case[2], GOOD }
      local result = assert(agent:run "x")
      assert.equal("Ada", result.output.name)
      assert.equal(2, result.steps)
      local sent = agent.client.requests[2].messages
      assert.is_truthy(sent[#sent].content:find(case[3], 1, true), sent[#sent].content)
      agents.is_valid(agent)
    end)
  end

  it("given by the tool with what doesn't fit is asked for again", function()
    local agent = agent_of({ agents.calling { { "final_answer", { name = "Ada" } } },
      agents.calling { { "final_answer", { name = "Ada", age = 36 } } } }, { output_mode = "tool" })
    local result = assert(agent:run "x")
    assert.equal(36, result.output.age)
    assert.is_truthy(agents.results(result.messages)[1]:find('"age" is missing', 1, true))
    agents.is_valid(agent)
  end)

  it("is asked for again only so many times, and then is an error with all there is", function()
    for retries, steps in pairs { [0] = 1, [1] = 2 } do
      local agent = agent_of({ "no", "nor this", "nor that" }, { output_retries = retries })
      local result, err = agent:run "x"
      assert.is_nil(result)
      assert.equal("validation", err.kind)
      assert.equal(steps, #agent.client.requests)
      assert.equal(steps, err.result.steps)
      agents.is_valid(agent)
    end
    assert.equal("validation", select(2, agent_of({ "a", "b", "c" }):run "x").kind)
    local by_tool = agent_of({ agents.calling { { "final_answer", { name = 1 } } },
      agents.calling { { "final_answer", { name = 2 } } } }, { output_mode = "tool", output_retries = 1 })
    assert.equal("validation", select(2, by_tool:run "x").kind)
  end)

  it("given by the tool beside a call that waits is not lost when the run goes on", function()
    local function made(replies)
      local f = agents.tool("f", nil, { approve = true })
      return agent_of(replies, { output_mode = "tool", tools = { f } })
    end
    local asking = made { agents.calling { { "final_answer", GOOD }, { "f" } } }
    local data = marea.json.decode(marea.json.encode(asking:run "x"))
    assert.equal("pending", data.stop)
    local result = assert(made({}):resume(data, { [data.pending[1].id] = true }))
    assert.same({ "done", { name = "Ada", age = 36 } }, { result.stop, result.output })
  end)

  it("is not asked for again when it was cut, or refused: these are said", function()
    local agent = agent_of { { text = '{"name":"A', finish_reason = "length" }, { refusal = "no" } }
    local result = assert(agent:run "x")
    assert.equal("length", result.stop)
    assert.is_nil(result.output)
    assert.equal('{"name":"A', result.output_text)
    result = assert(agent:run "x")
    assert.equal("refusal", result.stop)
    assert.equal("no", result.refusal)
    assert.equal(2, #agent.client.requests)
  end)

  it("may be other than an object: it is wrapped on the wire, and not in the result", function()
    for _, answer in ipairs { '{"value":["a","b"]}', '["a","b"]' } do
      local agent = agent_of({ answer }, { output = "string[]" })
      assert.same({ "a", "b" }, assert(agent:run "x").output)
      assert.equal("array", agent.client.requests[1].response_format.json_schema.schema.properties.value.type)
    end
    assert.equal(3, assert(agent_of({ '{"value":3.0}' }, { output = "integer" }):run "x").output)
  end)

  it("comes after tools were used", function()
    local f = agents.tool("f")
    for _, mode in ipairs { "json_schema", "tool" } do
      local last = mode == "tool" and agents.calling { { "final_answer", GOOD } } or GOOD
      local agent = agent_of({ agents.calling { { "f" } }, last }, { tools = { f }, output_mode = mode })
      assert.equal("Ada", assert(agent:run "x").output.name)
      agents.is_valid(agent)
    end
  end)

  it("passes guardrails, and is gone where one says so", function()
    local agent = agent_of({ agents.calling { { "final_answer", GOOD } } }, { output_mode = "tool",
      guardrails = { output = { function(text, about)
        return text:find("Ada") and about.output.age == 36 and "no Ada"
      end } } })
    local result = assert(agent:run "x")
    assert.equal("guardrail", result.stop)
    assert.is_nil(result.output)
    assert.equal("user", agents.roles(agent.messages))
  end)

  -- What ends a run, or has it wait, beside an answer given by the tool.
  local function late(_, context) return context.step == 2 and "no" end
  local no = { function() return "no" end }
  for stop, case in pairs {
    usage_limit = { usage_limits = { tool_calls = 1 } },
    guardrail = { guardrails = { tool = { late }, output = no } },
    repeated_calls = { max_repeats = 1 },
    pending = { approve = late },
  } do
    it("is not there before guardrails have looked at it: " .. stop, function()
      local f = agents.tool("f", nil, { approve = case.approve })
      local options = { output_mode = "tool", tools = { f }, guardrails = { output = no } }
      for name, value in pairs(case) do options[name] = name ~= "approve" and value or nil end
      local replies = { agents.calling { { "f" } }, agents.calling { { "final_answer", GOOD }, { "f" } } }
      local result = assert(agent_of(replies, options):run "x")
      assert.same({ stop }, { result.stop, result.output })
    end)
  end

  it("is not there while a guardrail still looks at it", function()
    for mode, reply in pairs { tool = agents.calling { { "final_answer", GOOD } }, prompt = GOOD } do
      local looks = marea.queue()
      local agent = agent_of({ reply }, { output_mode = mode, guardrails = { output = { function()
        looks:put(true)
        marea.sleep(30)
      end } } })
      marea.run(function()
        local stream = agent:stream "x"
        local reader = marea.spawn(function() return stream:result() end)
        looks:get()
        stream:close()
        reader:cancel()
        assert.same({ "cancelled" }, { stream:result().stop, stream:result().output })
      end)
    end
  end)

  it("says strict only where the preset does, and the schema can be", function()
    local client = agents.client({ GOOD }, { provider = "openai" })
    agent_of(nil, { client = client }):run "x"
    assert.is_true(client.requests[1].response_format.json_schema.strict)
    local loose = agents.client({ "{}" }, { provider = "openai" })
    agent_of(nil, { client = loose, output = { name = "string?" } }):run "x"
    assert.is_nil(loose.requests[1].response_format.json_schema.strict)
    local nulls = agents.client({ "{}" }, { provider = "openai" })
    local made = marea.json.decode '{"type":"object","properties":{"a":{}},"required":null,"$defs":null}'
    agent_of(nil, { client = nulls, output = made }):run "x"
    assert.is_nil(nulls.requests[1].response_format.json_schema.strict)
    local other = agent_of { GOOD }
    other:run "x"
    assert.is_nil(other.client.requests[1].response_format.json_schema.strict)
  end)

  it("works over a real socket", function()
    local s = server.shared()
    local agent = marea.agent { client = marea.client { base_url = s.base_url, model = "bundled-echo" },
      output = { city = "string", degrees = "number" } }
    local result = assert(agent:run "city=Lugo degrees=21")
    assert.same({ city = "Lugo", degrees = 21 }, result.output)
  end)
end)
