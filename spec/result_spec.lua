-- SPDX-License-Identifier: MIT
-- What a call returns: the wire's JSON, and fields that are computed from it
-- and stored nowhere.

local agents = require("spec.support.agents")
local marea = require("marea")
local json = require("marea.json")
local result = require("marea.result")
local server = require("spec.support.server")

local function of(text)
  return result.new(assert(json.decode(text)))
end

local function encode(value)
  return json.encode(value, { sort = true })
end

local function message(fields)
  return '{"id":"c","choices":[{"index":0,"message":{"role":"assistant",' .. fields .. '},"finish_reason":"stop"}]}'
end

describe("a result", function()
  it("has its text as output_text, and as its tostring", function()
    assert.equal("Hi", of(message('"content":"Hi"')).output_text)
    assert.equal("Hi", tostring(of(message('"content":"Hi"'))))
    assert.equal("ab", of(message('"content":[{"type":"text","text":"a"},"b",{"type":"image"}]')).output_text)
    assert.equal("t", of('{"choices":[{"text":"t"}]}').output_text)
    assert.equal("spoken", of('{"text":"spoken"}').output_text)
    assert.equal("xy", of('{"output":[{"type":"message","content":[{"type":"output_text","text":"x"},'
      .. '{"type":"output_text","text":"y"}]}]}').output_text)
  end)

  it("has empty text where it has none, whatever is in its place", function()
    for _, text in ipairs({ "{}", '{"choices":[]}', '{"choices":null}', '{"choices":[null]}', '{"choices":[{}]}',
        '{"choices":[{"message":null}]}', message('"content":null'), message('"content":3'), '{"text":null}',
        '{"output":[]}', '{"output":[null,{"content":null},{"content":[null,{"type":"output_text"}]}]}', "[]" }) do
      assert.equal("", of(text).output_text, text)
      assert.equal("", tostring(of(text)), text)
      assert.is_nil(of(text).reasoning_text, text)
      assert.same({}, of(text).tool_calls, text)
    end
  end)

  it("has reasoning_text, wherever the provider says it", function()
    for _, fields in ipairs({ '"reasoning_content":"r"', '"reasoning":"r"', '"thinking":"r"',
        '"reasoning":"r","reasoning_content":"r"', '"reasoning":null,"reasoning_content":"r"',
        '"reasoning_details":[{"type":"reasoning.text","text":"r"}]',
        '"content":[{"type":"thinking","thinking":"r"},{"type":"text","text":"a"}]' }) do
      assert.equal("r", of(message(fields)).reasoning_text, fields)
    end
    assert.is_nil(of(message('"content":"a"')).reasoning_text)
  end)

  it("has tool_calls, decoded where they parse", function()
    local calls = of(message('"content":null,"tool_calls":[{"id":"a","type":"function","function":{"name":"f",'
      .. '"arguments":"{\\"x\\":[]}"}},{"id":"b","function":{"name":"g","arguments":"{"}},'
      .. '{"id":"c","function":{"name":"h"}},{"id":"d","function":{"name":"i","arguments":{"y":1}}}]')).tool_calls
    assert.equal(4, #calls)
    assert.same({ "a", "f", '{"x":[]}' }, { calls[1].id, calls[1].name, calls[1].arguments_json })
    assert.equal('{"x":[]}', encode(calls[1].arguments))
    assert.is_nil(calls[2].arguments)
    assert.equal("{", calls[2].arguments_json)
    assert.same({}, calls[3].arguments)
    assert.same({ y = 1 }, calls[4].arguments)
    local item = of('{"output":[{"type":"function_call","id":"fc","call_id":"c1","name":"f","arguments":"{}"}]}')
    assert.equal("f", item.tool_calls[1].name)
    assert.equal("c1", item.tool_calls[1].id)
  end)

  it("stores and encodes none of what it computes", function()
    local text = message('"content":"Hi","reasoning_content":"r","tool_calls":[]')
    local r = of(text)
    local before = encode(json.decode(text))
    local _ = r.output_text .. r.reasoning_text .. #r.tool_calls .. tostring(r) .. tostring(r.response)
    assert.equal(before, encode(r))
    for name in pairs(r) do assert.is_true(name == "id" or name == "choices", name) end
  end)

  it("never hides a wire field of the same name", function()
    local r = of('{"output_text":"wire","reasoning_text":null,"tool_calls":3,"response":{"a":1},"text":"t"}')
    assert.equal("wire", r.output_text)
    assert.equal(marea.null, r.reasoning_text)
    assert.equal(3, r.tool_calls)
    assert.same({ a = 1 }, r.response)
    assert.equal("wire", tostring(r))
  end)

  it("can be printed though its output_text on the wire is no string", function()
    assert.equal("t", tostring(of('{"output_text":null,"text":"t"}')))
    assert.equal("x", tostring(of('{"output_text":[],"choices":[{"message":{"content":"x"}}]}')))
  end)

  it("gives what was a bare array as data", function()
    local r = of('[{"id":"m1"},{"id":"m2"}]')
    assert.equal("m2", r.data[2].id)
    assert.equal('{"data":[{"id":"m1"},{"id":"m2"}]}', encode(r))
    assert.equal('{"data":[]}', encode(of("[]")))
  end)

  it("has nil for fields it does not have", function()
    assert.is_nil(of("{}").usage)
    assert.is_nil(of("{}").metatable)
  end)

  it("keeps JSON as it was: [], {}, integers, big ones, null", function()
    local text = '{"a":[],"b":{},"c":3,"d":3.5,"e":9007199254740993,"f":null,"g":[[],{}],"h":""}'
    assert.equal(text, encode(of(text)))
  end)
end)

describe("a result of a call", function()
  local function client_of(reply, options)
    local f = server.shared():script(reply, options)
    return marea.client({ base_url = f.base_url, model = "m", max_retries = 0 }), f
  end

  it("says how the answer came", function()
    local client = client_of({ { { status = 201, body = message('"content":"Hi"'), headers = {
      ["X-Request-Id"] = "req_1", ["x-ratelimit-limit-requests"] = "100", ["x-ratelimit-remaining-requests"] = "99",
      ["x-ratelimit-reset-requests"] = "1s", ["retry-after"] = "3" } } } })
    local r = assert(client:ask("x"))
    assert.equal(201, r.response.status)
    assert.equal("req_1", r.response.request_id)
    assert.equal("req_1", r.response.headers["x-request-id"])
    assert.same({ limit = 100, remaining = 99, reset = 1, retry_after = 3 }, r.response.rate_limit)
    assert.equal(encode(json.decode(message('"content":"Hi"'))), encode(r))
  end)

  it("has no rate limits where the server says none", function()
    local client = client_of({ { { status = 200, body = message('"content":"Hi"') } } })
    assert.is_nil(assert(client:ask("x")).response.rate_limit)
  end)

  for base, known in pairs({ ["/saptiva/v1"] = { model = "Saptiva Turbo", key = "<TU_API_KEY>" },
    ["/gradientesur/functions/v1"] = { model = "Qwen/Qwen3-1.7B", key = "tu_clave_api" } }) do
    it("goes back as a message with its `tool_calls: []`, under " .. base, function()
      local f = server.shared():script({}, { serve = true })
      local client = marea.client({ base_url = f.url .. base, model = known.model, api_key = known.key })
      local params = { messages = { { role = "user", content = "Hola" } }, max_tokens = 9, temperature = 1, top_p = 1 }
      local first = assert(client.chat.completions:create(params))
      assert.equal("[]", encode(first.choices[1].message.tool_calls))
      params.messages[2] = first.choices[1].message
      params.messages[3] = { role = "user", content = "Otra" }
      assert(client.chat.completions:create(params))
      local sent = json.decode(f.requests()[2].body).messages[2]
      assert.equal(encode(first.choices[1].message), encode(sent))
    end)
  end

  it("keeps fields nobody knows, at any depth, and null", function()
    local client = client_of({ { { status = 200, body = '{"zz":{"k":[null]},"error":null,"choices":[{"x":[],"message":'
      .. '{"content":"a","role":"assistant"}}]}' } } })
    local r = assert(client:ask("x"))
    assert.equal('{"k":[null]}', encode(r.zz))
    assert.equal(marea.null, r.error)
    assert.equal("[]", encode(r.choices[1].x))
  end)

  it("whose error is null, false, {} or \"\" is a success", function()
    for _, value in ipairs({ "null", "false", "{}", '""', '{"message":null}' }) do
      local client = client_of({ { { status = 200, body = '{"error":' .. value
        .. ',"status":200,"choices":[{"message":{"content":"ok"}}]}' } } })
      assert.equal("ok", tostring(assert(client:ask("x"))))
    end
  end)

  it("is an error where a 200 holds one", function()
    for _, body in ipairs({ '{"error":{"message":"boom","code":"c1"}}', '{"error":"boom","choices":null}',
        '{"object":"error","message":"boom"}', '{"detail":"boom"}' }) do
      local r, err = client_of({ { { status = 200, body = body } } }):ask("x")
      assert.is_nil(r)
      assert.equal("boom", err.message)
      assert.equal(200, err.status)
    end
  end)

  it("is `protocol` where a 200 is empty, has no choices, or is no JSON object", function()
    for _, body in ipairs({ "", " ", '{"choices":null}', "{}", '"text"', "3" }) do
      local r, err = client_of({ { { status = 200, body = body,
        headers = { ["content-type"] = "application/json" } } } }):ask("x")
      assert.is_nil(r, body)
      assert.equal("protocol", err.kind, body)
    end
    local r, err = client_of({ { { status = 204 } } }):ask("x")
    assert.is_nil(r)
    assert.same({ "protocol", 204 }, { err.kind, err.status })
  end)

  it("is `protocol` where a response has no output", function()
    for _, body in ipairs { "{}", "[]", '{"object":"response","status":"completed"}', '{"output":null}' } do
      for _, streamed in ipairs { false, true } do
        local client = client_of({ { { status = 200, body = body } } })
        local r, err = client.responses:create { input = "x", stream = streamed }
        if r then r, err = r:result() end
        assert.is_nil(r, body)
        assert.equal("protocol", err.kind, body)
      end
    end
  end)

  it("has no body where there was no answer", function()
    local _, err = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m", max_retries = 0 }:ask "x"
    assert.equal("connection", err.kind)
    assert.is_nil(err.body)
  end)

  it("is `decode` where a 200 is no JSON, and the message quotes nothing of it", function()
    local r, err = client_of({ { { status = 200, body = '{"choices": secret}',
      headers = { ["content-type"] = "application/json" } } } }):ask("x")
    assert.is_nil(r)
    assert.equal("decode", err.kind)
    assert.is_nil(tostring(err):find("secret", 1, true))
    assert.equal('{"choices": secret}', err.body)
  end)

  it("is a success with empty text where the model said nothing", function()
    local r = assert(client_of({ { { status = 200, body = message('"content":""') } } }):ask("x"))
    assert.equal("", r.output_text)
  end)

  it("may lack finish_reason, or have null for it", function()
    for _, body in ipairs({ '{"choices":[{"message":{"content":"a"}}]}',
        '{"choices":[{"message":{"content":"a"},"finish_reason":null}]}' }) do
      assert.equal("a", tostring(assert(client_of({ { { status = 200, body = body } } }):ask("x"))))
    end
  end)
end)

describe("what succeeds", function()
  local function one(what, ...)
    assert.equal(1, select("#", ...), what .. " gives " .. select("#", ...) .. " values")
    assert.is_truthy((...), what)
  end

  local function client_of(n)
    local replies = {}
    for i = 1, n do replies[i] = "Hi" end
    return agents.client(replies)
  end

  it("gives one value: of a client, also one that stands in or is listened to", function()
    local client = client_of(4)
    one("client:ask", client:ask "x")
    one("a fallback's ask", marea.fallback { client, client }:ask "x")
    one("a fallback's create", marea.fallback { client }.completions:create { prompt = "x" })
    local undo = marea.on("llm.call", function() end)
    one("client:ask, listened to", client:ask "x")
    undo()
  end)

  it("gives one value: of an agent and a team, whole and as a stream", function()
    local paper = { write = function() end }
    local agent = marea.agent { client = client_of(9) }
    local team = marea.team.round_robin { agent, max_turns = 1 }
    for name, who in pairs { agent = agent, team = team } do
      one(name .. ":run", who:run "x")
      one(name .. "'s result", who:stream "x":result())
      one(name .. " shown", marea.console { out = paper }:show(who:stream "x"))
    end
  end)

  it("gives one value: of a run that is resumed", function()
    local asks = marea.tool { name = "f", parameters = {}, approve = true, run = function() return "ok" end }
    local calling = agents.client { agents.calling { { "f", {} } }, "done" }
    local clerk = marea.agent { client = calling, tools = { asks } }
    one("agent:resume", clerk:resume(assert(clerk:run "x"), {}))
  end)

  it("gives one value: of memories and runtimes", function()
    one("marea.memory.vector", marea.memory.vector { client = client_of(1), model = "m" })
    marea.run(function() one("runtime:stop_when_idle", marea.runtime():stop_when_idle()) end)
  end)
end)
