-- SPDX-License-Identifier: MIT
-- Models that stand in for each other: on which errors, never after output
-- began, and otherwise a client like any other.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local marea = require("marea")
local server = require("spec.support.server")

local function ask(client, params)
  local all = { messages = calls.MESSAGES }
  for key, value in pairs(params or {}) do all[key] = value end
  return client.chat.completions:create(all)
end

local function pair(first, second, options)
  local a, b = agents.client(first, { model = "a" }), agents.client(second, { model = "b" })
  local list = { a, b }
  for key, value in pairs(options or {}) do list[key] = value end
  return marea.fallback(list), a, b
end

describe("marea.fallback", function()
  it("asks the first, and nobody else while it answers", function()
    local client, a, b = pair({ "uno" }, {})
    assert.equal("uno", client:ask("x").output_text)
    assert.equal("a", a.requests[1].model)
    assert.equal(0, #b.requests)
  end)

  for _, kind in ipairs { "connection", "timeout", "rate_limit", "quota", "billing", "server" } do
    it("asks the next where the first fails with " .. kind, function()
      local client, a, b = pair({ { error = kind } }, { "dos" })
      assert.equal("dos", ask(client).output_text)
      assert.equal("b", b.requests[1].model)
      assert.equal(1, #a.requests)
    end)
  end

  for _, kind in ipairs { "bad_request", "authentication", "permission", "not_found", "content_filter" } do
    it("hands on " .. kind .. " as it is", function()
      local client, _, b = pair({ { error = kind } }, { "dos" })
      assert.equal(kind, select(2, ask(client)).kind)
      assert.equal(0, #b.requests)
    end)
  end

  it("asks the next on the kinds of error one names, and no others", function()
    local client = pair({ { error = "authentication" } }, { "dos" }, { on = { "authentication" } })
    assert.equal("dos", ask(client).output_text)
    client = pair({ { error = "server" } }, { "dos" }, { on = { "authentication" } })
    assert.equal("server", select(2, ask(client)).kind)
  end)

  it("fails with the last error, which has the earlier ones", function()
    local client = pair({ { error = "server" } }, { { error = "rate_limit" } })
    local result, err = ask(client)
    assert.is_nil(result)
    assert.equal("rate_limit", err.kind)
    assert.equal("server", err.earlier[1].kind)
  end)

  it("tries once each, besides what each retries itself", function()
    local f, g = server.shared():script { { { status = 503, headers = { ["retry-after-ms"] = "1" } } },
      { { status = 503, headers = { ["retry-after-ms"] = "1" } } } }, calls.replying()
    local client = marea.fallback { calls.client_of(f, { max_retries = 1 }), calls.client_of(g) }
    assert.equal("hola", ask(client).output_text)
    assert.equal(2, #f.requests())
    assert.equal(1, #g.requests())
  end)

  describe("of a stream", function()
    it("asks the next where it breaks before it said anything", function()
      local f, g = server.shared():script { { { sse = { server.chunk_json { role = "assistant" },
        '{"error":{"message":"overloaded","code":503}}' } } } }, calls.replying()
      local client = marea.fallback { calls.client_of(f), calls.client_of(g) }
      assert.equal("hola", assert(assert(ask(client, { stream = true })):result()).output_text)
      assert.equal(1, #f.requests())
    end)

    it("never does once output began", function()
      local client, _, b = pair({ { text = "un", error = "server" } }, { "dos" })
      local stream = assert(ask(client, { stream = true }))
      local result, err = stream:result()
      assert.is_nil(result)
      assert.equal("stream", err.kind)
      assert.equal("un", err.partial.output_text)
      assert.equal(0, #b.requests)
    end)

    it("gives all of it, however it is read", function()
      local function open() return assert(ask((pair({ { text = "uno dos" } }, {})), { stream = true })) end
      local text = {}
      for piece in open():text() do text[#text + 1] = piece end
      assert.same({ "uno", " dos" }, text)
      local n = 0
      for event in open():events() do n = n + (event.type == "text" and 1 or 0) end
      assert.equal(2, n)
      local plain = assert(ask(agents.client({ { text = "uno dos" } }, { model = "a" }), { stream = true }))
      local wanted, got = {}, {}
      for chunk in plain:chunks() do wanted[#wanted + 1] = marea.json.encode(chunk, { sort = true }) end
      for chunk in open():chunks() do got[#got + 1] = marea.json.encode(chunk, { sort = true }) end
      assert.same(wanted, got)
    end)
  end)

  it("has whatever its clients have", function()
    local client, a = pair({ "uno", "dos" }, {})
    assert.equal("uno", client.responses:create({ input = "x" }).output_text)
    assert.equal("dos", client:with({ timeout = 5 }):ask("x").output_text)
    assert.equal(2, #a.requests)
    assert.equal(a.preset, client.preset)
  end)

  it("raises at the caller's line what was called wrongly", function()
    local client = pair({}, {})
    local err = calls.failure(function() client.chat.completions:create {} end)
    assert.is_truthy(err:find("^spec/fallback_spec.lua:%d+: client.chat.completions:create, messages"), err)
    err = calls.failure(function() marea.fallback { on = {} } end)
    assert.is_truthy(err:find("^spec/fallback_spec.lua:%d+: marea.fallback expects a list of clients"), err)
    err = calls.failure(function() pair({}, {}, { on = { "servers" } }) end)
    assert.is_truthy(err:find('there is no kind of error "servers"', 1, true), err)
    err = calls.failure(function() marea.fallback { client, on = "server" } end)
    assert.is_truthy(err:find("^spec/fallback_spec.lua:%d+: marea.fallback, on: expected a table"), err)
    err = calls.failure(function() marea.fallback { client, kinds = { "server" } } end)
    assert.is_truthy(err:find('^spec/fallback_spec.lua:%d+: marea.fallback: unknown option "kinds"'), err)
  end)

  it("serves an agent, whose schema is asked for as all can be asked", function()
    local function client_with(mode, replies)
      return agents.client(replies, { provider = marea.provider { base_url = "http://127.0.0.1/v1",
        structured_output = mode } })
    end
    local a, b = client_with("json_schema", { { error = "server" } }), client_with("prompt", { '{"n":1}' })
    local agent = marea.agent { client = marea.fallback { a, b }, output = { n = "integer" } }
    assert.equal(1, assert(agent:run "x").output.n)
    assert.is_nil(a.requests[1].response_format)
    local told = {}
    local off = marea.on("llm.call", function(event) told[#told + 1] = event.agent end)
    local other = marea.agent { client = (pair({ { error = "server" } }, { "dos" })), name = "o" }
    other:run "x"
    off()
    assert.same({ "o", "o" }, told)
  end)
end)
