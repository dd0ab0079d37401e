-- SPDX-License-Identifier: MIT
-- What streams really look like, through the loop of an agent, over a socket:
-- each case is one that some framework gets wrong.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local marea = require("marea")
local server = require("spec.support.server")

local USAGE = '{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}'

local function fragment(index, fields)
  local f = {}
  if fields.name then f[#f + 1] = ('"name":%s'):format(marea.json.encode(fields.name)) end
  if fields.arguments then f[#f + 1] = ('"arguments":%s'):format(marea.json.encode(fields.arguments)) end
  local id = fields.id and ('"id":"%s","type":"function",'):format(fields.id) or ""
  return ('{"index":%d,%s"function":{%s}}'):format(index, id, table.concat(f, ","))
end

local function delta(fragments, content)
  return server.chunk_json { content = content, tool_calls = "[" .. table.concat(fragments, ",") .. "]" }
end

local ENDED = server.chunk_json { content = "done", finish = "stop" }

describe("over the wire, an agent", function()
  local s
  setup(function() s = server.shared() end)

  -- An agent whose first answer is these chunks, and whose second ends it.
  local function agent_of(chunks, options)
    local first = { sse = chunks }
    if first.sse[#chunks] ~= "[DONE]" then first.sse[#chunks + 1] = "[DONE]" end
    local f = s:script { { first }, { { sse = { ENDED, "[DONE]" } } } }
    local tool, seen = agents.tool("f")
    local all = { client = calls.client_of(f), tools = { tool }, name = "a" }
    for name, value in pairs(options or {}) do all[name] = value end
    return marea.agent(all), seen, f
  end

  local function finish(reason) return server.chunk_json { finish = reason or "tool_calls" } end

  it("runs calls that share a delta with text, and keeps the text", function()
    local agent, seen = agent_of { delta({ fragment(0, { id = "c1", name = "f", arguments = '{"x":1}' }) }, "I look"),
      finish() }
    local result = assert(agent:stream("go"):result())
    assert.same({ { x = 1 } }, seen)
    assert.equal("I look", result.messages[2].content)
  end)

  it("doesn't glue ids and names that are repeated", function()
    local again = { id = "c1", name = "f", arguments = "" }
    local agent, seen = agent_of { delta { fragment(0, again) },
      delta { fragment(0, { id = "c1", name = "f", arguments = '{"x"' }) },
      delta { fragment(0, { id = "c1", name = "f", arguments = ":2}" }) }, finish() }
    local result = assert(agent:stream("go"):result())
    assert.same({ { x = 2 } }, seen)
    assert.equal("c1", result.messages[2].tool_calls[1].id)
    assert.equal("f", result.messages[2].tool_calls[1]["function"].name)
  end)

  it("keeps the reason to stop where usage rides on the same chunk", function()
    local agent, seen = agent_of { delta { fragment(0, { id = "c1", name = "f", arguments = '{"x":1}' }) },
      server.chunk_json { finish = "length", usage = USAGE } }
    local result = assert(agent:stream("go"):result())
    assert.equal("length", result.stop)
    assert.equal(7, result.usage.total_tokens)
    assert.same({}, seen)
  end)

  it("takes the usage that comes after the end, and stop for calls", function()
    local agent, seen = agent_of { delta { fragment(0, { id = "c1", name = "f", arguments = '{"x":1}' }) },
      finish "stop", server.chunk_json { choices = "[]", usage = USAGE } }
    local result = assert(agent:stream("go"):result())
    assert.equal(7, result.usage.total_tokens)
    assert.same({ { x = 1 } }, seen)
  end)

  it("runs nothing on arguments that merely parsed so far", function()
    local pieces = { "1", "2", '{"x":1}', " ", '{"y":2}' }
    local chunks = { delta { fragment(0, { id = "c1", name = "f", arguments = "" }) } }
    for _, piece in ipairs(pieces) do chunks[#chunks + 1] = delta { fragment(0, { arguments = piece }) } end
    chunks[#chunks + 1] = finish()
    local agent, seen = agent_of(chunks)
    local result = assert(agent:stream("go"):result())
    assert.same({}, seen)
    assert.is_truthy(agents.results(result.messages)[1]:find("^Error: the arguments don't fit: they are not JSON"))

    local whole = { '{"x":1', "2", "3", "}" }
    chunks = { delta { fragment(0, { id = "c1", name = "f", arguments = "" }) } }
    for _, piece in ipairs(whole) do chunks[#chunks + 1] = delta { fragment(0, { arguments = piece }) } end
    chunks[#chunks + 1] = finish()
    agent, seen = agent_of(chunks)
    assert(agent:stream("go"):result())
    assert.same({ { x = 123 } }, seen)
  end)

  it("runs nothing of a stream that breaks after its calls", function()
    local f = s:script { { { sse = { delta { fragment(0, { id = "c1", name = "f", arguments = '{"x":1}' }) } },
      open = true }, { rst = true } } }
    local tool, seen = agents.tool("f")
    local agent = marea.agent { client = calls.client_of(f), tools = { tool } }
    local result, err = agent:stream("go"):result()
    assert.is_nil(result)
    assert.is_truthy(err.kind == "truncated" or err.kind == "connection", err.kind)
    assert.same({}, seen)
    assert.equal(0, #agent.messages)
  end)

  it("makes three requests for a call that is tried three times, and not one more", function()
    local busy = { status = 503, headers = { ["retry-after-ms"] = "1" } }
    local f = s:script({ { busy } }, { repeat_last = true })
    for _, options in ipairs { {}, { output = { n = "integer" } } } do
      local before = #f.requests()
      local all = { client = calls.client_of(f, { max_retries = 2 }), name = "a", output = options.output }
      local result, err = marea.agent(all):run "go"
      assert.is_nil(result)
      assert.equal("server", err.kind)
      assert.equal(3, #err.attempts)
      assert.equal(before + 3, #f.requests())
    end
  end)

  it("sends reasoning back where the preset says so, and only there", function()
    local chunks = { server.chunk_json { reasoning_content = "hm" },
      delta { fragment(0, { id = "c1", name = "f", arguments = "{}" }) }, finish() }
    for echo, wanted in pairs { tool_calls = "hm", none = "nil" } do
      local f = s:script { { { sse = { chunks[1], chunks[2], chunks[3], "[DONE]" } } },
        { { sse = { ENDED, "[DONE]" } } } }
      local preset = marea.provider { base_url = f.base_url, reasoning = { echo = echo } }
      local agent = marea.agent { client = marea.client { provider = preset, model = "m" },
        tools = { (agents.tool("f")) } }
      assert(agent:stream("go"):result())
      local sent = marea.json.decode(f.requests()[2].body).messages[2]
      assert.equal(wanted, tostring(sent.reasoning_content))
      assert.equal("hm", agent.messages[2].reasoning_content)
    end
  end)
end)
