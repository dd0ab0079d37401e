-- SPDX-License-Identifier: MIT
-- The clocks: which one rings, when, and what doesn't make it ring.

local socket = require("socket")
local faults = require("spec.support.faults")
local marea = require("marea")

local text, chunk, DONE, HEAD = faults.text, faults.chunk, faults.DONE, faults.SSE_HEAD

local LAST = "0\r\n\r\n"

describe("a clock", function()
  local s
  local guard = faults.guard()

  setup(function() s = faults.server() end)

  before_each(guard.arm)
  after_each(guard.check)

  -- `seconds` is its length: it never rings early, and soon after.
  local function check_timeout(err, phase, took, seconds)
    assert.equal("timeout", err.kind)
    assert.equal(phase, err.phase)
    assert.is_true(took >= seconds * 0.98, "rang early: " .. took)
    assert.is_true(took <= seconds + faults.LATE, "rang late: " .. took)
  end

  describe("named connect", function()
    it("rings when connecting hangs, and the waiting task goes on", function()
      local f = s:port_script({}, { full = true })
      local result, err, took
      marea.run(function()
        result, err, took = faults.ask(faults.client(f, { timeout = { connect = 0.3 } }))
      end)
      assert.is_nil(result)
      check_timeout(err, "connect", took, 0.3)
      assert.equal(1, #err.attempts)
      f.forget()
    end)

    it("rings when a TLS handshake is never answered", function()
      local f = s:port_script { { keep_open = true } }
      local client = marea.client { base_url = "https://127.0.0.1:" .. f.port .. "/v1", model = "m", max_retries = 0,
        timeout = { connect = 0.3 } }
      local _, err, took = faults.ask(client)
      check_timeout(err, "connect", took, 0.3)
      f.forget()
    end)

    it("rings once for each try, without drift", function()
      local f = s:port_script({}, { full = true })
      local _, err, took = faults.ask(faults.client(f, { timeout = { connect = 0.2 }, max_retries = 1 }))
      assert.equal("timeout", err.kind)
      assert.equal(2, #err.attempts)
      assert.equal("timeout", err.attempts[1].kind)
      local expected = 0.4 + err.attempts[1].wait
      assert.is_true(took >= expected - 0.02 and took < expected + faults.LATE, took)
      f.forget()
    end)

    it("doesn't ring for a server that took the connection and is slow to answer", function()
      guard.pooled = 1
      local f = s:script({ { { sleep = 0.5 }, faults.good() } })
      assert(faults.ask(faults.client(f, { timeout = { connect = 0.2 } })))
    end)
  end)

  describe("named first_byte", function()
    it("rings when nobody takes the connection from the kernel's queue", function()
      local f = s:port_script({}, { accept = false })
      local _, err, took = faults.ask(faults.client(f, { timeout = { first_byte = 0.3 } }))
      check_timeout(err, "first_byte", took, 0.3)
      f.forget()
    end)

    it("rings when the request was read and nothing comes", function()
      local f = s:script({ { { keep_open = true } } })
      local _, err, took = faults.ask(faults.client(f, { timeout = { first_byte = 0.3 } }))
      check_timeout(err, "first_byte", took, 0.3)
      assert.is_nil(err.status)
      assert.is_truthy(f.wait_event("eof", 1) or f.wait_event("reset", 1))
    end)

    it("rings when only the headers came, for a whole answer and for a stream", function()
      local head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: 10\r\n\r\n"
      local f = s:script({ { { send = head }, { keep_open = true } } }, { repeat_last = true })
      local client = faults.client(f, { timeout = { first_byte = 0.3 } })
      local _, err, took = faults.ask(client)
      check_timeout(err, "first_byte", took, 0.3)
      local got
      got, err, took = faults.read(client)
      assert.is_nil(got)
      check_timeout(err, "first_byte", took, 0.3)
    end)

    it("is tried again after, even where headers had come", function()
      guard.pooled = 1
      local head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 10\r\n\r\n"
      local f = s:script({ { { send = head }, { keep_open = true } }, faults.good() })
      local result, err = faults.ask(faults.client(f, { timeout = { first_byte = 0.2 }, max_retries = 1 }))
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.equal(2, #f.requests())
    end)

    it("isn't stopped by interim answers", function()
      local f = s:script({ { { send = "HTTP/1.1 103 Early Hints\r\n\r\n" }, { keep_open = true } } })
      local _, err, took = faults.ask(faults.client(f, { timeout = { first_byte = 0.3 } }))
      check_timeout(err, "first_byte", took, 0.3)
    end)

    it("counts from the end of a big upload, not from its start", function()
      guard.pooled = 1
      local big = { messages = { { role = "user", content = ("x"):rep(24 * 1024 * 1024) } } }
      local f = s:script({ { { early = true }, { stop_reading = true }, { sleep = 0.6 }, { start_reading = true },
        { wait_request = true }, faults.good() } }, { keep_body = 100 })
      local result, err, took = faults.ask(faults.client(f, { timeout = { first_byte = 0.5 } }), nil, big)
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.is_true(took > 0.6)
    end)

    it("can be switched off for one call", function()
      guard.pooled = 1
      local f = s:script({ { { sleep = 0.4 }, faults.good() } })
      local client = faults.client(f, { timeout = { first_byte = 0.2 } })
      assert(faults.ask(client, { timeout = { first_byte = false } }))
    end)
  end)

  describe("named idle", function()
    it("rings when a stream stalls, and what had come is kept", function()
      local f = s:script({ { { send = HEAD .. text("uno ") .. text("dos ") .. text("tres") }, { keep_open = true } } })
      local got, err, took = faults.read(faults.client(f, { timeout = { idle = 0.3 } }))
      assert.equal("uno dos tres", got)
      check_timeout(err, "idle", took, 0.3)
      assert.equal("uno dos tres", err.partial.output_text)
      assert.equal(200, err.status)
      assert.equal(1, #f.requests())
    end)

    it("rings when a body that is read whole stalls", function()
      local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{" }, { keep_open = true } } })
      local _, err, took = faults.ask(faults.client(f, { timeout = { idle = 0.3 } }))
      check_timeout(err, "idle", took, 0.3)
    end)

    it("rings when an upload stalls", function()
      local big = { messages = { { role = "user", content = ("x"):rep(24 * 1024 * 1024) } } }
      local f = s:script({ { { early = true }, { stop_reading = true }, { wait_close = 3 }, { rst = true } } },
        { keep_body = 100 })
      local _, err, took = faults.ask(faults.client(f, { timeout = { idle = 0.4, first_byte = 9 } }), nil, big)
      assert.equal("timeout", err.kind)
      assert.equal("idle", err.phase)
      assert.is_true(took >= 0.39 and took < 1 + faults.LATE)
    end)

    it("doesn't ring while comments come", function()
      guard.pooled = 1
      local f = s:script({ { { send = HEAD .. text("uno") },
        { repeat_send = chunk(": aqui\n\n"), count = 7, delay = 0.1 },
        { send = text(" dos", "stop") .. DONE .. LAST } } })
      local got, err, took = faults.read(faults.client(f, { timeout = { idle = 0.3 } }))
      assert.is_nil(err)
      assert.equal("uno dos", got)
      assert.is_true(took > 0.6)
    end)

    it("doesn't ring for a stream that only dribbles: a fragment per 100 ms", function()
      guard.pooled = 1
      local bytes = HEAD .. text("despacio", "stop") .. DONE .. LAST
      local f = s:script({ { { send_each = bytes, size = math.ceil(#bytes / 15), delay = 0.1 } } })
      local got, err, took = faults.read(faults.client(f, { timeout = { idle = 0.9, first_byte = 3 } }))
      assert.is_nil(err)
      assert.equal("despacio", got)
      assert.is_true(took > 1.2)
    end)

    it("doesn't ring while the reader is the slow one", function()
      guard.pooled = 1
      local f = s:script({ { { send = HEAD .. text("uno ") }, { send = text("dos ") }, { sleep = 0.1 },
        { send = text("tres", "stop") .. DONE .. LAST } } })
      local got, err
      marea.run(function()
        got, err = faults.read(faults.client(f, { timeout = { idle = 0.2 } }), nil, function() marea.sleep(0.3) end)
      end)
      assert.is_nil(err)
      assert.equal("uno dos tres", got)
    end)

    it("starts anew when the slow reader is back, and then does ring", function()
      local f = s:script({ { { send = HEAD .. text("uno") }, { keep_open = true } } })
      local err, took
      marea.run(function()
        local client = faults.client(f, { timeout = { idle = 0.3 } })
        err, took = select(2, faults.read(client, nil, function() marea.sleep(0.5) end))
      end)
      check_timeout(err, "idle", took, 0.8)
    end)
  end)

  describe("named event", function()
    it("rings though comments keep coming", function()
      local f = s:script({ { { send = HEAD .. text("uno") },
        { repeat_send = chunk(": aqui\n\n"), count = 100, delay = 0.05 } } })
      local got, err, took = faults.read(faults.client(f, { timeout = { event = 0.4, idle = 5 } }))
      assert.equal("uno", got)
      check_timeout(err, "event", took, 0.4)
      assert.equal("uno", err.partial.output_text)
    end)

    it("doesn't ring while events come", function()
      guard.pooled = 1
      local f = s:script({ { { send = HEAD }, { repeat_send = text("x"), count = 6, delay = 0.15 },
        { send = text("y", "stop") .. DONE .. LAST } } })
      local got, err = faults.read(faults.client(f, { timeout = { event = 0.4 } }))
      assert.is_nil(err)
      assert.equal("xxxxxxy", got)
    end)
  end)

  describe("named total", function()
    it("ends a stream that never stops, once, at its moment", function()
      local f = s:script({ { { send = HEAD }, { repeat_send = text("x"), count = 1000, delay = 0.02 } } })
      local got, err, took = faults.read(faults.client(f), { timeout = 0.5 })
      check_timeout(err, "total", took, 0.5)
      assert.is_true(#got > 5)
      assert.equal(got, err.partial.output_text)
    end)

    it("runs also while nobody reads", function()
      local f = s:script({ { { send = HEAD }, { repeat_send = text("x"), count = 1000, delay = 0.02 } } })
      local err, took
      marea.run(function()
        local client = faults.client(f, { timeout = { total = 0.4 } })
        local slept
        err, took = select(2, faults.read(client, nil, function()
          if not slept then marea.sleep(0.6) end
          slept = true
        end))
      end)
      assert.equal("timeout", err.kind)
      assert.equal("total", err.phase)
      assert.is_true(took < 0.6 + faults.LATE)
    end)

    it("covers every try and the waits between", function()
      local f = s:script({ { status = 500, headers = { ["retry-after-ms"] = "200" }, body = "{}" } },
        { repeat_last = true })
      guard.pooled = 1
      local _, err, took = faults.ask(faults.client(f, { max_retries = 50 }), { timeout = 0.7 })
      assert.is_true(took <= 0.7 + faults.LATE, took)
      assert.is_true(#err.attempts >= (os.getenv("MAREA_SANITIZED") and 2 or 3) and #err.attempts <= 4)
      assert.equal(#err.attempts, #f.requests())
    end)

    it("fails now where the wait asked for is beyond it, with the server's own error", function()
      local f = s:script({ { status = 503, headers = { ["retry-after"] = "30" }, body = '{"error":"lleno"}' } })
      guard.pooled = 1
      local _, err, took = faults.ask(faults.client(f, { max_retries = 2 }), { timeout = 2 })
      assert.equal("server", err.kind)
      assert.equal(30, err.retry_after)
      assert.is_true(took < faults.LATE)
      assert.is_nil(err.attempts[1].wait)
    end)

    it("runs on into the second try", function()
      local f = s:script({ { status = 500, headers = { ["retry-after-ms"] = "100" }, body = "{}" },
        { { keep_open = true } } })
      local _, err, took = faults.ask(faults.client(f, { max_retries = 2 }), { timeout = 0.5 })
      check_timeout(err, "total", took, 0.5)
      assert.same({ 500, "timeout" }, { err.attempts[1].status, err.attempts[2].kind })
    end)

    it("covers waiting for a place in the limits; then nothing is sent", function()
      guard.pooled = 1
      local f = s:script({ { { sleep = 0.7 }, faults.good() }, faults.good() })
      local client = faults.client(f, { limits = { concurrent = 1 } })
      local first, err, took
      marea.run(function()
        marea.spawn(function() first = faults.ask(client) end)
        marea.sleep(0.05)
        err, took = select(2, faults.ask(client, { timeout = 0.3 }))
        assert.equal(1, #f.requests())
      end)
      check_timeout(err, "total", took, 0.3)
      assert.equal("hecho", first.output_text)
      assert.equal(0, client.limits.waiting)
      assert.equal(0, client.limits.running)
    end)

    it("is what a plain number means, and a call's own goes before the client's", function()
      local f = s:script({ { { keep_open = true } } }, { repeat_last = true })
      local client = faults.client(f, { timeout = 5 })
      local _, err, took = faults.ask(client, { timeout = 0.2 })
      check_timeout(err, "total", took, 0.2)
      _, err, took = faults.ask(client, { timeout = { first_byte = 0.2 } })
      check_timeout(err, "first_byte", took, 0.2)
    end)
  end)

  it("stops at each of them without holding up other tasks", function()
    guard.pooled = 1
    local silent = s:script({ { { keep_open = true } } }, { repeat_last = true })
    local fine = s:script({ faults.good() })
    local started, done = socket.gettime(), {}
    marea.run(function()
      for i = 1, 8 do
        marea.spawn(function()
          local _, err = faults.ask(faults.client(silent, { timeout = { first_byte = 0.4 } }))
          done[i] = err.phase
        end)
      end
      assert(faults.ask(faults.client(fine)))
      assert.is_nil(next(done), "it did not wait for the silent ones")
    end)
    assert.equal(8, #done)
    assert.is_true(socket.gettime() - started < 0.8 + faults.LATE)
  end)
end)
