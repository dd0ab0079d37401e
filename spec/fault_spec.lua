-- SPDX-License-Identifier: MIT
-- Faults of the transport, each really made on a socket: what the caller is
-- told, what he keeps of what had come, and that nothing is left behind.

local child = require("spec.support.child")
local socket = require("socket")
local faults = require("spec.support.faults")
local loop = require("marea.loop")
local marea = require("marea")
local server = require("spec.support.server")

local unpack = table.unpack or unpack

local chunk, text, DONE, HEAD = faults.chunk, faults.text, faults.DONE, faults.SSE_HEAD

local LAST = "0\r\n\r\n"
local OK = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"

describe("a fault of the transport", function()
  local s
  local guard = faults.guard()

  setup(function() s = faults.server() end)

  before_each(guard.arm)
  after_each(guard.check)

  -- One scripted reply, asked for with stream = true: text, err.
  local function read(actions)
    local f = s:script({ actions })
    local got, err, seconds = faults.read(faults.client(f))
    assert.is_true(seconds < 2)
    assert.equal(1, #f.requests())
    return got, err
  end

  -- One scripted reply, asked for whole: err.
  local function ask(actions, options)
    local f = s:script({ actions })
    local result, err, seconds = faults.ask(faults.client(f, options))
    assert.is_true(seconds < 2)
    return err, result, f
  end

  describe("in a stream", function()
    local cases = {
      { "cut inside a chunk", "truncated", "uno dos",
        HEAD .. text("uno ") .. text("dos") .. "ff\r\ndata: {\"id\":" },
      { "cut between two chunks", "truncated", "uno", HEAD .. text("uno") },
      { "cut inside a character", "truncated", "uno",
        HEAD .. text("uno") .. "ff\r\ndata: {\"choices\":[{\"delta\":{\"content\":\"ma\195" },
      { "cut inside the size of a chunk", "truncated", "uno", HEAD .. text("uno") .. "f" },
      { "ended without [DONE] nor a reason", "truncated", "uno", HEAD .. text("uno") .. LAST, kept = 1 },
      { "with a chunk size that is no number", "protocol", "uno", HEAD .. text("uno") .. "zz\r\nhola\r\n" },
      { "with a chunk size beyond all sizes", "protocol", "uno",
        HEAD .. text("uno") .. ("f"):rep(40) .. "\r\nhola\r\n" },
      { "shorter than its content-length", "truncated", "uno",
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 5000\r\n\r\n"
          .. "data: " .. server.chunk_json { content = "uno" } .. "\n\n" },
    }

    for _, case in ipairs(cases) do
      it("is " .. case[2] .. " and keeps what had come: " .. case[1], function()
        guard.pooled = case.kept or 0
        local got, err = read { { send = case[4] }, { fin = true } }
        assert.equal(case[3], got)
        assert.equal(case[2], err.kind)
        assert.equal(200, err.status)
        assert.equal(case[3], err.partial.output_text)
      end)
    end

    it("is truncated when the server shuts its side alone, and still listens", function()
      local got, err = read { { send = HEAD .. text("uno") }, { half_close = true }, { wait_close = 2 } }
      assert.equal("uno", got)
      assert.equal("truncated", err.kind)
      assert.equal("uno", err.partial.output_text)
    end)

    it("is truncated when the connection is reset in the middle", function()
      local got, err = read { { send = HEAD .. text("uno") }, { sleep = 0.05 }, { rst = true } }
      assert.equal("uno", got)
      assert.equal("truncated", err.kind)
      assert.equal("uno", err.partial.output_text)
    end)

    it("never looks like an end to an iterator: it raises", function()
      local f = s:script({ { { send = HEAD .. text("uno") }, { fin = true } } })
      local stream = assert(faults.client(f).chat.completions:create {
        messages = faults.messages, stream = true })
      local parts = {}
      local ok, err = pcall(function()
        for piece in stream:text() do parts[#parts + 1] = piece end
      end)
      assert.is_false(ok)
      assert.equal("truncated", err.kind)
      assert.same({ "uno" }, parts)
      local result, again = stream:result()
      assert.is_nil(result)
      assert.equal(err, again)
    end)

    it("is none once [DONE] was read: no last chunk", function()
      local got, err = read { { send = HEAD .. text("uno", "stop") .. DONE }, { fin = true } }
      assert.equal("uno", got)
      assert.is_nil(err)
    end)

    it("is none once [DONE] was read: a reset", function()
      local got, err = read { { send = HEAD .. text("uno", "stop") .. DONE }, { rst = true } }
      assert.equal("uno", got)
      assert.is_nil(err)
    end)

    it("is none once [DONE] was read: nothing more, and the connection stays open", function()
      local got, err = read { { send = HEAD .. text("uno", "stop") .. DONE }, { keep_open = true } }
      assert.equal("uno", got)
      assert.is_nil(err)
    end)

    it("loses no byte that came before a reset", function()
      local piece = ("x"):rep(2800)
      local bytes = HEAD .. text(piece)
      local replies = {}
      for i = 1, 100 do replies[i] = { { send = bytes }, { rst = true } } end
      local f = s:script(replies)
      local client = faults.client(f)
      for _ = 1, 100 do
        local got, err = faults.read(client)
        assert.equal(#piece, #(got or ""))
        assert.equal("truncated", err.kind)
        assert.equal(piece, err.partial.output_text)
      end
    end)

    it("isn't an event larger than what is fetched ahead, even the first one", function()
      guard.pooled = 1
      local piece = ("x"):rep(700 * 1024)
      local got, err = read { { send = HEAD .. text(piece) .. text("y") .. text(piece, "stop") .. DONE .. LAST } }
      assert.is_nil(err)
      assert.is_true(got == piece .. "y" .. piece)
    end)

    it("comes to the same in segments of one byte", function()
      guard.pooled = 1
      local bytes = HEAD .. text("ma\195\177ana ") .. text("ser\195\161", "stop") .. DONE .. LAST
      local got, err = read { { send_each = bytes, size = 1 } }
      assert.is_nil(err)
      assert.equal("ma\195\177ana ser\195\161", got)
    end)
  end)

  describe("in an answer read whole", function()
    local cases = {
      { "FIN before the reply", "connection", { { fin = true } } },
      { "RST before the reply", "connection", { { rst = true } } },
      { "FIN inside the status line", nil, { { send = "HTTP/1.1 20" }, { fin = true } } },
      { "FIN inside a header", "truncated", { { send = OK .. "x-long: abc" }, { fin = true } }, kept = 1 },
      { "RST inside the headers", "truncated",
        { { send = OK .. "x-long: a\r\n" }, { sleep = 0.05 }, { rst = true } } },
      { "a content-length longer than the body", "truncated",
        { { send = OK .. "content-length: 100\r\n\r\n{\"a\":" }, { fin = true } } },
      { "RST inside the body", "truncated",
        { { send = OK .. "content-length: 100\r\n\r\n{\"a\":" }, { sleep = 0.05 }, { rst = true } } },
      { "only a 100", "connection", { { send = "HTTP/1.1 100 Continue\r\n\r\n" }, { fin = true } } },
      { "not HTTP at all", "protocol", { { send = "220 smtp.example ESMTP\r\n" }, { fin = true } } },
      { "a header with a NUL", "protocol",
        { { send = OK .. "x: a\0b\r\ncontent-length: 2\r\n\r\n{}" }, { fin = true } } },
      { "a header without a colon", "protocol",
        { { send = OK .. "nonsense\r\ncontent-length: 2\r\n\r\n{}" }, { fin = true } } },
      { "a 100, then a reset", "connection",
        { { send = "HTTP/1.1 100 Continue\r\n\r\n" }, { sleep = 0.05 }, { rst = true } } },
      { "a negative content-length", "protocol", { { send = OK .. "content-length: -5\r\n\r\n{}" }, { fin = true } } },
      { "a content-length of letters", nil, { { send = OK .. "content-length: abc\r\n\r\n{}" }, { fin = true } } },
      { "two content-lengths", nil,
        { { send = OK .. "content-length: 2\r\ncontent-length: 90\r\n\r\n{}" }, { fin = true } } },
      { "bad chunking", "protocol",
        { { send = OK .. "transfer-encoding: chunked\r\n\r\nxyz\r\n{}" }, { fin = true } } },
      { "status 999", "protocol",
        { { send = "HTTP/1.1 999 X\r\ncontent-length: 2\r\n\r\n{}" }, { fin = true } }, kept = 1 },
      { "status 000", nil, { { send = "HTTP/1.1 000 X\r\ncontent-length: 2\r\n\r\n{}" }, { fin = true } } },
      { "status -1", nil, { { send = "HTTP/1.1 -1 X\r\ncontent-length: 2\r\n\r\n{}" }, { fin = true } } },
      { "an empty 200", "protocol", { { send = OK .. "content-length: 0\r\n\r\n" }, { fin = true } }, kept = 1 },
    }

    for _, case in ipairs(cases) do
      it("is " .. (case[2] or "an error") .. ": " .. case[1], function()
        guard.pooled = case.kept or 0      -- libcurl keeps what it takes for whole
        -- a port of its own: on a kept connection libcurl would mend some of these
        local f = s:port_script({ { { wait_request = true }, unpack(case[3]) } }, { repeat_last = false })
        local result, err = faults.ask(faults.client(f))
        assert.equal(1, #f.requests())
        f.forget()
        assert.is_nil(result)
        assert.is_true(marea.is_error(err))
        if case[2] then assert.equal(case[2], err.kind) end
        assert.is_nil(err.partial)
        if err.attempts then assert.equal(1, #err.attempts) end
      end)
    end

    it("is no fault: chunked and a content-length, where chunked wins", function()
      guard.pooled = 1
      local err, result = ask { { send = OK .. "content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"
        .. chunk(faults.COMPLETION) .. LAST } }
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
    end)

    it("is no fault: interim answers, several in a row", function()
      guard.pooled = 1
      local err, result = ask { { send = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: <x>\r\n\r\n"
        .. "HTTP/1.1 103 Early Hints\r\nx-early: yes\r\n\r\n" .. faults.reply(faults.COMPLETION, "x-late: yes\r\n") } }
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.equal(200, result.response.status)
      assert.equal("yes", result.response.headers["x-late"])
      assert.is_nil(result.response.headers["x-early"])
    end)

    it("is no fault: HTTP/1.0, no length, ended by closing", function()
      local err, result = ask { { send = "HTTP/1.0 200 OK\r\ncontent-type: application/json\r\n\r\n"
        .. faults.COMPLETION }, { fin = true } }
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
    end)

    it("is no fault: bytes beyond ASCII in a header, folded lines, the same header twice", function()
      guard.pooled = 1
      local err, result = ask { { send = faults.reply(faults.COMPLETION,
        "x-name: caf\233\r\nx-fold: a\r\n b\r\nset-cookie: a=1, x\r\nset-cookie: b=2\r\n") } }
      assert.is_nil(err)
      local headers = result.response.headers
      assert.equal("caf\233", headers["x-name"])
      assert.equal("a b", headers["x-fold"])
      assert.same({ "a=1, x", "b=2" }, headers["set-cookie"])
    end)

    it("is no fault: trailers, which are not taken for headers", function()
      guard.pooled = 1
      local err, result = ask { { send = OK .. "transfer-encoding: chunked\r\n\r\n" .. chunk(faults.COMPLETION)
        .. "0\r\nx-trailer: 1\r\n\r\n" } }
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.is_nil(result.response.headers["x-trailer"])
    end)

    it("is too_large, not out of memory: headers without end", function()
      local floods = { ("x-a: b\r\n"):rep(6000), "x-a: " .. ("b"):rep(400 * 1024) .. "\r\n",
        ("x-a: " .. ("b"):rep(1000) .. "\r\n"):rep(400) }
      for _, flood in ipairs(floods) do
        local err = ask { { send = OK .. flood .. "content-length: 2\r\n\r\n{}" }, { fin = true } }
        assert.equal("too_large", err.kind)
        assert.truthy(err.message:find("headers are too large", 1, true), err.message)
      end
    end)

    it("is no fault: one header of 90 KB", function()
      guard.pooled = 1
      local err, result = ask { { send = faults.reply(faults.COMPLETION, "x-a: " .. ("b"):rep(90 * 1024) .. "\r\n") } }
      assert.is_nil(err)
      assert.equal(90 * 1024, #result.response.headers["x-a"])
    end)

    it("is too_large: a body beyond max_body_size, chunked or not, and no sooner", function()
      guard.pooled = 1
      local body = faults.COMPLETION
      local err = ask({ { send = faults.reply(body) }, { fin = true } }, { max_body_size = #body - 1 })
      assert.equal("too_large", err.kind)
      err = ask({ { send = OK .. "transfer-encoding: chunked\r\n\r\n" .. chunk(body) .. LAST }, { fin = true } },
        { max_body_size = #body - 1 })
      assert.equal("too_large", err.kind)
      assert.truthy(err.message:find("the answer's body is too large", 1, true), err.message)
      local _, result = ask({ { send = faults.reply(body) } }, { max_body_size = #body })
      assert.equal("hecho", result.output_text)
    end)

    -- libcurl had been told to wait with what goes beyond, and says only once
    -- that it could not hand it over.
    it("is too_large at once, where the rest of a body never comes", function()
      for _, kib in ipairs { 66, 72, 80 } do
        local f = s:script { { { send = OK .. "content-type: application/json\r\ncontent-length: 400000\r\n\r\n" },
          { send = ("x"):rep(kib * 1024) }, { keep_open = true } } }
        local client = faults.client(f, { max_body_size = 65 * 1024, timeout = { idle = 20 } })
        local got, err, seconds = faults.read(client)
        assert.is_nil(got)
        assert.equal("too_large", err.kind)
        assert.is_true(seconds < 2 + faults.LATE, seconds .. " s")
      end
    end)
  end)

  describe("in connecting", function()
    it("is connection: refused, with host and port alone in the message", function()
      local free = socket.bind("127.0.0.1", 0)
      local _, port = free:getsockname()
      free:close()
      local client = marea.client { base_url = "http://127.0.0.1:" .. port .. "/v1", model = "m", max_retries = 0,
        api_key = "sk-refused-canary" }
      local result, err, seconds = faults.ask(client)
      assert.is_nil(result)
      assert.equal("connection", err.kind)
      assert.truthy(err.message:find("127.0.0.1", 1, true))
      assert.is_true(seconds < 1)
      assert.equal(1, #err.attempts)
      assert.is_nil(tostring(err):find("canary", 1, true))
    end)

    it("is connection: a name that can't be found", function()
      local client = marea.client { base_url = "http://name.invalid/v1", model = "m", max_retries = 0 }
      local result, err = faults.ask(client, { timeout = { connect = 5 } })
      assert.is_nil(result)
      assert.equal("connection", err.kind)
      assert.truthy(err.message:find("name.invalid", 1, true))
    end)
  end)

  it("is told to each of many calls where descriptors run out", function()
    local f = s:script({ { { sleep = 0.3 }, faults.good() } }, { repeat_last = true })
    assert.equal("true\t40\n", (child.starved(25, [[
      local marea, base_url = require "marea", ...
      local client = marea.client { base_url = base_url, model = "m", max_retries = 0 }
      local well, refused = 0, 0
      marea.run(function()
        for _ = 1, 40 do
          marea.spawn(function()
            local answer, err = client:ask "Hola"
            if answer then well = well + 1 else refused = refused + (err.kind == "connection" and 1 or 0) end
          end)
        end
      end)
      print(well > 0 and refused > 0, well + refused)
    ]], f.base_url)))
  end)

  it("for want of any descriptor is told, and doesn't end the process", function()
    local output, status = child.starved(40, [[
      local marea = require "marea"
      require "marea.ready"
      local files = {}
      repeat
        local file = io.open "/dev/null"
        files[#files + 1] = file
      until not file
      for free = 0, 3 do
        local client = marea.client { base_url = "http://127.0.0.1:9/v1", model = "m", max_retries = 0 }
        local ok, raised, err = pcall(client.ask, client, "Hola")
        print(free, (tostring(ok and err or raised):gsub("^.*: ", "")))
        table.remove(files):close()
      end
      for _ = 1, 8 do table.remove(files):close() end
      print(select(2, marea.client { base_url = "http://127.0.0.1:9/v1", model = "m", max_retries = 0 }:ask "x").kind)
    ]], "")
    assert.equal(0, status, output)
    assert.matches("^0\t[^\n]*\n1\t[^\n]*\n2\t[^\n]*\n3\t[^\n]*descriptors[^\n]*\nconnection\n$", output)
  end)

  describe("of a connection that was kept", function()
    -- The first connection answers once, then goes the way `ending` says.
    local function keep_then(ending)
      local f = s:port_script({
        { { wait_request = true }, { status = 200, body = faults.COMPLETION }, ending[1], ending[2] },
        { { wait_request = true }, { status = 200, body = faults.COMPLETION }, { keep_open = true } },
      }, { repeat_last = true })
      local retries = {}
      local client = faults.client(f, { on = { retry = function(e) retries[#retries + 1] = e end } })
      assert(faults.ask(client))
      if ending.pause then socket.sleep(ending.pause) end
      local result, err = faults.ask(client)
      return result, err, f, retries
    end

    local ways = {
      ["closed while idle"] = { { fin = true }, pause = 0.05 },
      ["reset while idle"] = { { rst = true }, pause = 0.05 },
      ["closed as the next request comes"] = { { wait_head = true }, { fin = true } },
      ["reset as the next request comes"] = { { wait_head = true }, { rst = true } },
    }

    for name, ending in pairs(ways) do
      it("is mended once, on a fresh one: " .. name, function()
        guard.pooled = 1
        local result, err, f, retries = keep_then(ending)
        assert.is_nil(err)
        assert.equal("hecho", result.output_text)
        local connections = {}
        for _, request in ipairs(f.requests()) do connections[request.connection] = true end
        assert.equal(2, (next(connections) and 1 or 0) + (next(connections, next(connections)) and 1 or 0))
        -- one that is seen to be gone is not used
        assert.is_true(#retries == 1 or ending.pause and #retries == 0, #retries .. " tries more")
        for _, e in ipairs(retries) do
          assert.same({ 0, 1, "connection" }, { e.wait, e.attempt, e.error.kind })
        end
        f.forget()
      end)
    end

    it("is an attempt like any other where the next one fails too", function()
      local f = s:port_script({
        { { wait_request = true }, faults.good(), { wait_head = true }, { fin = true } },
        { { wait_request = true }, { status = 400, body = "{}", headers = { connection = "close" } }, { fin = true } },
      }, { repeat_last = false })
      local client = faults.client(f)
      assert(faults.ask(client))
      local _, err = faults.ask(client)
      assert.equal("bad_request", err.kind)
      assert.same({ { kind = "connection", wait = 0 }, { status = 400, kind = "bad_request" } }, err.attempts)
      f.forget()
    end)

    it("isn't possible after connection: close, nor after an answer that broke", function()
      guard.pooled = 1
      local f = s:script({
        { { status = 200, headers = { connection = "close" }, body = faults.COMPLETION } },
        { { send = OK .. "content-length: 100\r\n\r\n{\"a\":" }, { fin = true } },
        { faults.good() }, { faults.good() },
      })
      local client = faults.client(f)
      for _ = 1, 4 do faults.ask(client) end
      local requests = f.requests()
      assert.equal(4, #requests)
      assert.not_equal(requests[1].connection, requests[2].connection)
      assert.not_equal(requests[2].connection, requests[3].connection)
      assert.equal(requests[3].connection, requests[4].connection)
    end)

    it("lets no byte too many into the next answer", function()
      guard.pooled = 1
      local f = s:script({
        { { send = faults.reply(faults.COMPLETION) .. faults.reply('{"choices":[],"stolen":true}') } },
        faults.good() })
      local client = faults.client(f)
      assert(faults.ask(client))
      local result, err = faults.ask(client)
      assert.is_nil(err)
      assert.is_nil(result.stolen)
      assert.equal("hecho", result.output_text)
    end)

    it("is shared by clients of different keys, the keys never are", function()
      guard.pooled = 1
      local f = s:script({ faults.good(), faults.good(), faults.good() })
      assert(faults.ask(faults.client(f, { api_key = "key-one" })))
      assert(faults.ask(faults.client(f, { api_key = "key-two" })))
      assert(faults.ask(faults.client(f)))
      local seen = {}
      for i, request in ipairs(f.requests()) do
        seen[i] = request.head:match("[Aa]uthorization: ([^\r\n]*)") or "none"
      end
      assert.same({ "Bearer key-one", "Bearer key-two", "none" }, seen)
    end)
  end)

  describe("in an upload", function()
    local BIG = { messages = { { role = "user", content = ("x"):rep(20 * 1024 * 1024) } } }

    for status, kind in pairs { [413] = "too_large", [401] = "authentication" } do
      it(("gives way to what the server answered meanwhile: %d"):format(status), function()
        local f = s:script({ { { early = true }, { status = status, body = '{"error":{"message":"basta"}}',
          headers = { connection = "close" } }, { wait_close = 1 }, { fin = true } } }, { keep_body = 1024 })
        local result, err, seconds = faults.ask(faults.client(f), nil, BIG)
        assert.is_nil(result)
        assert.equal(kind, err.kind)
        assert.equal(status, err.status)
        assert.equal("basta", err.message)
        assert.is_true(seconds < 3)
      end)
    end

    it("is connection when the server goes away before it answers", function()
      local f = s:script({ { { early = true }, { sleep = 0.05 }, { rst = true } } }, { keep_body = 1024 })
      local result, err = faults.ask(faults.client(f), nil, BIG)
      assert.is_nil(result)
      assert.equal("connection", err.kind)
    end)

    it("isn't provoked by asking for leave: no Expect on a large body", function()
      guard.pooled = 1
      local f = s:script({ faults.good() }, { keep_body = 1024 })
      assert(faults.ask(faults.client(f), nil, BIG))
      local request = f.requests()[1]
      assert.is_nil(request.head:lower():find("expect:", 1, true))
      assert.is_true(request.body_bytes > 20 * 1024 * 1024)
    end)
  end)

  it("after a try that was refused is told of with each try, though its status was 200", function()
    guard.pooled = 2
    local refused = { status = 503, headers = { ["retry-after-ms"] = "5" }, body = "{}" }
    local whole = {
      decode = { { status = 200, body = '{"choices":' } },
      protocol = { { status = 200, body = '{"id":"x"}' } },
      server = { { status = 200, body = '{"error":{"message":"no","code":500}}' } },
    }
    local streamed = {
      stream = { { sse = { server.chunk_json { content = "uno" }, '{"error":{"message":"no"}}' } } },
      truncated = { { send = HEAD .. text("uno") }, { fin = true } },
      decode = { { send = HEAD .. text("uno") .. chunk("data: {\n\n") .. LAST } },
      protocol = { { send = HEAD .. LAST } },
    }
    for _, way in ipairs { { faults.ask, whole }, { faults.read, streamed } } do
      for kind, last in pairs(way[2]) do
        local f = s:script({ { refused }, last })
        local _, err = way[1](faults.client(f, { max_retries = 1 }))
        assert.equal(kind, err.kind)
        assert.equal(2, #f.requests())
        assert.same({ { status = 503, kind = "server", wait = 0.005 }, { status = 200, kind = kind } }, err.attempts)
      end
    end
  end)

  it("wakes every task it struck, and those alone", function()
    guard.pooled = 1
    local f = s:script({ { { send = HEAD .. text("uno") }, { rst = true } } }, { repeat_last = true })
    local healthy = s:script({ { { sleep = 0.2 }, faults.good() } })
    local kinds, fine = {}, nil
    marea.run(function()
      marea.spawn(function() fine = faults.ask(faults.client(healthy)) end)
      for i = 1, 5 do
        marea.spawn(function()
          local _, err = faults.read(faults.client(f))
          kinds[i] = err.kind
        end)
      end
    end)
    assert.same({ "truncated", "truncated", "truncated", "truncated", "truncated" }, kinds)
    assert.equal("hecho", fine.output_text)
  end)

  it("leaves only idle connections, which go with the engine", function()
    guard.over = true
    local before = faults.fds()
    local open = s:stats().open_connections
    loop.engine():close()
    assert.is_true(faults.fds() < before)
    socket.sleep(0.05)
    assert.is_true(s:stats().open_connections < open)
  end)
end)
