-- SPDX-License-Identifier: MIT
-- The aids for a program's own tests: a client that answers from a script, a
-- tape of what passed, and no network at all.

local calls = require("spec.support.calls")
local core = require("marea.core")
local loop = require("marea.loop")
local marea = require("marea")
local server = require("spec.support.server")
local through = require("marea.client").through

local function ask(client, params, options)
  local all = { messages = { { role = "user", content = "Hola" } } }
  for key, value in pairs(params or {}) do all[key] = value end
  return client.chat.completions:create(all, options)
end

local function events_of(stream)
  local out = {}
  for event in stream:events() do
    out[#out + 1] = event.type .. " " .. (event.text or event.arguments_json or event.reason or "")
  end
  return out
end

describe("marea.testing.client", function()
  it("answers each request with the next reply, and keeps what was asked", function()
    local client = marea.testing.client { replies = { "uno", { text = "dos", usage = { total_tokens = 3 } } } }
    assert.equal("uno", client:ask("a").output_text)
    assert.equal(3, client:ask("b", { temperature = 0.5 }).usage.total_tokens)
    assert.equal("a", client.requests[1].messages[1].content)
    assert.equal(0.5, client.requests[2].temperature)
    assert.equal("test", client.requests[2].model)
    assert.is_true(client:assert_used())
  end)

  it("streams a reply in pieces, in the order a provider sends them", function()
    local client = marea.testing.client { replies = { { reasoning = "hm hm", text = "uno dos ",
      tool_calls = { { id = "c1", name = "f", arguments = { city = "Lugo" } }, { name = "g" } },
      usage = { total_tokens = 1 } } } }
    local stream = assert(ask(client, { stream = true }))
    assert.same({ "reasoning hm", "reasoning  hm", "text uno", "text  dos", "text  ", "tool_call.delta ",
      'tool_call.delta {"city":', 'tool_call.delta "Lugo"}', "tool_call.delta ", "tool_call.delta {}",
      'tool_call {"city":"Lugo"}', "tool_call {}", "finish tool_calls", "usage " }, events_of(stream))
    local result = assert(stream:result())
    assert.equal("uno dos ", result.output_text)
    assert.equal("c1", result.tool_calls[1].id)
    assert.equal("call_1_2", result.tool_calls[2].id)
  end)

  it("sends a wire completion as it is, whole or in pieces", function()
    local wire = marea.json.decode(calls.REPLY)
    local client = marea.testing.client { replies = { wire, wire } }
    assert.equal("hola", ask(client).output_text)
    local stream = assert(ask(client, { stream = true }))
    assert.equal("hola", assert(stream:result()).output_text)
  end)

  it("streams whatever a wire completion holds", function()
    local details = marea.array { { type = "reasoning.text", text = "hm" } }
    local wire = { choices = { { finish_reason = "tool_calls", message = { role = "assistant", content = marea.null,
      tool_calls = marea.null, reasoning_details = details } } } }
    local whole = { choices = { { finish_reason = "tool_calls", message = { content = marea.array {
      { type = "text", text = "hola" } }, tool_calls = marea.array { { id = "a", type = "function",
      ["function"] = { name = "f", arguments = '{"city":"ñandú ñandú 東京都"}' } }, { id = "b", type = "custom" } } } } } }
    local client = marea.testing.client { replies = { wire, whole, { choices = marea.array {} } } }
    local result = assert(assert(ask(client, { stream = true })):result())
    assert.equal("hm", result.choices[1].message.reasoning_details[1].text)
    result = assert(assert(ask(client, { stream = true })):result())
    assert.equal("hola", result.output_text)
    assert.equal("ñandú ñandú 東京都", result.tool_calls[1].arguments.city)
    assert.equal(2, #result.tool_calls)
    local _, err = assert(ask(client, { stream = true })):result()
    assert.equal("truncated", err.kind)
  end)

  it("asks a function, which sees the request", function()
    local client = marea.testing.client { replies = { function(request)
      return "you said " .. request.messages[1].content
    end } }
    assert.equal("you said Hola", ask(client).output_text)
  end)

  it("answers the Responses endpoint too", function()
    local client = marea.testing.client { replies = { "uno", "dos" } }
    assert.equal("uno", client.responses:create({ input = "x" }).output_text)
    local stream = assert(client.responses:create { input = "x", stream = true })
    assert.equal("dos", assert(stream:result()).output_text)
  end)

  for _, kind in ipairs { "connection", "timeout", "tls", "authentication", "billing", "permission", "not_found",
    "rate_limit", "quota", "bad_request", "server", "too_large", "content_filter" } do
    it("fails with " .. kind .. " where a reply says so", function()
      local client = marea.testing.client { replies = { { error = kind } } }
      local result, err = ask(client)
      assert.is_nil(result)
      assert.equal(kind, err.kind)
    end)
  end

  for _, case in ipairs {
    { { error = "sever" }, 'no provider is the cause of an error of kind "sever"' },
    { { error = { kind = "cancelled" } }, 'no provider is the cause of an error of kind "cancelled"' },
    { { tool_calls = { name = "f" } }, "tool_calls: expected a list of { name =, arguments = }" },
    { { tool_calls = { { nam = "f" } } }, "tool_calls: expected a list of { name =, arguments = }" },
    { { text = "x", expect = 5 }, "expect: expected a text, a table or a function" },
  } do
    it("raises for a reply that can't be meant: " .. case[2], function()
      local err = calls.failure(function() marea.testing.client { replies = { case[1] } } end)
      assert.equal("marea.testing.client, replies[1]: " .. case[2], (err:gsub("^spec/testing_spec.lua:%d+: ", "")))
      local client = marea.testing.client { replies = { function() return case[1] end } }
      err = calls.failure(function() ask(client) end)
      assert.is_truthy(tostring(err):find("reply 1: " .. case[2], 1, true), tostring(err))
    end)
  end

  it("breaks a stream after the text of a reply that has an error", function()
    local client = marea.testing.client { replies = { { text = "uno dos", error = "truncated" },
      { text = "uno", error = "timeout" }, { text = "uno", error = { kind = "server", message = "boom" } } } }
    local wanted = { "truncated", "timeout", "stream" }
    for i = 1, 3 do
      local stream = assert(ask(client, { stream = true }))
      local result, err = stream:result()
      assert.is_nil(result)
      assert.equal(wanted[i], err.kind)
      assert.equal(i == 1 and "uno dos" or "uno", err.partial.output_text)
    end
  end)

  it("tries again where the client is told to, each try a reply", function()
    local client = marea.testing.client { max_retries = 1,
      replies = { { error = { kind = "rate_limit", retry_after = 0.01 } }, "uno" } }
    assert.equal("uno", ask(client).output_text)
    assert.equal(2, #client.requests)
  end)

  it("waits as long as a reply says, and lets itself be cancelled", function()
    local client = marea.testing.client {
      replies = { { text = "a b", after = 0.05, pause = 0.02 }, { text = "a", after = 60 } } }
    local from = core.now()
    assert.equal("a b", assert(assert(ask(client, { stream = true })):result()).output_text)
    assert.is_true(core.now() - from >= 0.09)
    local _, err = marea.run(function()
      return marea.timeout(0.02, function() return ask(client) end)
    end)
    assert.equal("timeout", err.kind)
  end)

  it("serves tasks side by side", function()
    local client = marea.testing.client { replies = { { text = "a", after = 0.4 }, { text = "b", after = 0.01 } } }
    local order = {}
    marea.run(function()
      for _ = 1, 2 do
        marea.spawn(function()
          local text = ask(client).output_text
          order[#order + 1] = text
        end)
      end
    end)
    assert.same({ "b", "a" }, order)
  end)

  it("says what a request holds and what was expected of it, side by side", function()
    local client = marea.testing.client { replies = { { text = "x", expect = "Madrid" },
      { text = "y", expect = { model = "big", temperature = 1 } } } }
    local err = calls.failure(ask, client)
    assert.is_truthy(err:find("request 1 is not what its reply expects", 1, true))
    assert.is_truthy(err:find('"Madrid" +! "Hola"'), err)
    err = calls.failure(ask, client, { temperature = 1 })
    assert.is_truthy(err:find('{"model":"big","temperature":1} +! {"model":"test","temperature":1}'), err)
  end)

  it("lets a reply's expectation be a function, with a reason", function()
    local client = marea.testing.client { replies = { { text = "x", expect = function(request)
      return request.model == "test"
    end }, { text = "x", expect = function() return nil, "no tools offered" end } } }
    assert.equal("x", ask(client).output_text)
    assert.is_truthy(calls.failure(ask, client):find("no tools offered", 1, true))
  end)

  it("raises when no reply is left, with all that was asked", function()
    local client = marea.testing.client { replies = { "uno" } }
    ask(client)
    local err = calls.failure(ask, client)
    assert.is_truthy(err:find("no reply is left for request 2 (there were 1)", 1, true))
    assert.is_truthy(err:find("1. 1 messages, the last: user: Hola", 1, true))
  end)

  it("raises in assert_used while replies are left, and names them", function()
    local client = marea.testing.client { replies = { "uno", { text = "dos" }, "tres" } }
    ask(client)
    local err = calls.failure(client.assert_used, client)
    assert.is_truthy(err:find("^spec/testing_spec.lua") or err:find("2 of 3 replies were not used", 1, true))
    assert.is_truthy(err:find('2. {"text":"dos"}', 1, true))
    assert.is_truthy(err:find("the last: user: Hola", 1, true))
  end)

  local failing = {
    { "what a reply expects", { { text = "x", expect = "Madrid" } }, "is not what its reply expects" },
    { "a reply that is not there", {}, "no reply is left for request 1" },
    { "a function of the request", { function() error("no such city", 0) end }, "no such city" },
  }
  for _, case in ipairs(failing) do
    it("raises in assert_used what an agent caught of a tool's run: " .. case[1], function()
      local client = marea.testing.client { replies = case[2] }
      local inner = marea.agent { client = client, name = "inner" }
      local scripted = { replies = { { tool_calls = { { name = "inner", arguments = { input = "x" } } } }, "fine" } }
      local outer = marea.agent { client = marea.testing.client(scripted), tools = { inner:as_tool() } }
      assert.equal("fine", assert(outer:run "go").output_text)
      assert.is_truthy(calls.failure(client.assert_used, client):find(case[3], 1, true))
      assert.is_true(outer.client:assert_used())
    end)
  end

  it("takes a cancelled wait of a reply for no failure", function()
    local client = marea.testing.client { replies = { function() marea.sleep(30) end } }
    marea.run(function()
      local t = marea.spawn(ask, client)
      marea.sleep(0.001)
      t:cancel()
    end)
    assert.is_true(client:assert_used())
  end)

  it("keeps answering from its script when made anew by `with`", function()
    local client = marea.testing.client { replies = { "uno" } }
    assert.equal("uno", client:with({ timeout = 5 }):ask("x").output_text)
    assert.equal(1, #client.requests)
  end)

  local wrong = {
    { {}, "replies: expected a table, got nil" },
    { { replies = { 3 } }, "replies%[1%]: expected a text, a table or a function, got 3" },
    { { replies = { { txt = "x" } } }, 'replies%[1%]: unknown field "txt"' },
  }
  for _, case in ipairs(wrong) do
    it("raises at the caller's line: " .. case[2], function()
      local err = calls.failure(function() marea.testing.client(case[1]) end)
      assert.is_truthy(err:find("^spec/testing_spec.lua:%d+: marea.testing.client, " .. case[2]), err)
    end)
  end
end)

describe("marea.testing.client and files", function()
  local SOUND = "ID3\0\255"

  it("answers with bytes, kept, streamed or saved", function()
    local reply = { data = SOUND, content_type = "audio/mpeg" }
    local client = marea.testing.client { replies = { reply, reply, reply, "a text is the sound" } }
    local speech, path = client.audio.speech, os.tmpname()
    assert.equal(SOUND, assert(speech:create { input = "x" }).data)
    local stream = assert(speech:create({ input = "x" }, { stream = true }))
    assert.equal(SOUND, stream:next())
    assert.is_nil(stream:next())
    assert.same({ data = "", size = 5, content_type = "audio/mpeg" }, assert(stream:result()))
    assert.equal(5, assert(speech:create({ input = "x" }, { to = path })).size)
    assert.equal("a text is the sound", assert(speech:create { input = "x" }).data)
    os.remove(path)
  end)

  it("answers with transcripts, and shows what the form held", function()
    local client = marea.testing.client { replies = { "uno dos", "uno dos",
      { text = "no", expect = { language = "es" } }, { error = "too_large" } } }
    local file = { data = SOUND, filename = "a.mp3" }
    local function hear(params)
      params.file = file
      return client.audio.transcriptions:create(params)
    end
    assert.equal("uno dos", assert(hear { timestamp_granularities = { "word", "segment" } }).text)
    assert.same({ model = "test", ["timestamp_granularities[]"] = { "word", "segment" },
      file = { filename = "a.mp3", content_type = "audio/mpeg", size = 5 } }, client.requests[1])
    local pieces = {}
    for piece in assert(hear { stream = true }):text() do pieces[#pieces + 1] = piece end
    assert.same({ "uno", " dos" }, pieces)
    assert(hear { language = "es" })
    assert.equal("too_large", select(2, hear {}).kind)
  end)
end)

describe("a tape", function()
  it("keeps sound byte by byte, and tells one upload from another", function()
    local path, f = os.tmpname(), server.shared():script({}, { serve = true })
    local real = marea.client { base_url = f.base_url, model = "m" }
    local sound = assert(real.audio.speech:create { input = "Hola", voice = "v", response_format = "wav" }).data
    local function play(client)
      local speech = assert(client.audio.speech:create { input = "Hola", voice = "v", response_format = "wav" })
      local heard = assert(client.audio.transcriptions:create { file = { data = "ID3", filename = "a.mp3" } })
      return { speech.data, speech.content_type, heard.text }
    end
    local recorded = play(marea.testing.record(path, real))
    assert.same({ sound, "audio/wav", "A script heard 3 bytes of a.mp3." }, recorded)
    local replayed = marea.testing.replay(path, { base_url = f.base_url, model = "m" })
    assert.same(recorded, play(replayed))
    replayed = marea.testing.replay(path, { base_url = f.base_url, model = "m" })
    local other = { data = "ID", filename = "a.mp3" }
    local err = calls.failure(function() replayed.audio.transcriptions:create { file = other } end)
    assert.is_truthy(tostring(err):find("a request is not on the tape", 1, true))
    os.remove(path)
  end)

  local path, s
  local KEY = "sk-a-key-not-to-be-written"

  local function contents()
    local file = assert(io.open(path))
    local text = file:read("*a")
    file:close()
    return text
  end

  setup(function() s = server.start { key = KEY, args = { "--delay-ms", "5" } } end)
  teardown(function() s:stop() end)
  before_each(function() path = os.tmpname() end)
  after_each(function() os.remove(path) end)

  local function conversation(client)
    local out = {}
    out[1] = assert(ask(client, { messages = { { role = "user", content = "say " .. KEY } } })).output_text
    for text in assert(ask(client, { stream = true })):text() do out[#out + 1] = text end
    local _, err = ask(client, { model = "does-not-exist" })
    out[#out + 1] = err.kind
    out[#out + 1] = assert(client.models:list()).data[1].id
    return out
  end

  local function options(place)
    return { base_url = place, model = "bundled-echo", api_key = KEY }
  end

  it("holds what passed, without keys, and answers with it offline", function()
    local recorded = conversation(marea.testing.record(path, marea.client(options(s.base_url))))
    assert.is_nil(contents():find(KEY, 1, true))
    local undo = marea.testing.offline()
    local replayed = conversation(marea.testing.replay(path, options "http://127.0.0.1/v1"))
    undo()
    recorded[1] = recorded[1]:gsub(KEY:gsub("%p", "%%%0"), "[redacted]")
    assert.same(recorded, replayed)
    assert.is_true(#replayed > 6)
  end)

  it("keeps the times of a stream's events, and the same pieces however it is read", function()
    local client = marea.testing.record(path, marea.client(options(s.base_url)))
    local pieces = {}
    for text in assert(ask(client, { stream = true })):text() do pieces[#pieces + 1] = text end
    local function replay(speed)
      local replayed, from = {}, core.now()
      local all = options "http://127.0.0.1/v1"
      all.speed = speed
      for text in assert(ask(marea.testing.replay(path, all), { stream = true })):text() do
        replayed[#replayed + 1] = text
      end
      assert.same(pieces, replayed)
      return core.now() - from
    end
    local slow = replay(1)
    assert.is_true(slow > 0.004 * #pieces, slow)
    assert.is_true(replay() < slow)
  end)

  it("keeps how a stream broke", function()
    local f = s:script { { { sse = { server.chunk_json { content = "uno" } }, open = true }, { rst = true } } }
    local client = marea.testing.record(path, marea.client { base_url = f.base_url, model = "m" })
    local _, err = assert(ask(client, { stream = true })):result()
    local _, again = assert(ask(marea.testing.replay(path, { model = "m" }), { stream = true })):result()
    assert.equal(err.kind, again.kind)
    assert.equal("uno", again.partial.output_text)
  end)

  -- As a finalizer may: what pins bytes, as `head` does, raises then.
  it("holds what came of a stream that was closed in the middle of a pull", function()
    local f = s:script { { { sse = { server.chunk_json { content = "uno" } }, open = true }, { wait_close = 5 } } }
    local stream, pulls, closed = nil, 0, false
    local own = { close = function(real)
      closed = true
      real:close()
    end }
    function own.pull(real)
      pulls = pulls + 1
      if pulls == 2 then
        own.head = function() error("this stream is being read already") end
        stream:close()
      end
      return real:pull()
    end
    local client = through(marea.client { base_url = f.base_url, model = "m" }, function(_, ...)
      local real, id = loop.engine():transfer(...)
      local function method(_, name)
        return function(_, ...) return (own[name] or real[name])(real, ...) end
      end
      return setmetatable({}, { __index = method }), id
    end)
    stream = assert(ask(marea.testing.record(path, client), { stream = true }))
    assert.equal("uno", stream:next().text)
    assert.is_nil(stream:next())
    assert.is_true(closed)
    assert.is_truthy(contents():find("\n{.*uno.*}\n$"))
  end)

  it("says which request is not on it, beside the one that is", function()
    ask(marea.testing.record(path, marea.client(options(s.base_url))), { temperature = 0 })
    local client = marea.testing.replay(path, { model = "bundled-echo" })
    local err = calls.failure(ask, client, { temperature = 1 })
    assert.is_truthy(err:find("a request is not on the tape", 1, true))
    assert.is_truthy(err:find("temperature = 0 +!     temperature = 1\n"), err)
    ask(client, { temperature = 0 })
    assert.is_truthy(calls.failure(ask, client, { temperature = 0 }):find("all of which was used", 1, true))
  end)

  it("is made of a scripted client too, and of another tape", function()
    local undo = marea.testing.offline()
    local client = marea.testing.record(path, marea.testing.client { replies = { "uno dos" } })
    assert.equal("uno dos", assert(assert(ask(client, { stream = true })):result()).output_text)
    local second = os.tmpname()
    client = marea.testing.record(second, marea.testing.replay(path, { model = "test" }))
    assert.equal("uno dos", assert(assert(ask(client, { stream = true })):result()).output_text)
    assert.equal("uno dos", assert(assert(ask(marea.testing.replay(second, { model = "test" }),
      { stream = true })):result()).output_text)
    undo()
    os.remove(second)
    local both = marea.fallback { client }
    assert.is_truthy(calls.failure(function() marea.testing.record(path, both) end):find("record each", 1, true))
  end)

  it("that is none says so at the caller's line", function()
    local file = assert(io.open(path, "w"))
    file:write("{}\n")
    file:close()
    local err = calls.failure(function() marea.testing.replay(path) end)
    assert.is_truthy(err:find("^spec/testing_spec.lua:%d+: marea.testing.replay: .* is no tape of version 1"), err)
    err = calls.failure(function() marea.testing.replay("/no/such/file") end)
    assert.is_truthy(err:find("^spec/testing_spec.lua:%d+: marea.testing.replay: /no/such/file"), err)
  end)
end)

describe("marea.testing.offline", function()
  it("keeps every real request from the network until undone", function()
    local f = calls.replying()
    local client = calls.client_of(f)
    local undo = marea.testing.offline()
    local again = marea.testing.offline()
    local result, err = client:ask("x")
    assert.is_nil(result)
    assert.equal("offline", err.kind)
    again()
    assert.equal("offline", select(2, client:ask("x")).kind)
    assert.equal("scripted", marea.testing.client({ replies = { "scripted" } }):ask("x").output_text)
    undo()
    assert.equal("hola", client:ask("x").output_text)
    assert.equal(1, #f.requests())
  end)
end)
