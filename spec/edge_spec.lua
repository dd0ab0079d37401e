-- SPDX-License-Identifier: MIT
-- The edges of what is asked and answered: leave to upload, names and
-- addresses, floods that say nothing, answers cut at every byte, many
-- descriptors, and being cancelled before there is a connection.

local socket = require("socket")
local child = require("spec.support.child")
local faults = require("spec.support.faults")
local leaks = require("spec.support.leaks")
local loop = require("marea.loop")
local marea = require("marea")
local server = require("spec.support.server")

local HEAD, text, DONE = faults.SSE_HEAD, faults.text, faults.DONE
local LAST = "0\r\n\r\n"

describe("at the edge", function()
  local s
  local guard = faults.guard()

  setup(function() s = faults.server() end)

  before_each(guard.arm)
  after_each(guard.check)

  describe("a body that asks for leave, because its caller said so,", function()
    local LEAVE = { headers = { Expect = "100-continue" } }
    local BIG = { messages = { { role = "user", content = ("x"):rep(200 * 1024) } } }

    local function ask(...)
      local f = s:script({ { { early = true }, ... } }, { keep_body = 10 })
      local result, err, took = faults.ask(faults.client(f, LEAVE), nil, BIG)
      local request = f.requests()[1]
      assert.truthy(request.head:lower():find("\r\nexpect: 100-continue\r\n", 1, true))
      return result, err, took, request.body_bytes
    end

    it("is sent within a second where the server says nothing", function()
      guard.pooled = 1
      local result, err, took, sent = ask({ wait_request = true }, faults.good())
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.is_true(sent > 200 * 1024)
      assert.is_true(took < 1.1 + faults.LATE)
    end)

    for status, kind in pairs { [401] = "authentication", [417] = "bad_request" } do
      it(("is not sent where it is refused: %d"):format(status), function()
        local _, err, took, sent = ask({ status = status, body = "{}", headers = { connection = "close" } },
          { wait_close = 2 }, { fin = true })
        assert.equal(kind, err.kind)
        assert.equal(status, err.status)
        assert.equal(0, sent)
        assert.is_true(took < faults.LATE)
      end)
    end
  end)

  describe("an address", function()
    it("that can't be reached is connection, at once", function()
      local client = marea.client { base_url = "http://255.255.255.255:81/v1", model = "m", max_retries = 0 }
      local result, err, took = faults.ask(client)
      assert.is_nil(result)
      assert.equal("connection", err.kind)
      assert.truthy(err.message:find("255.255.255.255", 1, true))
      assert.is_true(took < faults.LATE)
    end)

    it("with two names has a connection for each", function()
      guard.pooled = 2
      local f = s:script({ faults.good() }, { repeat_last = true })
      for _, host in ipairs { "localhost", "127.0.0.1", "localhost", "127.0.0.1" } do
        assert(faults.ask(faults.client { base_url = f.base_url:gsub("127%.0%.0%.1", host) }))
      end
      local used = {}
      for i, request in ipairs(f.requests()) do used[i] = request.connection end
      assert.same({ used[1], used[2], used[1], used[2] }, used)
      assert.not_equal(used[1], used[2])
    end)

    it("of version 6 is as good", function()
      local listener = socket.bind("::1", 0)
      if not listener then return pending("there is no ::1") end
      local _, port = listener:getsockname()
      listener:settimeout(2)
      local err
      marea.run(function()
        marea.spawn(function()
          err = select(2, faults.ask(faults.client { base_url = ("http://[::1]:%d/v1"):format(port) }))
        end)
        marea.sleep(0.02)
        local peer = listener:accept()
        if peer then peer:close() end
        listener:close()
      end)
      assert.equal("connection", err.kind)
      assert.is_nil(err.status)
    end)
  end)

  describe("a flood", function()
    local COMMENT = faults.chunk(": " .. ("x"):rep(2000) .. "\n\n")
    local ENDLESS = faults.chunk(("x"):rep(4000))     -- of a comment's line that never ends
    local TINY = faults.chunk(":"):rep(500) .. faults.chunk("\n")

    local floods = { ["of comments"] = { COMMENT, COMMENT }, ["of one comment"] = { faults.chunk(":"), ENDLESS },
      ["of chunks of a byte"] = { TINY, TINY } }

    -- under valgrind it takes longer than that to look at what has come
    local IDLE = os.getenv("MAREA_SANITIZED") and 5 or 0.3

    for name, flood in pairs(floods) do
      it(name .. " holds no memory, is no stall, and ends by the clock of events", function()
        local f = s:script({ { { send = HEAD .. text("uno") .. flood[1] },
          { repeat_send = flood[2]:rep(20), count = 1e6 } } })
        local before = leaks.rss_kb()
        local got, err, took = faults.read(faults.client(f, { timeout = { idle = IDLE, event = 0.6 } }))
        assert.equal("uno", got)
        assert.equal("timeout", err.kind)
        assert.equal("event", err.phase)
        assert.is_true(took >= 0.58 and took < 0.6 + faults.LATE, took)
        assert.is_true(leaks.rss_kb() - before < (os.getenv("MAREA_SANITIZED") and 1e6 or 4096))
      end)
    end

    it("of comments before it doesn't keep an event from its reader", function()
      guard.pooled = 1
      local f = s:script({ { { send = HEAD }, { repeat_send = COMMENT:rep(10), count = 200 },
        { send = text("uno", "stop") .. DONE .. LAST } } })
      local got, err = faults.read(faults.client(f))
      assert.is_nil(err)
      assert.equal("uno", got)
    end)
  end)

  describe("an answer", function()
    it("cut at any byte is an error, never a part that passes for the whole", function()
      guard.pooled = 1
      local body = '{"id":"c","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant",'
        .. '"content":"hola \\u00f1","tool_calls":[{"id":"a","type":"function","function":{"name":"f",'
        .. '"arguments":"{}"}}]},"finish_reason":"tool_calls"}],"usage":{"total_tokens":3}}'
      local step = os.getenv("MAREA_SANITIZED") and 11 or 1
      local replies = {}
      for n = 0, #body - 1, step do replies[#replies + 1] = { send = faults.reply(body:sub(1, n)) } end
      local f = s:script(replies)
      local client = faults.client(f)
      for i = 1, #replies do
        local result, err = faults.ask(client)
        assert.is_nil(result, "cut after " .. (i - 1) * step)
        assert.equal(i == 1 and "protocol" or "decode", err.kind)
      end
    end)

    it("whose length is beyond all numbers is an error", function()
      local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        .. "content-length: 99999999999999999999999\r\n\r\n{\"choices\":[" }, { fin = true } } })
      local result, err = faults.ask(faults.client(f))
      assert.is_nil(result)
      assert.is_string(err.kind)
    end)

    it("that fails and succeeds by turns leaves nothing behind", function()
      guard.pooled = 1
      local replies = {}
      for i = 1, 300 do
        replies[2 * i - 1] = { status = 500, headers = { ["retry-after-ms"] = "0" }, body = "{}" }
        replies[2 * i] = faults.good()
      end
      local f = s:script(replies)
      local client = faults.client(f, { max_retries = 1 })
      for i = 1, 300 do
        assert(faults.ask(client))
        if i == 100 then guard.registry = leaks.registry_size() end
      end
      assert.equal(guard.registry, leaks.registry_size())
      assert.equal(600, #f.requests())
    end)
  end)

  it("of a thousand descriptors and more, calls and streams go on", function()
    local f = s:script({ { { send = HEAD .. text("uno", "stop") .. DONE .. LAST } }, faults.good() },
      { repeat_last = true })
    local output, status = child.code([[
      local files = {}
      for i = 1, 1100 do files[i] = io.open("/dev/null") end
      if #files < 1100 then io.write "too few" return end
      local marea = require "marea"
      local client = marea.client { base_url = (...), model = "m", max_retries = 0 }
      local messages = { { role = "user", content = "x" } }
      local stream = assert(client.chat.completions:create { messages = messages, stream = true })
      io.write(stream:result().output_text, " ", assert(client:ask "x").output_text)
    ]], { f.base_url })
    if output == "too few" then return pending("this process may not open so many") end
    assert.equal("uno hecho", output)
    assert.equal(0, status)
  end)

  it("of a host's loop, a stream that waits unread, and so keeps no handle, goes on when it is read", function()
    local bytes = faults.chunk("data: " .. server.chunk_json { content = ("x"):rep(1000) } .. "\n\n")
    local f = s:script({ { { send = HEAD }, { repeat_send = bytes, count = 600 },
      { send = text("y", "stop") .. DONE .. LAST } } })
    local output, status = child.code([[
      local uv = require "luv"
      local marea = require "marea"
      marea.attach(uv)
      local client = marea.client { base_url = (...), model = "m", max_retries = 0, timeout = { connect = 0.2 } }
      local messages, stream = { { role = "user", content = "x" } }, nil
      marea.spawn(function()
        stream = assert(client.chat.completions:create { messages = messages, stream = true })
        assert(stream:next())
      end)
      local started = uv.hrtime()
      local timer = uv.new_timer()
      timer:start(300, 0, function() timer:close() end)
      uv.run()                       -- ends, though the stream has not
      io.write((uv.hrtime() - started) / 1e9 < 2 and "ended " or "went on ")
      marea.spawn(function() io.write(#assert(stream:result()).output_text) end)
      uv.run()
    ]], { f.base_url })
    assert.equal("ended 600001", output)
    assert.equal(0, status)
  end)

  describe("before there is a connection, cancelling", function()
    local function cancel_soon(client, seconds)
      local inner
      marea.run(function()
        local t = marea.spawn(function()
          local _, err = pcall(faults.ask, client)
          inner = err
          error(err, 0)
        end)
        marea.sleep(seconds)
        local started = socket.gettime()
        t:cancel()
        assert.is_true(socket.gettime() - started < faults.LATE)
        assert.equal("cancelled", t.status)
        assert.equal(0, loop.engine():stats().transfers)
      end)
      assert.equal("cancelled", inner.kind)
    end

    it("reaches a name that is being looked up", function()
      cancel_soon(faults.client { base_url = "http://slow.invalid/v1" }, 0)
    end)

    it("reaches a handshake that is not answered", function()
      local f = s:port_script { { { wait_bytes = 20 }, { keep_open = true } } }
      cancel_soon(faults.client({ base_url = "https://127.0.0.1:" .. f.port .. "/v1" }), 0.1)
      assert.truthy(f.wait_event("eof", 2) or f.wait_event("reset", 0))
      f.forget()
    end)
  end)
end)
