-- SPDX-License-Identifier: MIT
-- How a stream is read, and all the ways in which it ends.

-- luacheck: ignore 512 (leaving a loop at once is the matter here)

local marea = require("marea")
local leaks = require("spec.support.leaks")
local generator = require("spec.support.random")
local server = require("spec.support.server")
local socket = require("socket")

local sse, chunk = server.sse, server.chunk_json

local PATIENCE = os.getenv("MAREA_SANITIZED") and 120 or 10   -- seconds that no test needs
local CLOSES = _VERSION >= "Lua 5.4"    -- does a `for` left by break close?

-- A whole answer of these bytes; `more` are actions instead of its end.
local function answer(bytes, headers, more)
  local actions = { { status = 200, chunked = true,
    headers = headers or { ["content-type"] = "text/event-stream" } } }
  if bytes ~= "" then actions[2] = { chunk = bytes } end
  for _, action in ipairs(more or { { last_chunk = true } }) do actions[#actions + 1] = action end
  return actions
end

local OPEN = { { wait_close = 5 } }

local function script(...)
  return server.shared():script({ ... })
end

local function client_of(f, options)
  local all = { base_url = f.base_url, model = "m", max_retries = 0, timeout = PATIENCE }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

local function open(f, options)
  return client_of(f, options).chat.completions:create({
    messages = { { role = "user", content = "x" } }, stream = true })
end

local function stream_of(bytes, headers, more)
  return open(script(answer(bytes, headers, more)))
end

local HELLO = { chunk({ role = "assistant", content = "" }), chunk({ content = "Hel" }),
  chunk({ content = "lo" }), chunk({ finish = "stop" }) }

local function texts(stream)
  local out = {}
  for text in stream:text() do out[#out + 1] = text end
  return out
end

local function drain(stream)
  local events = {}
  while true do
    local event, err = stream:next()
    if not event then return events, err end
    events[#events + 1] = event
  end
end

local function raised(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok)
  return err
end

local function now()
  return require("marea.core").now()
end

describe("the readers of a stream", function()
  it("give pieces of text", function()
    assert.same({ "Hel", "lo" }, texts(assert(stream_of(sse(HELLO)))))
  end)

  it("give deeply nested chunks, each to a fresh coroutine", function()
    local json, list = require("marea.json"), {}
    for i = 1, 40 do
      local deep = ('{"a":'):rep(13) .. "1" .. ("}"):rep(13)
      list[i] = ('{"choices":[{"index":0,"delta":{"content":"t%d"},"finish_reason":%s}],"x":%s}'):format(
        i, i == 40 and '"stop"' or "null", deep)
    end
    local stream = assert(stream_of(sse(list)))
    local pull = stream:chunks()
    assert.same(json.decode(list[1]), pull())
    for i = 2, #list do      -- each has a little less of its stack left
      local locals = ("local a%d "):rep(i):gsub("%%d", "")
      local reader = assert((loadstring or load)("local pull = ... " .. locals .. "local chunk = pull() return chunk"))
      assert.same(json.decode(list[i]), coroutine.wrap(reader)(pull))
    end
    assert.is_nil(pull())
  end)

  it("lose nothing when somebody else's finalizer raises during a pull", function()
    local list = {}
    for i = 1, 20 do list[i] = chunk({ content = "t" .. i, finish = i == 20 and "stop" or nil }) end
    local f = server.shared():script({ answer(sse(list)) }, { repeat_last = true })
    local output, status = require("spec.support.child").code([[
      if jit then jit.off() end     -- LuaJIT's own unwinding out of a trace is not the matter
      local marea = require "marea"
      local client = marea.client { base_url = ..., model = "m", max_retries = 0 }
      local WHOLE = ""
      for i = 1, 20 do WHOLE = WHOLE .. "t" .. i end
      local function boom() error "boom" end
      local function arm()
        if newproxy then getmetatable(newproxy(true)).__gc = boom
        else setmetatable({}, { __gc = boom }) end
      end
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 1000000)
      local function pull_once(pull, state)     -- the collector runs in nothing else
        arm()
        collectgarbage "restart"
        local ok, value = pcall(pull, state)
        collectgarbage "stop"
        assert(ok or tostring(value):find "boom", value)
        if not ok then RAISED = true end
      end
      local function round()
        local stream = assert(client.chat.completions:create {
          messages = { { role = "user", content = "x" } }, stream = true })
        local pull, state = stream:chunks()
        for _ = 1, 3 do pull_once(pull, state) end
        repeat until pcall(collectgarbage)
        collectgarbage "stop"
        for _ in pull, state do end
        assert(assert(stream:result()).output_text == WHOLE, "text was lost")
      end
      collectgarbage "stop"
      for _ = 1, 30 do round() end
      assert(RAISED or _VERSION == "Lua 5.4", "no finalizer raised in a pull")   -- 5.4 only warns
      io.write "done"
      io.flush()
      os.exit(0)
    ]], { f.base_url })
    assert.equal("done", output)
    assert.equal(0, status)
  end)

  it("give decoded chunks as on the wire, unknown fields and all", function()
    local odd = chunk({ content = "a", choices = '[{"index":0,"delta":{"content":"a"},"zzz":[]}]' })
    local stream, seen = assert(stream_of(sse({ odd, HELLO[4] }))), {}
    for c in stream:chunks() do seen[#seen + 1] = c end
    assert.equal(2, #seen)
    assert.same(marea.json.decode(odd), seen[1])
    assert.equal("[]", marea.json.encode(seen[1].choices[1].zzz))
    assert.equal("stop", seen[2].choices[1].finish_reason)
  end)

  it("give every chunk of a run of text whole, none of them twice the same table", function()
    local list = {}
    for i = 1, 20 do list[i] = chunk({ content = "w" .. i }) end
    list[21] = HELLO[4]
    local stream, seen = assert(stream_of(sse(list))), {}
    for c in stream:chunks() do seen[#seen + 1] = c end
    assert.equal(21, #seen)
    for i = 1, 20 do assert.equal("w" .. i, seen[i].choices[1].delta.content) end
    assert.not_equal(seen[1], seen[2])
    assert.equal(20, select(2, stream:result().output_text:gsub("w", "")))
  end)

  it("give every chunk as decoding does, also where its keys are odd, it is large, or others come between", function()
    local wide = {}
    for i = 1, 150 do wide[i] = ('"k%d":[]'):format(i) end
    local list = {}
    local extras = { '"a":{}', '"a]=b":[]', '"é":null', '"wide":{' .. table.concat(wide, ",") .. "}", '"a":{}' }
    for _, extra in ipairs(extras) do
      for i = 1, 4 do
        list[#list + 1] = ('{"id":"c","choices":[{"index":0,"delta":{"content":"w%d%s"},"finish_reason":null}],%s}')
          :format(i, i > 1 and "\\n" or "", extra)      -- no shape is learnt of a text with escapes
      end
    end
    list[#list + 1] = HELLO[4]
    local stream, n = assert(stream_of(sse(list))), 0
    for c in stream:chunks() do
      n = n + 1
      local want = marea.json.decode(list[n])
      assert.equal(marea.json.encode(want, { sort = true }), marea.json.encode(c, { sort = true }))
    end
    assert.equal(#list, n)
    assert.equal(("w1w2\nw3\nw4\n"):rep(5), stream:result().output_text)
  end)

  it("give events in order, then the end", function()
    local stream = assert(stream_of(sse({ HELLO[2], HELLO[3],
      chunk({ finish = "length", usage = '{"total_tokens":3}' }) })))
    local seen = {}
    for event in stream:events() do seen[#seen + 1] = event end
    assert.same({
      { type = "text", text = "Hel", index = 0 }, { type = "text", text = "lo", index = 0 },
      { type = "finish", reason = "length", raw_reason = "length", index = 0 },
      { type = "usage", usage = { total_tokens = 3 } } }, seen)
  end)

  it("give one event at a time through next, which ends with nil and goes on doing so", function()
    local stream = assert(stream_of(sse(HELLO)))
    assert.equal("Hel", stream:next().text)
    assert.equal("lo", stream:next().text)
    assert.equal("finish", stream:next().type)
    for _ = 1, 2 do assert.same({}, { stream:next() }) end
  end)

  it("beside a for goes on where it is, and it where next was", function()
    local events = {}
    for i, fields in ipairs { { content = "a" }, { content = "b" }, { reasoning_content = "r1" },
      { reasoning_content = "r2" }, { content = "c" }, { reasoning_content = "r3", content = "d" },
      { content = "e" }, { content = "f" }, { content = "g", finish = "stop" } } do
      events[i] = chunk(fields)
    end
    local stream = assert(stream_of(sse(events)))
    local text = stream:text()
    local seen = {}
    for _, read in ipairs { "text", "next", "next", "text", "next", "text", "text", "next", "text", "text" } do
      if read == "text" then seen[#seen + 1] = text()
      else seen[#seen + 1] = stream:next().text end
    end
    assert.equal("a b r1 c r3 d e f g", table.concat(seen, " "))
  end)

  it("may begin with next and go on with a for", function()
    local stream = assert(stream_of(sse(HELLO)))
    assert.equal("Hel", stream:next().text)
    assert.same({ "lo" }, texts(stream))
  end)

  it("give result whether something was read before or not, and the same one each time", function()
    local stream = assert(stream_of(sse(HELLO)))
    local result = assert(stream:result())
    assert.equal("Hello", result.output_text)
    assert.equal(result, stream:result())
    local other = assert(stream_of(sse(HELLO)))
    other:next()
    assert.same(result, other:result())
    local third = assert(stream_of(sse(HELLO)))
    third:text()()
    assert.same(result, third:result())
  end)

  it("give in snapshot what has come so far, and no more", function()
    local stream = assert(stream_of(sse({ HELLO[2], HELLO[3], chunk({ content = "!" }), HELLO[4] })))
    local seen = {}
    for _ in stream:text() do seen[#seen + 1] = stream:snapshot().output_text end
    assert.same({ "Hel", "Hello", "Hello!" }, seen)
    assert.equal("Hello!", stream:snapshot().output_text)
    assert.same(stream:result(), stream:snapshot())
  end)

  it("keep a snapshot as it was while the stream goes on", function()
    local call = '[{"index":0,"id":"c","function":{"name":"f","arguments":"%s"}}]'
    local stream = assert(stream_of(sse({ chunk({ tool_calls = call:format("{") }),
      chunk({ tool_calls = call:format("}") }), chunk({ finish = "tool_calls" }) })))
    stream:next()
    local early = stream:snapshot()
    local before = marea.json.encode(early, { sort = true })
    stream:result()
    assert.equal(before, marea.json.encode(early, { sort = true }))
  end)

  it("show the answer's status, headers, request id and rate limits at once", function()
    local f = script(answer(sse(HELLO), { ["content-type"] = "text/event-stream",
      ["x-request-id"] = "req_9", ["x-ratelimit-remaining-requests"] = "7" }))
    local stream = assert(open(f))
    assert.equal(200, stream.response.status)
    assert.equal("req_9", stream.response.request_id)
    assert.equal(7, stream.response.rate_limit.remaining)
    assert.equal("text/event-stream", stream.response.headers["content-type"])
    assert.equal(stream.response, stream:result().response)
  end)

  it("say in tostring that they are a stream, and how it stands", function()
    local stream = assert(stream_of(sse(HELLO)))
    assert.equal("marea.stream (open)", tostring(stream))
    stream:result()
    assert.equal("marea.stream (ended)", tostring(stream))
  end)

  it("give no event after the chunks, whenever the end comes", function()
    for _, more in ipairs { false, { { sleep = 0.02 }, { chunk = "data: [DONE]\n\n" }, { last_chunk = true } } } do
      local stream = assert(stream_of(sse({ HELLO[2], HELLO[3] }, not more), nil, more or nil))
      local n = 0
      for _ in stream:chunks() do n = n + 1 end
      assert.same({ 2, nil }, { n, (stream:next()) })
      assert.equal("Hello", stream:result().output_text)
    end
  end)

  it("give a chunk's events no more once the chunk was given, whenever that came", function()
    for _, early in ipairs { true, false } do
      local all = sse({ HELLO[2], HELLO[3], HELLO[4] })
      local stream = assert(stream_of(early and all or ": soon\n\n", nil,
        { { sleep = 0.02 }, { chunk = early and ": end\n" or all }, { last_chunk = true } }))
      stream:chunks()()
      assert.equal("lo", stream:next().text)
      assert.equal("Hello", stream:result().output_text)
    end
  end)
end)

describe("misuse of a stream", function()
  local function position(err)
    return tostring(err):match("^(%S-stream_spec%.lua:%d+): ")
  end

  it("is told at the caller's line when a stream is read twice", function()
    local stream = assert(stream_of(sse(HELLO)))
    texts(stream)
    for _, name in ipairs({ "text", "events", "chunks" }) do
      local err = raised(function() stream[name](stream) end)
      assert.truthy(position(err), err)
      assert.truthy(err:find("stream:" .. name .. ": this stream has been read already", 1, true), err)
    end
  end)

  it("is told when what result has read is to be read again", function()
    local stream = assert(stream_of(sse(HELLO)))
    stream:result()
    assert.truthy(raised(function() stream:text() end):find("read already", 1, true))
    local other = assert(stream_of(sse(HELLO)))
    drain(other)
    assert.truthy(raised(function() other:events() end):find("read already", 1, true))
  end)

  it("is told at the caller's line for each method called with a dot", function()
    local stream = assert(stream_of(sse(HELLO)))
    for _, name in ipairs({ "text", "events", "chunks", "next", "result", "snapshot", "close" }) do
      local err = raised(function() local _ = stream[name]() end)
      assert.truthy(position(err), err)
      assert.truthy(err:find("colon: stream:" .. name, 1, true), err)
    end
    stream:close()
  end)

  for _, reader in ipairs({ "next", "text", "events", "chunks", "result" }) do
    it("is told to the second of two tasks that read, here with " .. reader, function()
      local f = script(answer(sse({ HELLO[2] }, false), nil,
        { { wait_signal = "go" }, { chunk = sse({ HELLO[3], HELLO[4] }) }, { last_chunk = true } }))
      marea.run(function()
        local stream = assert(open(f))
        stream:next()
        local first = marea.spawn(function() return stream:next() end)
        marea.sleep(0.02)
        local ok, err = pcall(function()
          local got = stream[reader](stream)
          if type(got) == "function" then got(stream) end
        end)
        assert.is_false(ok)
        assert.truthy(tostring(err):find("another task is reading this stream", 1, true), tostring(err))
        assert.truthy(position(err), tostring(err))
        f.signal("go")
        assert.equal("lo", first:await().text)
        stream:close()
      end)
    end)
  end

  local function fragment(piece)
    return ('{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":"%s"}}]}}]}')
      :format(piece)
  end

  -- Chunks that come when told to.
  local function step_by_step(list)
    local actions = { answer("")[1] }
    for i, bytes in ipairs(list) do
      actions[#actions + 1] = { wait_signal = "go" .. i }
      actions[#actions + 1] = { chunk = sse({ bytes }, false) }
    end
    actions[#actions + 1] = { last_chunk = true }
    return server.shared():script { actions }
  end

  local function piece(text) return chunk { content = text } end

  for what, make in pairs { text = piece, ["a tool call's pieces"] = fragment } do
    it("gives the task that waits for it what came, though another's iterator asks first: " .. what, function()
      local list, others = {}, {}
      for i = 1, 5 do list[i], others[i] = make(tostring(i)), chunk { content = "other" } end
      list[6] = HELLO[4]
      local f, g = step_by_step(list), step_by_step(others)
      marea.run(function()
        f.signal "go1"
        g.signal "go1"
        local stream, other = assert(open(f)), assert(open(g))
        local iterator, got = stream:events(), {}
        iterator()
        other:next()
        local waits = marea.spawn(function()
          local event = stream:next()
          while event and event.type ~= "finish" do
            got[#got + 1] = event.text or event.arguments_json
            event = stream:next()
          end
        end)
        for i = 2, 6 do
          marea.sleep(0.01)
          if i < 6 then g.signal("go" .. i) end
          socket.sleep(0.02)
          f.signal("go" .. i)
          socket.sleep(0.02)       -- both are there when the loop looks, the other's first
          if i < 6 then other:next() end
          if waits.status == "running" then assert.is_false((pcall(iterator))) end
        end
        waits:await()
        assert.equal("2345", table.concat(got):sub(1, 4))
        other:close()
      end)
    end)
  end

  it("lets one task open a stream and, when that has ended, another read it", function()
    marea.run(function()
      local stream = marea.spawn(function() return assert(stream_of(sse(HELLO))) end):await()
      assert.equal("Hello", marea.spawn(function() return stream:result().output_text end):await())
    end)
  end)
end)

describe("the end of a stream", function()
  it("is [DONE], at once, while the server keeps the socket open", function()
    local f = script(answer(sse(HELLO), nil, OPEN))
    local started = now()
    local stream = assert(open(f))
    assert.equal("Hello", stream:result().output_text)
    assert.is_true(now() - started < 1)
  end)

  for name, done in pairs({ ["with spaces after it"] = "data: [DONE]  \n\n", ["without a space"] = "data:[DONE]\n\n",
      ["in CRLF"] = "data: [DONE]\r\n\r\n", ["under an event name"] = "event: done\ndata: [DONE]\n\n" }) do
    it("is [DONE] " .. name, function()
      local stream = assert(stream_of(sse({ HELLO[2] }, false) .. done, nil, OPEN))
      assert.same({ "Hel" }, texts(stream))
      assert.equal("Hel", stream:result().output_text)
    end)
  end

  it("is [DONE] as the last line, without a blank one", function()
    assert.equal("Hel", stream_of(sse({ HELLO[2] }, false) .. "data: [DONE]"):result().output_text)
  end)

  for name, rest in pairs({ events = sse({ chunk({ content = "SECRET" }) }), garbage = "data: {{{\n\n",
      ["an error"] = 'event: error\ndata: {"error":{"message":"late"}}\n\n' }) do
    it("is [DONE], and " .. name .. " after it is not used", function()
      local stream = assert(stream_of(sse(HELLO) .. rest))
      local events, err = drain(stream)
      assert.is_nil(err)
      assert.equal(3, #events)
      assert.equal("Hello", stream:result().output_text)
    end)
  end

  it("is no [DONE] where more follows on its line, and the error shows nothing of it", function()
    local stream = assert(stream_of(sse({ HELLO[2] }, false) .. "data: [DONE]secret\n\n"))
    local _, err = drain(stream)
    assert.equal("decode", err.kind)
    assert.is_nil(tostring(err):find("secret", 1, true))
    assert.equal("Hel", err.partial.output_text)
  end)

  it("is a clean end of the body after a finish_reason", function()
    local stream = assert(stream_of(sse(HELLO, false)))
    local _, err = drain(stream)
    assert.is_nil(err)
    assert.equal("Hello", stream:result().output_text)
  end)

  it("is a broken body after [DONE] all the same", function()
    for _, cut in ipairs({ { { fin = true } }, { { rst = true } } }) do
      assert.equal("Hello", assert(stream_of(sse(HELLO), nil, cut)):result().output_text)
    end
  end)

  it("is truncated where neither came, with what had come", function()
    for _, more in ipairs({ { { last_chunk = true } }, { { fin = true } } }) do
      local stream = assert(stream_of(sse({ HELLO[2], HELLO[3] }, false), nil, more))
      local result, err = stream:result()
      assert.is_nil(result)
      assert.equal("truncated", err.kind)
      assert.equal(200, err.status)
      assert.equal("Hello", err.partial.output_text)
      assert.equal(marea.null, err.partial.choices[1].finish_reason)
    end
  end)

  it("is truncated inside a call's arguments: no call is given out", function()
    local call = '[{"index":0,"id":"c","function":{"name":"f","arguments":"{\\"a\\":"}}]'
    local events, err = drain(assert(stream_of(sse({ chunk({ tool_calls = call }) }, false))))
    assert.equal("truncated", err.kind)
    for _, event in ipairs(events) do assert.not_equal("tool_call", event.type) end
    assert.equal('{"a":', err.partial.choices[1].message.tool_calls[1]["function"].arguments)
  end)

  it("is truncated where nothing came at all", function()
    for _, bytes in ipairs({ ": hi\n\n", "data: [DONE]\n\n", 'data: {"type":"ping"}\n\n',
        sse({ HELLO[1] }), ("data: x\n"):rep(2000) }) do
      local result, err = assert(stream_of(bytes)):result()
      assert.is_nil(result, bytes:sub(1, 20))
      assert.equal("truncated", err.kind)
    end
  end)

  it("is protocol where the body has not one byte", function()
    local empty = { answer(""), { { status = 200, body = "", headers = { ["content-type"] = "text/event-stream" } } } }
    for _, actions in ipairs(empty) do
      local stream, err = open(script(actions))
      assert.is_nil(stream)
      assert.equal("protocol", err.kind)
      assert.equal(200, err.status)
    end
  end)

  it("is truncated where chunks came, but none with choices", function()
    for _, data in ipairs({ '{"id":"x","object":"chat.completion.chunk"}', "{}", '{"foo":1}' }) do
      for _, done in ipairs({ true, false }) do
        local result, err = assert(stream_of(sse({ data, data }, done))):result()
        assert.is_nil(result, data)
        assert.equal("truncated", err.kind)
      end
    end
  end)

  it("is a good one after strange events of an endpoint that gives no choices", function()
    for _, data in ipairs({ '{"id":"x","object":"chat.completion.chunk"}', "{}", '{"foo":1}' }) do
      local f = script(answer(sse({ data, data }, false)))
      local stream = assert(client_of(f):request({ path = "x", body = {}, stream = true }))
      local seen = 0
      for _ in stream:chunks() do seen = seen + 1 end
      assert.equal(2, seen)
      local event, err = stream:next()
      assert.is_nil(event)
      assert.is_nil(err)
    end
  end)

  -- What is read of client:request, and the error at its end.
  local function of_any(bytes, more)
    local f = script(answer(bytes, nil, more))
    local stream = assert(client_of(f):request({ path = "x", body = {}, stream = true }))
    local seen = {}
    local ok, err = pcall(function()
      for value in stream:chunks() do seen[#seen + 1] = value end
    end)
    if ok then assert(stream:result()) end
    return #seen, err
  end

  it("is a good one of any endpoint wherever the body ends well", function()
    for _, case in ipairs({ { '{"type":"a"}', '{"type":"ping"}' }, { '{"type":"ping"}' },
      { "1", '"x"', "false", "[2]" }, { "null" }, {} }) do
      for _, done in ipairs({ true, false }) do
        local bytes = ": a comment\n\n" .. sse(case, done)
        assert.same({ #case }, { of_any(bytes) }, bytes)
      end
    end
  end)

  it("is truncated of any endpoint where the body breaks, or choices came and didn't end", function()
    assert.equal("truncated", select(2, of_any(sse({ "1" }, false), { { fin = true } })).kind)
    assert.equal("truncated", select(2, of_any(sse({ '{"type":"ping"}', HELLO[2] }, false))).kind)
    assert.equal("truncated", select(2, of_any(sse({ '{"type":"response.created","response":{}}' }, false))).kind)
  end)

  it("is truncated while one of n choices has not said why it ended", function()
    local function ask(events)
      return assert(client_of(script(answer(sse(events, false)))).chat.completions:create({
        messages = { { role = "user", content = "x" } }, n = 2, stream = true })):result()
    end
    local first = { chunk({ content = "a" }), chunk({ finish = "stop" }) }
    local result, err = ask(first)
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    first[3], first[4] = chunk({ content = "b", index = 1 }), chunk({ finish = "stop", index = 1 })
    assert.equal(2, #assert(ask(first)).choices)
  end)

  it("is cancelled, not truncated, where the task that opened it was", function()
    local f = script(answer(sse({ HELLO[2] }, false), nil, OPEN))
    local stream
    local t = marea.spawn(function()
      stream = assert(open(f))
      marea.sleep(5)
    end)
    while not stream do marea.sleep(0.01) end
    t:cancel()
    local _, err = drain(stream)
    assert.equal("cancelled", err.kind)
    assert.equal("cancelled", select(2, stream:result()).kind)
  end)

  it("is no success because of a ping, or a chunk of another kind, that came before", function()
    for _, first in ipairs({ '{"type":"ping"}', '{"usage":{"t":1}}', '{"object":"hello"}' }) do
      local _, err = assert(stream_of(sse({ first, HELLO[2] }, false))):result()
      assert.equal("truncated", err.kind)
      assert.equal("Hel", err.partial.output_text)
    end
  end)

  it("comes after a last chunk that has no blank line", function()
    local bytes = sse({ HELLO[2] }, false) .. "data: " .. HELLO[4]
    assert.equal("stop", assert(stream_of(bytes)):result().choices[1].finish_reason)
    local seen = 0
    for _ in assert(stream_of(bytes)):chunks() do seen = seen + 1 end
    assert.equal(2, seen)
  end)

  it("raises in a for, and in every kind of for, where the stream broke", function()
    for _, name in ipairs({ "text", "events", "chunks" }) do
      local stream, seen = assert(stream_of(sse({ HELLO[2], HELLO[3] }, false))), 0
      local err = raised(function()
        for _ in stream[name](stream) do seen = seen + 1 end
      end)
      assert.is_true(marea.is_error(err))
      assert.equal("truncated", err.kind)
      assert.equal(2, seen)
    end
  end)

  it("gives the error to next and to result, as often as asked", function()
    local stream = assert(stream_of(sse({ HELLO[2] }, false)))
    local _, err = drain(stream)
    local again, same = stream:next()
    assert.is_nil(again)
    assert.equal(err, same)
    assert.equal(err, select(2, stream:result()))
    assert.equal("marea.stream (truncated)", tostring(stream))
  end)
end)

describe("an error inside a 200 stream", function()
  local forms = {
    ["an object"] = '{"error":{"message":"boom","code":"c1","type":"t"}}',
    ["an object beside empty choices"] = '{"choices":[],"error":{"message":"boom","code":"c1"}}',
    ["an object beside a choice"] = '{"id":"x","choices":[{"index":0,"delta":{"content":""}}],'
      .. '"error":{"message":"boom","code":"c1"}}',
    ["a string"] = '{"error":"boom","code":"c1"}',
    ["one with a number as code"] = '{"error":{"message":"boom","code":502,"metadata":{"raw":"x"}}}',
    ["vLLM's flat object"] = '{"object":"error","message":"boom","code":"c1"}',
    ["one that says type error"] = '{"type":"error","message":"boom","code":"c1"}',
    ["a detail"] = '{"detail":"boom"}',
  }
  for name, data in pairs(forms) do
    it("is raised as `stream` with what had come: " .. name, function()
      local f = script(answer(sse({ HELLO[2], HELLO[3], data }, false), nil, OPEN))
      local stream = assert(open(f))
      local events, err = drain(stream)
      assert.equal(2, #events)
      assert.equal("stream", err.kind)
      assert.equal("boom", err.message)
      if data:find("c1") then assert.equal("c1", err.code) end
      if data:find("502") then assert.equal(502, err.code) end
      assert.equal(200, err.status)
      assert.equal("Hello", err.partial.output_text)
    end)
  end

  for name, bytes in pairs({
      ["with an envelope"] = 'event: error\ndata: {"error":{"message":"boom"}}\n\n',
      ["with a flat payload"] = 'event: error\ndata: {"message":"boom","code":"x"}\n\n' }) do
    it("is an `event: error` " .. name, function()
      local _, err = drain(assert(stream_of(sse({ HELLO[2] }, false) .. bytes)))
      assert.equal("stream", err.kind)
      assert.equal("boom", err.message)
      assert.equal("Hel", err.partial.output_text)
    end)
  end

  it("is an `event: error` that is not JSON, or looks like the chunks before it", function()
    for _, data in ipairs({ "oops", chunk({ content = "zzz" }) }) do
      local bytes = sse({ HELLO[2], HELLO[3] }, false) .. "event: error\ndata: " .. data .. "\n\n"
      local _, err = drain(assert(stream_of(bytes)))
      assert.equal("stream", err.kind)
      assert.equal("Hello", err.partial.output_text)
    end
  end)

  it("is finish_reason error", function()
    local events, err = drain(assert(stream_of(sse({ HELLO[2], chunk({ finish = "error" }) }))))
    assert.equal("stream", err.kind)
    assert.equal("text", events[1].type)
    assert.equal("Hel", err.partial.output_text)
  end)

  for name, value in pairs({ null = "null", ["false"] = "false", ["an empty object"] = "{}",
      ["an empty string"] = '""', ["an object of nulls"] = '{"message":null,"code":null}' }) do
    it("is none where error is " .. name, function()
      local list = {}
      for i, text in ipairs(HELLO) do list[i] = text:gsub("}$", ',"error":' .. value .. "}") end
      local stream = assert(stream_of(sse(list)))
      assert.equal("Hello", table.concat(texts(stream)))
    end)
  end

  it("reaches a for as an error that was raised, after the text before it", function()
    local stream, seen = assert(stream_of(sse({ HELLO[2], forms["an object"] }, false))), {}
    local err = raised(function()
      for text in stream:text() do seen[#seen + 1] = text end
    end)
    assert.equal("stream", err.kind)
    assert.same({ "Hel" }, seen)
  end)

  it("closes the connection", function()
    local f = script(answer(sse({ forms["an object"] }, false), nil,
      { { wait_close = 5 }, { record = "gone" } }))
    drain(assert(open(f)))
    assert.truthy(f.wait_event("mark", 2))
    assert.is_nil(f.wait_event("wait_close_timeout", 0))
  end)
end)

describe("an answer that is no event stream", function()
  local COMPLETION = '{"id":"c","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
    .. '"message":{"role":"assistant","content":"Hi","reasoning_content":"hm","tool_calls":[]},'
    .. '"finish_reason":"stop"}],"usage":{"total_tokens":3}}'
  local JSON = { ["content-type"] = "application/json; charset=utf-8" }

  it("but plain JSON is a stream of one, also where its byte order mark comes first and alone", function()
    local stream = open(script({ { status = 200, headers = { ["content-type"] = "application/json" }, chunked = true },
      { chunk = "\239\187\191" }, { sleep = 0.03 },
      { chunk = '{"choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":"stop"}]}' },
      { last_chunk = true } }))
    assert.equal("Hello", assert(stream):result().output_text)
  end)

  it("is told by the first of two content types", function()
    local body = '{"choices":[{"message":{"role":"assistant","content":"whole"},"finish_reason":"stop"}]}'
    for _, names in ipairs { { "Content-Type", "content-type" }, { "content-type", "Content-Type" } } do
      local head = ("HTTP/1.1 200 OK\r\n%s: application/json\r\n%s: text/event-stream\r\n"):format(names[1], names[2])
      local bytes = ("%sContent-Length: %d\r\n\r\n%s"):format(head, #body, body)
      local stream = assert(open(script({ { send = bytes } })))
      assert.equal("whole", stream:result().output_text)
    end
  end)

  it("but plain JSON is a stream of one", function()
    local events = drain(assert(stream_of(COMPLETION, JSON)))
    local kinds = {}
    for i, event in ipairs(events) do kinds[i] = event.type end
    assert.same({ "reasoning", "text", "finish", "usage" }, kinds)
    assert.same({ "Hi" }, texts(assert(stream_of(COMPLETION, JSON))))
    local result = assert(stream_of(COMPLETION, JSON)):result()
    assert.equal(marea.json.encode(marea.json.decode(COMPLETION), { sort = true }),
      marea.json.encode(result, { sort = true }))
    assert.equal(200, result.response.status)
  end)

  it("and plain JSON that is no completion is `protocol`, as it is when not streamed", function()
    local f = server.shared():script({ { { status = 200, body = '["x"]' } }, { { status = 200, body = '["x"]' } } })
    local client = marea.client({ base_url = f.base_url, model = "m", max_retries = 0 })
    local messages = { { role = "user", content = "x" } }
    for _, streamed in ipairs({ true, false }) do
      local none, err = client.chat.completions:create({ messages = messages, stream = streamed })
      assert.is_nil(none)
      assert.equal("protocol", err.kind)
    end
  end)

  it("but plain JSON is one chunk for who reads chunks", function()
    local seen = {}
    for c in assert(stream_of(COMPLETION, JSON)):chunks() do seen[#seen + 1] = c end
    assert.equal(1, #seen)
    assert.equal("Hi", seen[1].choices[1].message.content)
  end)

  it("but JSON without a content type is taken for what it is", function()
    assert.equal("Hi", assert(stream_of("\n " .. COMPLETION, {})):result().output_text)
  end)

  it("but an error object fails the call", function()
    local stream, err = stream_of('{"error":{"message":"no","code":"x"}}', JSON)
    assert.is_nil(stream)
    assert.equal("no", err.message)
    assert.equal("x", err.code)
  end)

  it("but nothing, or no choices, is `protocol`, never an empty success", function()
    for _, body in ipairs({ "", "  \n", '{"id":"x","choices":null}' }) do
      local stream, err = stream_of(body, JSON)
      assert.is_nil(stream)
      assert.equal("protocol", err.kind)
    end
  end)

  it("but JSON cut short is no success either", function()
    local stream, err = stream_of(COMPLETION:sub(1, 60), JSON)
    assert.is_nil(stream)
    assert.equal("decode", err.kind)
    local cut, why = stream_of(COMPLETION:sub(1, 60), JSON, { { fin = true } })
    assert.is_nil(cut)
    assert.equal("truncated", why.kind)
  end)

  it("but HTML is `protocol`, naming the type, with a short excerpt", function()
    local page = "<html><title>Log in</title>" .. ("x"):rep(5000)
    local stream, err = stream_of(page, { ["content-type"] = "text/html; charset=utf-8" })
    assert.is_nil(stream)
    assert.equal("protocol", err.kind)
    assert.truthy(err.message:find("text/html", 1, true))
    assert.truthy(err.message:find("Log in", 1, true))
    assert.is_true(#err.message < 300)
    assert.is_true(#err.body <= 200)
  end)

  it("and has no content type is not judged by its first byte", function()
    local bytes = sse(HELLO)
    local f = script { { status = 200, chunked = true }, { chunk = bytes:sub(1, 1) }, { sleep = 0.05 },
      { chunk = bytes:sub(2, 4) }, { sleep = 0.05 }, { chunk = bytes:sub(5) }, { last_chunk = true } }
    assert.equal("Hello", tostring(assert(open(f)):result()))
  end)

  it("and has no content type is read if its first line is one of an event stream", function()
    for _, bytes in ipairs({ sse(HELLO), ": hi\n\n" .. sse(HELLO), "\n\n" .. sse(HELLO), "event: x\n" .. sse(HELLO),
        "\239\187\191" .. sse(HELLO) }) do
      assert.equal("Hello", assert(stream_of(bytes, {})):result().output_text)
    end
    local stream, err = stream_of("hello there", {})
    assert.is_nil(stream)
    assert.equal("protocol", err.kind)
  end)

  it("is an event stream in whatever way the type is written", function()
    for _, kind in ipairs({ "text/event-stream", "text/event-stream;", "text/event-stream; charset=utf-8",
        "text/event-stream; charset=windows-1252", "TEXT/Event-Stream" }) do
      assert.equal("Hello", assert(stream_of(sse(HELLO), { ["content-type"] = kind })):result().output_text)
    end
  end)
end)

describe("the framing of a stream", function()
  it("may be anything the standard allows, in pieces of any size", function()
    local lines = { ": OPENROUTER PROCESSING", "", "id: 7", "", ":", "", "event: ping", 'data: {"type":"ping"}', "",
      "retry: 10", "data:" .. HELLO[2], "id: 8", "", ": keep-alive", "", "foo: bar",
      (HELLO[3]:gsub("^(.-,)(.*)$", "data: %1\0data: %2")), "", "data: " .. HELLO[4], "", "data: [DONE]", "", "" }
    for _, ending in ipairs({ "\n", "\r\n", "\r" }) do
      local bytes = table.concat(lines, ending):gsub("%z", ending)
      assert.equal("Hello", assert(stream_of(bytes)):result().output_text)
      local body = ("%x\r\n%s\r\n0\r\n\r\n"):format(#bytes, bytes)
      local f = script({ { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
        .. "transfer-encoding: chunked\r\n\r\n" }, { send_each = body, size = 1 } })
      assert.equal("Hello", assert(open(f)):result().output_text)
    end
  end)

  it("keeps every byte of the text: NUL, emoji cut between events, what is no UTF-8", function()
    local pieces = { "a\0b", "\240\159\145\169", "\226\128\141\240\159\146\187", "x\128y\192\175", "\226\128\168" }
    local list = {}
    for i, piece in ipairs(pieces) do
      local json = '"' .. piece:gsub("%z", "\\u0000") .. '"'
      list[i] = chunk({ delta = '{"content":' .. json .. "}" })
    end
    list[#list + 1] = HELLO[4]
    local stream = assert(stream_of(sse(list)))
    assert.same(pieces, texts(stream))
    assert.equal(table.concat(pieces), stream:result().output_text)
  end)

  it("takes a surrogate pair split between two chunks without an error", function()
    local list = { chunk({ delta = '{"content":"\\ud83d"}' }), chunk({ delta = '{"content":"\\ude00"}' }), HELLO[4] }
    local text = assert(stream_of(sse(list))):result().output_text
    assert.truthy(text == "\240\159\152\128" or text == "\239\191\189\239\191\189", text)
  end)

  it("that is too large for one event is `too_large`, with what had come", function()
    local function of(n)
      return open(script(answer(sse({ HELLO[2], chunk({ content = ("y"):rep(n) }), HELLO[4] }), nil, OPEN)),
        { max_event_size = 1000 })
    end
    assert.equal(703, #assert(of(700)):result().output_text)
    local result, err = assert(of(2000)):result()
    assert.is_nil(result)
    assert.equal("too_large", err.kind)
    assert.equal("Hel", err.partial.output_text)
  end)

  it("is too large as well where the transfer is over by then", function()
    local limit = 1000
    local function of(bytes)
      local result, err = assert(open(script(answer(bytes)), { max_event_size = limit })):result()
      return err and err.kind or result.output_text, err and err.partial.output_text
    end
    local over = limit - #chunk({ content = "" }) + 1
    local large, just, fits = chunk({ content = ("y"):rep(5 * limit) }), chunk({ content = ("y"):rep(over) }),
      chunk({ content = ("y"):rep(over - 1) })
    for _, data in ipairs({ large, just }) do
      assert.same({ "too_large", "Hel" }, { of(sse({ HELLO[2], data, HELLO[4] })) })
      assert.same({ "too_large", "Hel" }, { of(sse({ HELLO[2] }, false) .. "data: " .. data) })
      assert.same({ "too_large", "Hel" }, { of(sse({ HELLO[2] }, false) .. "data: " .. data .. "\n") })
    end
    assert.equal("Hel" .. ("y"):rep(over - 1), (of(sse({ HELLO[2], fits, HELLO[4] }))))
    assert.equal("truncated", (of(sse({ HELLO[2] }, false) .. "data: " .. fits)))
  end)

  it("is exact about the limit of an event", function()
    local function of(limit)
      return assert(open(script(answer(sse({ HELLO[2], HELLO[4] }), nil, OPEN)), { max_event_size = limit })):result()
    end
    local size = math.max(#HELLO[2], #HELLO[4])
    assert.truthy(of(size))
    assert.equal("too_large", select(2, of(size - 1)).kind)
  end)
end)

describe("closing a stream", function()
  -- An open answer whose script marks when the client is gone.
  local function watched(options)
    local f = script(answer(sse({ HELLO[2], HELLO[3] }, false), nil, { { wait_close = 5 }, { record = "gone" } }),
      answer(sse(HELLO)))
    local client = client_of(f, options)
    local stream = assert(client.chat.completions:create({ stream = true,
      messages = { { role = "user", content = "x" } } }))
    return stream, f, client
  end

  -- The socket goes when the loop next turns: with luv's help, not ours.
  local function is_gone(f)
    local deadline = now() + 2
    repeat
      marea.sleep(0.005)
      for _, event in ipairs(f.events()) do
        if event.type == "mark" then return true end
      end
    until now() > deadline
    return false
  end

  it("ends it, frees the connection, and is harmless twice and at any time", function()
    local stream, f = watched()
    stream:close()
    stream:close()
    assert.truthy(f.wait_event("mark", 2), "at once, without the loop being driven")
    assert.same({}, texts(stream))
    assert.same({}, { stream:next() })
    local result, err = stream:result()
    assert.is_nil(result)
    assert.equal("cancelled", err.kind)
    local ended = assert(stream_of(sse(HELLO)))
    local whole = ended:result()
    ended:close()
    assert.equal(whole, ended:result())
    local broken = assert(stream_of(sse({ HELLO[2] }, false)))
    local _, why = broken:result()
    broken:close()
    assert.equal(why, select(2, broken:result()))
  end)

  it("inside the loop that reads it ends that loop cleanly", function()
    local stream, f = watched()
    local seen = {}
    for text in stream:text() do
      seen[#seen + 1] = text
      stream:close()
    end
    assert.same({ "Hel" }, seen)
    assert.truthy(f.wait_event("mark", 2))
    assert.equal("Hel", select(2, stream:result()).partial.output_text)
  end)

  it("from another task cancels the one that waits, exactly once", function()
    for _, how in ipairs({ "next", "text", "result" }) do
      local stream, f = watched()
      marea.run(function()
        local errors = {}
        local reader = marea.spawn(function()
          if how == "next" then
            local _, err = drain(stream)
            errors[#errors + 1] = err
          elseif how == "result" then errors[1] = select(2, stream:result())
          else
            local _, err = pcall(texts, stream)
            errors[#errors + 1] = err
          end
          errors[#errors + 1] = select(2, stream:next())
        end)
        marea.sleep(0.03)
        stream:close()
        stream:close()
        reader:await()
        if how == "result" then table.remove(errors, 2) end
        assert.equal(1, #errors, how)
        assert.equal("cancelled", errors[1].kind)
      end)
      assert.truthy(f.wait_event("mark", 2))
    end
  end)

  it("happens when the task that waits for it is cancelled", function()
    local stream, f = watched()
    local kept
    marea.run(function()
      local task = marea.spawn(function()
        local _, err = pcall(texts, stream)
        kept = err
        error(err, 0)
      end)
      marea.sleep(0.03)
      task:cancel()
      assert.equal("cancelled", task.status)
    end)
    assert.equal("cancelled", kept.kind)
    assert.equal("Hello", kept.partial.output_text)
    assert.truthy(f.wait_event("mark", 2))
  end)

  for name, leave in pairs({
      ["break"] = function(stream) for _ in stream:text() do break end end,
      ["return"] = function(stream) for _ in stream:events() do return end end,
      ["goto"] = assert((loadstring or load)("for _ in (...):text() do goto out end ::out::")),
      ["an error"] = function(stream)
        pcall(function() for _ in stream:chunks() do error("mine") end end)
      end,
      ["an error in a coroutine that is closed, or dropped"] = function(stream)
        local co = coroutine.create(function() for _ in stream:text() do coroutine.yield() end end)
        coroutine.resume(co)
        if coroutine.close then coroutine.close(co) end
      end }) do
    it("is what leaving a `for` by " .. name .. " does on 5.4; close() does it anywhere", function()
      local stream, f = watched()
      leave(stream)
      if not CLOSES then
        assert.equal("marea.stream (open)", tostring(stream))
        stream:close()
      end
      assert.truthy(f.wait_event("mark", 2))
      assert.equal("marea.stream (cancelled)", tostring(stream))
    end)
  end

  it("is what the end of a block does to a <close> variable", function()
    if not CLOSES then return pending("needs 5.4") end
    local stream, f = watched()
    assert(load("local s <close> = ...; s:next()"))(stream)
    assert.truthy(f.wait_event("mark", 2))
  end)

  it("is what the collector does to one that was abandoned", function()
    local stream, f = watched()
    stream:next()
    local weak = setmetatable({ stream }, { __mode = "v" })
    stream = nil
    leaks.collect()
    assert.is_nil(weak[1])
    assert.is_nil(stream)
    assert.is_true(is_gone(f))
  end)

  it("is what the collector does to one whose `for` was left by break", function()
    local f = script(answer(sse({ HELLO[2] }, false), nil, { { wait_close = 5 }, { record = "gone" } }))
    for _ in assert(open(f)):text() do break end
    leaks.collect()
    assert.is_true(is_gone(f))
  end)

  it("gives the place in the limits back, the collector too", function()
    for _, drop in ipairs({ function(stream) stream:close() end, function() end }) do
      local stream, _, client = watched({ limits = { concurrent = 1 }, timeout = { total = 3 } })
      assert.equal(1, client.limits.running)
      drop(stream)
      stream = nil  -- luacheck: ignore
      leaks.collect()
      assert.equal("Hello", tostring(assert(client:ask("x", { stream = true })):result()))
      assert.equal(0, client.limits.running)
    end
  end)

  it("leaves the stream alive while only a `for` holds it, whatever the collector does", function()
    local f = script(answer(sse(HELLO, false), nil, { { sleep = 0.05 }, { chunk = "data: [DONE]\n\n" } }))
    local seen = {}
    for event in assert(open(f)):events() do
      collectgarbage()
      seen[#seen + 1] = event.type
    end
    assert.same({ "text", "text", "finish" }, seen)
  end)
end)

describe("back-pressure", function()
  it("blocks a fast sender while nobody reads, and memory stays flat", function()
    local text = chunk({ content = ("z"):rep(1000) })
    local bytes = "data: " .. text .. "\n\n"
    local block = ("%x\r\n%s\r\n"):format(#bytes, bytes)
    local f = script({ { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n"
      .. "transfer-encoding: chunked\r\n\r\n" }, { repeat_send = block, count = 40000 }, { record = "sent" },
      { wait_close = 5 } })
    local stream = assert(open(f))
    stream:next()
    local before = leaks.rss_kb()
    marea.sleep(0.3)
    assert.is_true(leaks.rss_kb() - before < 6000, "grew by " .. leaks.rss_kb() - before .. " KiB")
    assert.is_nil(f.wait_event("mark", 0))
    for _ = 1, 50 do assert.equal(1000, #stream:next().text) end
    assert.is_nil(f.wait_event("mark", 0))
    stream:close()
  end)

  it("never loses or reorders what waited", function()
    local list = {}
    for i = 1, 4000 do list[i] = chunk({ content = ("%d,%s;"):format(i, ("p"):rep(50)) }) end
    list[#list + 1] = HELLO[4]
    local stream = assert(stream_of(sse(list)))
    marea.sleep(0.05)
    local i = 0
    for text in stream:text() do
      i = i + 1
      assert.equal(("%d,"):format(i), text:match("^%d+,"))
      if i % 1000 == 0 then marea.sleep(0.01) end
    end
    assert.equal(4000, i)
  end)
end)

describe("the clocks of a stream", function()
  it("stand still while nobody reads", function()
    local f = script(answer(sse({ HELLO[2] }, false), nil, { { sleep = 0.3 },
      { chunk = sse({ HELLO[3], HELLO[4] }) }, { last_chunk = true } }))
    local stream = assert(open(f, { timeout = { idle = 0.15, event = 0.15 } }))
    stream:next()
    marea.sleep(0.45)
    assert.equal("Hello", assert(stream:result()).output_text)
  end)

  it("fire while somebody does: idle, with what had come", function()
    local stream = assert(open(script(answer(sse({ HELLO[2] }, false), nil, OPEN)), { timeout = { idle = 0.2 } }))
    local started = now()
    local _, err = stream:result()
    assert.equal("timeout", err.kind)
    assert.equal("idle", err.phase)
    assert.equal("Hel", err.partial.output_text)
    assert.is_true(now() - started > 0.15 and now() - started < 1)
  end)

  it("of idle are set back by a comment, those of event are not", function()
    local function of(clocks)
      local more = {}
      for i = 1, 8 do more[i] = { chunk = ": ping\n\n" } end
      local actions = answer(sse({ HELLO[2] }, false), nil, {})
      for i = 1, 8 do
        actions[#actions + 1] = { sleep = 0.06 }
        actions[#actions + 1] = more[i]
      end
      actions[#actions + 1] = { chunk = sse({ HELLO[3], HELLO[4] }) }
      actions[#actions + 1] = { last_chunk = true }
      return assert(open(script(actions), { timeout = clocks })):result()
    end
    assert.equal("Hello", assert(of({ idle = 0.3 })).output_text)
    local _, err = of({ event = 0.2 })
    assert.equal("event", err.phase)
  end)

  it("of total run on while nobody reads", function()
    local stream = assert(open(script(answer(sse({ HELLO[2] }, false), nil, OPEN)), { timeout = 0.2 }))
    stream:next()
    marea.sleep(0.3)
    local _, err = stream:next()
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.equal("Hel", err.partial.output_text)
  end)
end)

---- text taken by shape --------------------------------------------------------

local PIECES = { '""', '"a"', '" "', '"\\n"', '"\\"q\\""', '"\\\\"', '"\\u00e9"', '"\\ud83d\\ude00"', '"\\ud83d"',
  '"\\ude00x"', '"\195\169"', '"\240\159\152\128"', '"\128"', '"\\u0000"', '"content"', '"\\"content\\":\\"x\\""',
  '"},{"', '"{\\"a\\":1}"', '"\\/"', "null", '"long text that goes on for a while, twice over"', '"x\\ty"', '"1"',
  '"]"', '[{"type":"text","text":"part"}]', '"\226\128\168"', '"a","b":"c"', '"\\x"', '"raw\ttab"' }

local function pick(random, list)
  return list[random(#list)]
end

-- What is no JSON or says the unlikely comes rarely, else every stream would.
local function piece_of(random)
  local piece
  repeat piece = pick(random, PIECES)
  until not (piece:find('^"\\x"') or piece:find("\t") or piece:find('","b"')) or random(12) == 1
  return piece
end

local function delta_json(random)
  local key = pick(random, { "content", "content", "content", "content", "reasoning_content", "refusal" })
  local parts, space = {}, random(4) == 1 and " " or ""
  if random(4) == 1 then parts[1] = '"role":' .. pick(random, { '"assistant"', '""', "null" }) end
  table.insert(parts, random(#parts + 1), ('"%s":%s%s'):format(key, space, piece_of(random)))
  if random(15) == 1 then parts[#parts + 1] = ('"%s":%s'):format(key, piece_of(random)) end
  if random(25) == 1 then parts[#parts + 1] = '"cont\\u0065nt":"a"' end
  if random(10) == 1 then parts[#parts + 1] = '"extra":' .. random(2) end
  return "{" .. table.concat(parts, ",") .. "}"
end

local function chunk_of(random, n)
  local choice = ('{"index":%d,"delta":%s,"finish_reason":null%s}'):format(random(n) - 1, delta_json(random),
    pick(random, { "", "", "", ',"logprobs":null', ',"logprobs":{"content":[{"token":"t"}]}' }))
  local parts = { '"id":"x"', '"choices":[' .. choice .. "]" }
  if random(5) == 1 then parts[#parts + 1] = '"usage":' .. pick(random, { "null", '{"t":1}', '{"t":2}' }) end
  if random(5) == 1 then parts[#parts + 1] = '"tag":' .. random(2) end
  if random(3) == 1 then parts[1], parts[2] = parts[2], parts[1] end
  return "{" .. table.concat(parts, ",") .. "}"
end

-- A stream is runs of much the same chunk, with others in between.
local function random_stream(seed)
  local random = generator(seed)
  local n, list = pick(random, { 1, 1, 1, 2 }), {}
  if random(2) == 1 then list[1] = chunk { role = "assistant", content = pick(random, { "", "", "so" }) } end
  for _ = 1, 3 + random(5) do
    local before = chunk_of(random, n)
    for _ = 1, random(5) do
      list[#list + 1] = before
      before = before:gsub('("content":%s*)%b""', function(head) return head .. piece_of(random) end, 1)
    end
  end
  for index = 0, n - 1 do list[#list + 1] = chunk({ index = index, finish = "stop" }) end
  return sse(list), n
end

describe("text taken without decoding its chunk", function()
  local transfer_methods
  local readers = {}

  local function note(out, f)
    local ok, err = pcall(f)
    if not ok then out[#out + 1] = { failed = err.kind, partial = marea.json.encode(err.partial, { sort = true }) } end
  end

  function readers.events(stream, out)
    note(out, function() for event in stream:events() do out[#out + 1] = event end end)
  end

  function readers.next(stream, out)
    local events, err = drain(stream)
    for _, event in ipairs(events) do out[#out + 1] = event end
    out[#out + 1] = err and err.kind
  end

  function readers.text(stream, out)
    note(out, function() for text in stream:text() do out[#out + 1] = text end end)
  end

  function readers.chunks(stream, out)
    note(out, function()
      for c in stream:chunks() do out[#out + 1] = marea.json.encode(c, { sort = true }) end
    end)
  end

  local function read(f, n, reader)
    local stream = assert(client_of(f).chat.completions:create({ n = n, stream = true,
      messages = { { role = "user", content = "x" } } }))
    local out = {}
    readers[reader](stream, out)
    local result, err = stream:result()
    out.result = result and marea.json.encode(result, { sort = true }) or err.kind
    return out
  end

  local function decoding_all(f, n, reader)
    local learn, read_as = transfer_methods.learn, transfer_methods.read_as
    transfer_methods.learn = function() return false end
    transfer_methods.read_as = function(self, mode) read_as(self, mode) end
    local ok, out = pcall(read, f, n, reader)
    transfer_methods.learn, transfer_methods.read_as = learn, read_as
    return assert(ok and out, out)
  end

  setup(function()
    require("marea.net")
    transfer_methods = debug.getregistry()["marea.transfer"].__index
    assert(type(transfer_methods.learn) == "function")
  end)

  -- How many events `pull` gave decoded, and how many as text.
  local function count_pulled(list)
    local pull, decoded, given = transfer_methods.pull, 0, 0
    transfer_methods.pull = function(self)
      local text, value, kind, message = pull(self)
      if text then given = given + 1
      elseif text == false and message ~= true then decoded = decoded + 1 end
      return text, value, kind, message
    end
    local ok, result = pcall(function() return assert(stream_of(sse(list))):result() end)
    transfer_methods.pull = pull
    return decoded, given, assert(ok and result, result)
  end

  it("is used, or these comparisons say nothing", function()
    local list = {}
    for i = 1, 50 do list[i] = ('{"choices":[{"delta":{"content":"t%d","extra":1}}]}'):format(i) end
    list[51] = HELLO[4]
    local decoded, given = count_pulled(list)
    assert.same({ 2, 49 }, { decoded, given }, "the first chunk says something of its own")
  end)

  it("is in the result once, though gathering the first chunks raised, or read on", function()
    local chat = require "marea.gather.chat"
    local new = chat.new
    for what, meddle in pairs {
      raise = function() error("not enough memory", 0) end,
      ["read on"] = function(stream) stream:next() end,
      ["look at it"] = function(stream) stream:snapshot() end,
      ["read it all"] = function(stream) stream:result() end,
    } do
      local list = { chunk { role = "assistant", content = "" } }
      for i = 1, 9 do list[1 + i] = chunk { content = tostring(i) } end
      list[11] = HELLO[4]
      local stream = assert(stream_of(sse(list)))
      local got, meddled = { stream:next().text, stream:next().text }, false
      chat.new = function(...)
        local gather = new(...)
        function gather:add(...)
          self.add = nil
          if not meddled then
            meddled = true
            meddle(stream)
          end
          return self:add(...)
        end
        return gather
      end
      local ok, first = pcall(stream.snapshot, stream)
      chat.new = new
      assert.is_true(meddled, what)
      assert.equal(what ~= "raise", ok, what)
      if ok then assert.matches("^12", first.output_text, what) end
      for event in (what == "read it all" and stream.next or stream:events()), stream do got[#got + 1] = event.text end
      local left = { ["read on"] = "^12456789$", ["read it all"] = "^12$" }
      assert.matches(left[what] or "^123456789$", table.concat(got), what)
      assert.equal("123456789", stream:result().output_text, what)
      assert.equal("assistant", stream:result().choices[1].message.role, what)
    end
  end)

  it("is after what was looked at before, and each first chunk counts", function()
    local first = '{"id":"first","choices":[{"delta":{"role":"assistant"}}]}'
    local second = '{"id":"second","choices":[{"delta":{"content":"a"}}]}'
    local actions = answer(sse({ first }, false), nil, { { wait_signal = "go" },
      { chunk = sse { second, HELLO[4] } }, { last_chunk = true } })
    local f = script(actions)
    marea.run(function()
      local stream = assert(open(f))
      local reader = marea.spawn(function() return stream:next() end)
      marea.sleep(0.02)        -- the first chunk has been taken, and waits
      assert.equal("first", stream:snapshot().id)
      f.signal "go"
      assert.equal("a", reader:await().text)
      local result = stream:result()
      assert.same({ "first", "a" }, { result.id, result.output_text })
    end)
  end)

  it("is that of a stream's first chunks too, where they say nothing else", function()
    local list = { chunk({ role = "assistant", content = "" }) }
    for i = 1, 50 do list[1 + i] = chunk({ content = "t" .. i }) end
    list[52] = HELLO[4]
    local decoded, given, result = count_pulled(list)
    assert.same({ 1, 50 }, { decoded, given })
    assert.equal("assistant", result.choices[1].message.role)
    assert.equal(50, select(2, result.choices[1].message.content:gsub("t%d+", "")))
    assert.equal("stop", result.choices[1].finish_reason)
  end)

  for name in pairs(readers) do
    it("gives just what decoding each chunk gives, to who reads " .. name, function()
      for seed = 1, 60 do
        local bytes, n = random_stream(seed * 7919 + #name)
        local f = server.shared():script({ answer(bytes) }, { repeat_last = true })
        local slow, fast = decoding_all(f, n, name), read(f, n, name)
        f.forget()
        assert.same(slow, fast, "seed " .. seed .. "\n" .. bytes)
      end
    end)
  end

  local cases = {
    ["a field that changes and comes back"] = { '{"tag":1,"choices":[{"delta":{"content":"a"}}]}',
      '{"tag":2,"choices":[{"delta":{"content":""}}]}', '{"tag":1,"choices":[{"delta":{"content":"b"}}]}' },
    ["usage that comes back"] = { '{"usage":{"t":1},"choices":[{"delta":{"content":"a"}}]}',
      '{"usage":{"t":1},"choices":[{"delta":{"content":"b"}}]}',
      '{"usage":{"t":2},"choices":[{"delta":{"content":"c"}}]}',
      '{"usage":{"t":1},"choices":[{"delta":{"content":"d"}}]}' },
    ["a key that is there twice"] = { '{"choices":[{"delta":{"content":"a","content":"a"}}]}',
      '{"choices":[{"delta":{"content":"b","content":"a"}}]}' },
    ["a key written with an escape as well"] = { '{"choices":[{"delta":{"content":"a","conten\\u0074":"a"}}]}',
      '{"choices":[{"delta":{"content":"b","conten\\u0074":"a"}}]}' },
    ["quotes that end the string early"] = { '{"choices":[{"delta":{"content":"a"}}]}',
      '{"choices":[{"delta":{"content":"b"}},{"delta":{"content":"c"}}]}' },
    ["a control character, which JSON forbids"] = { '{"choices":[{"delta":{"content":"a"}}]}',
      '{"choices":[{"delta":{"content":"b\tc"}}]}' },
    ["an escape that is none"] = { '{"choices":[{"delta":{"content":"a"}}]}',
      '{"choices":[{"delta":{"content":"\\q"}}]}' },
    ["text, reasoning, and text again"] = { '{"choices":[{"delta":{"content":"a"}}]}',
      '{"choices":[{"delta":{"reasoning_content":"b"}}]}', '{"choices":[{"delta":{"reasoning_content":"c"}}]}',
      '{"choices":[{"delta":{"content":"d"}}]}', '{"choices":[{"delta":{"content":"e"}}]}' },
  }
  local alike = '{"choices":[{"delta":{"content":"b"}}]}'
  for name, first in pairs {
    ["an error among its fields"] = '{"error":null,"choices":[{"delta":{"content":"a"}}]}',
    ["an error that counts"] = '{"error":{"message":"no"},"choices":[{"delta":{"content":"a"}}]}',
    ["a type"] = '{"type":"ping","choices":[{"delta":{"content":"a"}}]}',
    ["a type that is an error"] = '{"type":"error","choices":[{"delta":{"content":"a"}}]}',
    ["usage"] = '{"usage":{"t":1},"choices":[{"delta":{"content":"a"}}]}',
    ["usage of the choice"] = '{"choices":[{"delta":{"content":"a"},"usage":{"t":1}}]}',
    ["a reason to end"] = '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}',
    ["an empty reason to end"] = '{"choices":[{"delta":{"content":"a"},"finish_reason":""}]}',
    ["text beside the delta"] = '{"choices":[{"delta":{"content":"a"},"text":"c"}]}',
    ["a message beside the delta"] = '{"choices":[{"message":{"content":"c"},"delta":{"content":"a"}}]}',
    ["two deltas"] = '{"choices":[{"delta":{"content":"a"},"delta":{"content":"c"}}]}',
    ["two contents"] = '{"choices":[{"delta":{"content":"a","content":"c"}}]}',
    ["two lists of choices"] = '{"choices":[{"delta":{"content":"a"}}],"choices":[{"delta":{"content":"c"}}]}',
    ["two choices"] = '{"choices":[{"delta":{"content":"a"}},{"index":1,"delta":{"content":"c"}}]}',
    ["another index"] = '{"choices":[{"index":7,"delta":{"content":"a"}}]}',
    ["no choices"] = '{"id":"x","choices":[]}',
    ["no delta"] = '{"id":"x","choices":[{"index":0}]}',
    ["a delta of null"] = '{"id":"x","choices":[{"index":0,"delta":null}]}',
    ["a role alone"] = '{"id":"x","choices":[{"index":0,"delta":{"role":"assistant"}}]}',
    ["a role that is no string"] = '{"id":"x","choices":[{"index":0,"delta":{"role":7,"content":"a"}}]}',
    ["content of null"] = '{"choices":[{"delta":{"role":"assistant","content":null}}]}',
    ["content that is no string"] = '{"choices":[{"delta":{"role":"assistant","content":7}}]}',
    ["all of null"] = '{"usage":null,"choices":[{"delta":{"content":"a","refusal":null,"tool_calls":null,'
      .. '"reasoning":null,"audio":null},"logprobs":null,"finish_reason":null}],"x":null}',
    ["fields nobody knows"] = '{"a":1,"choices":[{"delta":{"content":"a"},"b":true}],"c":"d","e":1.50}',
    ["a key written with an escape"] = '{"choices":[{"delta":{"conten\\u0074":"a"}}]}',
    ["a choice's key written with an escape"] = '{"choices":[{"delta":{"content":"a"},"t\\u0065xt":"c"}]}',
    ["white space"] = '{ "choices" : [ { "delta" : { "content" : "a" } } ] } ',
    ["what is no JSON"] = '{"choices":[{"delta":{"content":"a"}}]',
    ["what follows JSON"] = '{"choices":[{"delta":{"content":"a"}}]} {}',
    ["a list"] = '[{"choices":[{"delta":{"content":"a"}}]}]',
    ["more than may wait"] = '{"x":"' .. ("x"):rep(3000) .. '","choices":[{"delta":{"content":"a"}}]}',
  } do
    cases["a first chunk with " .. name] = { first, alike, '{"choices":[{"delta":{"content":"c"}}]}' }
    cases["a second chunk with " .. name] = { '{"choices":[{"delta":{"role":"assistant"}}]}', first, alike }
  end
  cases["many chunks without text"] = {}
  for i = 1, 6 do cases["many chunks without text"][i] = '{"n":' .. i .. ',"choices":[{"delta":{"content":""}}]}' end
  for name, list in pairs(cases) do
    it("is exact with " .. name, function()
      list[#list + 1] = HELLO[4]
      local f = server.shared():script({ answer(sse(list)) }, { repeat_last = true })
      for reader in pairs(readers) do assert.same(decoding_all(f, 1, reader), read(f, 1, reader), reader) end
    end)
  end
end)
