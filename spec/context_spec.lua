-- SPDX-License-Identifier: MIT
-- What of a conversation is sent: whole turns, calls with their results, and a
-- history that stays as it was.

local agents = require("spec.support.agents")
local history = require("marea.agent.history")
local marea = require("marea")

-- n turns: every second one calls two tools.
local function conversation(n, padding)
  local list = {}
  for i = 1, n do
    list[#list + 1] = { role = "user", content = "q" .. i .. (padding or "") }
    if i % 2 == 0 then
      list[#list + 1] = { role = "assistant", content = "", tool_calls = {
        { id = "a" .. i, type = "function", ["function"] = { name = "f", arguments = "{}" } },
        { id = "b" .. i, type = "function", ["function"] = { name = "f", arguments = "{}" } } } }
      list[#list + 1] = { role = "tool", tool_call_id = "a" .. i, content = "ra" }
      list[#list + 1] = { role = "tool", tool_call_id = "b" .. i, content = "rb" }
    end
    list[#list + 1] = { role = "assistant", content = "a" .. i }
  end
  return list
end

local function questions(messages)
  local out = {}
  for _, message in ipairs(messages) do
    if message.role == "user" then out[#out + 1] = message.content end
  end
  return table.concat(out, " ")
end

describe("a context policy", function()
  it("keeps the last turns whole", function()
    local kept = marea.context.last(2)(conversation(5))
    assert.equal("q4 q5", questions(kept))
    assert.equal("user assistant tool tool assistant user assistant", agents.roles(kept))
  end)

  it("keeps the first and the last turns whole", function()
    local kept = marea.context.head_tail(1, 2)(conversation(6))
    assert.equal("q1 q5 q6", questions(kept))
    assert.equal("q1 q2 q3", questions(marea.context.head_tail(1, 2)(conversation(3))))
  end)

  it("keeps what stands before the first turn", function()
    local list = conversation(3)
    table.insert(list, 1, { role = "system", content = "s" })
    assert.equal("system user assistant", agents.roles(marea.context.last(1)(list)))
    assert.equal("system", marea.context.tokens(30)(list)[1].role)
  end)

  it("keeps as many of the last turns as there are tokens for", function()
    local list = conversation(9)
    local one = 0
    for i = #list - 1, #list do one = one + marea.context.estimate(list[i]) end
    assert.equal("q9", questions(marea.context.tokens(one)(list)))
    assert.equal("q1 q2 q3 q4 q5 q6 q7 q8 q9", questions(marea.context.tokens(10000)(list)))
    local counted = marea.context.tokens(7, { count = function() return 1 end })(list)
    assert.equal("q8 q9", questions(counted))
  end)

  it("keeps of a turn that is too long its question and its last exchanges", function()
    local list = { { role = "user", content = "q" } }
    for i = 1, 20 do
      list[#list + 1] = { role = "assistant", content = "", tool_calls = {
        { id = "c" .. i, type = "function", ["function"] = { name = "f", arguments = "{}" } } } }
      list[#list + 1] = { role = "tool", tool_call_id = "c" .. i, content = "r" .. i }
    end
    local kept = marea.context.tokens(7, { count = function() return 1 end })(list)
    assert.equal("q", kept[1].content)
    assert.equal(7, #kept)
    assert.equal("r20", kept[7].content)
    assert(history.check(kept))
    kept = marea.context.tokens(1)(list)
    assert.equal("user assistant tool", agents.roles(kept))
    assert(history.check(kept))
  end)

  it("estimates four bytes to a token, calls and pictures too", function()
    assert.equal(4 + 25, marea.context.estimate { role = "user", content = ("x"):rep(100) })
    assert.is_true(marea.context.estimate { role = "user", content = { { type = "image_url" } } } > 500)
    assert.is_true(marea.context.estimate(conversation(2)[4]) > 20)
  end)

  -- Whatever is asked of them, what is left can be sent.
  it("never parts a call from its result", function()
    math.randomseed(7)
    for _ = 1, 300 do
      local list = conversation(math.random(1, 8), (" x"):rep(math.random(0, 30)))
      local policies = { marea.context.last(math.random(1, 9)), marea.context.tokens(math.random(1, 200)),
        marea.context.head_tail(math.random(1, 3), math.random(1, 3)) }
      for _, policy in ipairs(policies) do
        local kept = policy(list, { first = math.random(1, #list) > #list / 2 and #list or nil })
        assert(history.check(kept))
        assert.is_true(#kept > 0)
      end
    end
  end)

  it("sees a run that goes on as one turn, though the model was asked again in it", function()
    local agent = marea.agent { client = agents.client { "old", "no", '{"n":1}' }, context = marea.context.last(1),
      name = "a" }
    assert(agent:run "before")
    agent.output = require("marea.agent.output").new { n = "integer" }
    assert.equal(1, assert(agent:run "the question").output.n)
    local sent = agent.client.requests[3].messages
    assert.equal("user assistant user", agents.roles(sent))
    assert.equal("the question", sent[1].content)
    assert.equal(6, #agent.messages)           -- the history is whole
  end)

  it("still does where a person was asked meanwhile", function()
    local f = agents.tool("f", nil, { approve = true })
    local agent = marea.agent { client = agents.client { "old", agents.calling { { "f", id = "c" } }, "no", '{"n":1}' },
      context = marea.context.last(1), name = "a", tools = { f } }
    agent:run "before"
    local result = assert(agent:run "the question")
    agent.output = require("marea.agent.output").new { n = "integer" }
    result = assert(agent:resume(marea.json.decode(marea.json.encode(result)), { c = true }))
    assert.equal(1, result.output.n)
    assert.equal("the question", agent.client.requests[4].messages[1].content)
  end)

  it("that fails fails the run", function()
    local agent = marea.agent { client = agents.client {}, context = function() return nil, "no room" end }
    local result, err = agent:run "x"
    assert.is_nil(result)
    assert.equal("the context policy failed: no room", err.message)
    assert.equal(0, #agent.messages)
    agent.context = function() return "a text" end
    assert.equal("the context policy failed: it gave no list", select(2, agent:run "x").message)
  end)
end)

describe("marea.context.summarise", function()
  local function agent_of(replies, summaries, options)
    local all = { client = agents.client(summaries), above = 1, keep = 1 }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.agent { client = agents.client(replies), instructions = "Be brief.", name = "a",
      context = marea.context.summarise(all) }, all.client
  end

  it("sends a summary of all but the last turns, with the instructions", function()
    local agent, summariser = agent_of({ "a1", "a2" }, { { text = "They said hello.", usage = { total_tokens = 9 } } })
    agent:run "hello"
    assert.equal(0, #summariser.requests)
    local result = assert(agent:run "more")
    local sent = agent.client.requests[2].messages
    assert.equal("system user", agents.roles(sent))
    assert.equal("Be brief.\n\nSummary of the conversation before:\nThey said hello.", sent[1].content)
    assert.is_truthy(summariser.requests[1].messages[2].content:find("user: hello\nassistant: a1", 1, true))
    assert.equal(9, result.usage.total_tokens)
    assert.equal("user assistant user assistant", agents.roles(agent.messages))
  end)

  it("summarises only what is new, on top of the summary before, and is saved", function()
    local agent, summariser = agent_of({ "a1", "a2", "a3", "a4" }, { "one", "two" })
    agent:run "q1"
    agent:run "q2"
    local data = marea.json.decode(marea.json.encode(agent:save()))
    assert(agent:load(data))
    agent:run "q3"
    local asked = summariser.requests[2].messages[2].content
    assert.is_truthy(asked:find("Summary of what came before:\none", 1, true))
    assert.is_nil(asked:find("q1", 1, true))
    assert.is_truthy(asked:find("q2", 1, true))
    assert.is_nil(asked:find("q3", 1, true))
  end)

  it("does nothing while there is room", function()
    local agent, summariser = agent_of({ "a1", "a2" }, {}, { above = 1000 })
    agent:run "q1"
    agent:run "q2"
    assert.equal(0, #summariser.requests)
    assert.equal("system user assistant user", agents.roles(agent.client.requests[2].messages))
  end)

  it("that fails is the run's error, and nothing is lost", function()
    local agent = agent_of({ "a1", "a2" }, { { error = "server" }, "fine" })
    agent:run "q1"
    local result, err = agent:run "q2"
    assert.is_nil(result)
    assert.equal("server", err.kind)
    assert.equal("user assistant", agents.roles(agent.messages))
    assert.equal("a2", assert(agent:run "q2").output_text)
  end)
end)

describe("memory", function()
  it("is put before the model with each call, and never into the history", function()
    local memory = marea.memory.list():add("Ada likes tea."):add("Ada lives in Lugo.")
    local agent = marea.agent { client = agents.client { "a1", "a2" }, instructions = "Be brief.", memory = memory }
    agent:run "q1"
    memory:clear():add "Ada moved."
    agent:run "q2"
    local first, second = agent.client.requests[1].messages, agent.client.requests[2].messages
    assert.equal("Be brief.\n\nWhat you remember:\n- Ada likes tea.\n- Ada lives in Lugo.", first[1].content)
    assert.equal("Be brief.\n\nWhat you remember:\n- Ada moved.", second[1].content)
    assert.equal("system user assistant user", agents.roles(second))
    assert.equal("user assistant user assistant", agents.roles(agent.messages))
  end)

  it("is asked with what the user said, and may be anybody's", function()
    local asked
    local agent = marea.agent { client = agents.client { "a" }, memory = { query = function(_, text)
      asked = text
      return { { text = "from afar", score = 0.5 } }
    end } }
    agent:run "where?"
    assert.equal("where?", asked)
    assert.equal("What you remember:\n- from afar", agent.client.requests[1].messages[1].content)
  end)

  it("is only read, and one that fails is the run's error", function()
    local kept, err = { "Ada likes tea." }, nil
    local agent = marea.agent { client = agents.client { "a1", "a2", "a3" },
      memory = { query = function() return not err and kept or nil, err end } }
    agent:run "q1"
    agent:run "q2"
    assert.same({ "Ada likes tea." }, kept)
    err = "the index is gone"
    local result, failure = agent:run "q3"
    assert.is_nil(result)
    assert.equal("the memory failed: the index is gone", failure.message)
    assert.equal(2, #agent.client.requests)
    assert.equal("user assistant user assistant", agents.roles(agent.messages))
  end)

  it("keeps the last so many", function()
    local memory = marea.memory.list { max = 2 }
    memory:add("a"):add("b"):add("c")
    assert.same({ "b", "c" }, memory:query())
  end)
end)
