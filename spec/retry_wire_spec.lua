-- SPDX-License-Identifier: MIT
-- Retries as they are on the wire: how many requests went out, when, and what
-- was in each. The policy itself is retry_spec's.

local socket = require("socket")
local faults = require("spec.support.faults")
local marea = require("marea")

local text, HEAD = faults.text, faults.SSE_HEAD

local SOON = { ["retry-after-ms"] = "5" }

local function http_date(in_seconds)
  return os.date("!%a, %d %b %Y %H:%M:%S GMT", os.time() + in_seconds)
end

local function refusal(status, headers, body)
  return { status = status, headers = headers or SOON, body = body or '{"error":{"message":"ahora no"}}' }
end

describe("a retry", function()
  local s
  local guard = faults.guard()

  setup(function() s = faults.server() end)

  before_each(function()
    guard.arm()
    guard.pooled = 1
  end)
  after_each(guard.check)

  -- Asks with 2 retries; the replies are `first`, then good ones.
  local function ask(first, options)
    local f = s:script({ first, faults.good(), faults.good() })
    local all = { max_retries = 2 }
    for name, value in pairs(options or {}) do all[name] = value end
    local result, err, took = faults.ask(faults.client(f, all))
    return f.requests(), result, err, took
  end

  for _, status in ipairs { 408, 409, 429, 500, 502, 503, 504, 524, 529 } do
    it("is made after " .. status, function()
      local requests, result = ask(refusal(status))
      assert.equal(2, #requests)
      assert.equal("hecho", result.output_text)
    end)
  end

  for status, kind in pairs { [400] = "bad_request", [401] = "authentication", [402] = "billing",
    [403] = "permission", [404] = "not_found", [413] = "too_large", [422] = "bad_request" } do
    it("isn't made after " .. status, function()
      local requests, result, err = ask(refusal(status))
      assert.equal(1, #requests)
      assert.is_nil(result)
      assert.equal(kind, err.kind)
      assert.equal(status, err.status)
      assert.equal("ahora no", err.message)
      assert.same({ { status = status, kind = kind } }, err.attempts)
    end)
  end

  it("follows x-should-retry, either way, and no other value of it", function()
    local function count(status, value)
      return #(ask(refusal(status, { ["retry-after-ms"] = "5", ["x-should-retry"] = value })))
    end
    assert.equal(2, count(400, "true"))
    assert.equal(1, count(500, "false"))
    assert.equal(2, count(500, "maybe"))
    assert.equal(1, count(400, "maybe"))
  end)

  describe("waits", function()
    local spellings = {
      { "retry-after in seconds", { ["retry-after"] = "1" }, 1, 1.4 },
      { "retry-after with a fraction", { ["retry-after"] = "0.3" }, 0.3, 0.6 },
      { "retry-after with spaces", { ["retry-after"] = "  0.3  " }, 0.3, 0.6 },
      { "retry-after-ms", { ["retry-after-ms"] = "300" }, 0.3, 0.6 },
      { "retry-after-ms before retry-after", { ["retry-after-ms"] = "300", ["retry-after"] = "60" }, 0.3, 0.6 },
      { "retry-after where retry-after-ms is junk", { ["retry-after-ms"] = "x", ["retry-after"] = "0.3" }, 0.3, 0.6 },
      { "no time at all for a zero", { ["retry-after"] = "0" }, 0, 0.25 },
      { "with backoff where nothing is said", { ["x-none"] = "1" }, 0.37, 0.8 },
      { "with backoff where the hint is junk", { ["retry-after"] = "-10" }, 0.37, 0.8 },
      { "with backoff where the hint is beyond all numbers",
        { ["retry-after"] = "99999999999999999999999" }, 0.37, 0.8 },
      { "with backoff where the date is past", { ["retry-after"] = http_date(-60) }, 0.37, 0.8 },
    }

    for _, case in ipairs(spellings) do
      it(case[1], function()
        local requests, result, _, took = ask(refusal(429, case[2]))
        assert.equal(2, #requests)
        assert.equal("hecho", result.output_text)
        local between = requests[2].at - requests[1].at
        assert.is_true(between >= case[3] * 0.98, "too soon: " .. between)
        assert.is_true(took <= case[4] + faults.LATE, "too late: " .. took)
      end)
    end

    it("until a date", function()
      local requests, result, _, took = ask(refusal(503, { ["retry-after"] = http_date(2) }))
      assert.equal(2, #requests)
      assert.equal("hecho", result.output_text)
      assert.is_true(took > 0.8 and took < 2 + faults.LATE, took)
    end)

    it("no more than 120 s: a longer wait is returned at once", function()
      for _, headers in ipairs { { ["retry-after"] = "121" }, { ["retry-after-ms"] = "3600000" },
        { ["retry-after"] = "3600", ["x-should-retry"] = "true" }, { ["retry-after"] = http_date(3600) } } do
        local requests, result, err, took = ask(refusal(429, headers))
        assert.equal(1, #requests)
        assert.is_nil(result)
        assert.equal("rate_limit", err.kind)
        assert.is_true(err.retry_after > 120)
        assert.is_true(took < faults.LATE)
      end
    end)

    it("and other tasks run meanwhile", function()
      local f = s:script({ refusal(500, { ["retry-after-ms"] = "300" }), faults.good() })
      local other = s:script({ faults.good() })
      local order = {}
      marea.run(function()
        marea.spawn(function()
          faults.ask(faults.client(f, { max_retries = 1 }))
          order[#order + 1] = "retried"
        end)
        faults.ask(faults.client(other))
        order[#order + 1] = "other"
      end)
      assert.same({ "other", "retried" }, order)
    end)

    it("and keeps nothing meanwhile of the answer that was none", function()
      local page = ("x"):rep(4e6)
      local refused = refusal(500, { ["retry-after-ms"] = "1000" }, page)
      local f, grown = s:script({ refused, faults.good() }), nil
      marea.run(function()
        collectgarbage()
        collectgarbage()
        local before = collectgarbage("count")
        local client = faults.client(f, { max_retries = 1 })
        local task = marea.spawn(function()
          return client.chat.completions:create { messages = faults.messages, stream = true }
        end)
        repeat marea.sleep(0.05) until #f.requests() == 1
        marea.sleep(0.3)
        collectgarbage()
        collectgarbage()
        grown = collectgarbage("count") - before
        task:cancel()
      end)
      assert.equal(1, #f.requests())
      assert.is_true(grown < 1000, grown)
    end)

    it("and ends at once when the task is cancelled: nothing more is sent", function()
      local f = s:script({ refusal(500, { ["retry-after"] = "30" }), faults.good() })
      local started = socket.gettime()
      local result, err = marea.timeout(0.3, function()
        return faults.ask(faults.client(f, { max_retries = 5 }))
      end)
      assert.is_nil(result)
      assert.equal("timeout", err.kind)
      assert.is_true(socket.gettime() - started < 0.3 + faults.LATE)
      assert.equal(1, #f.requests())
    end)
  end)

  it("isn't made for a quota, which waiting won't cure", function()
    local requests, _, err = ask(refusal(429, SOON,
      '{"error":{"message":"You exceeded your current quota","code":"insufficient_quota"}}'))
    assert.equal(1, #requests)
    assert.equal("quota", err.kind)
    assert.equal("insufficient_quota", err.code)
  end)

  it("is made after a connection that died before any byte of the answer", function()
    for _, death in ipairs { { fin = true }, { rst = true } } do
      local requests, result = ask({ death })
      assert.equal(2, #requests)
      assert.equal("hecho", result.output_text)
    end
  end)

  it("isn't made after an answer that was cut", function()
    local requests, _, err = ask({ { send = "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\n{" }, { fin = true } })
    assert.equal(1, #requests)
    assert.equal("truncated", err.kind)
  end)

  it("is made after silence", function()
    local requests, result = ask({ { keep_open = true } }, { timeout = { first_byte = 0.2 } })
    assert.equal(2, #requests)
    assert.equal("hecho", result.output_text)
  end)

  it("isn't made once output was handed over", function()
    local f = s:script({ { { send = HEAD .. text("uno") }, { sleep = 0.05 }, { rst = true } }, faults.good() })
    local got, err = faults.read(faults.client(f, { max_retries = 3 }))
    assert.equal("uno", got)
    assert.equal("truncated", err.kind)
    assert.equal(1, #f.requests())
  end)

  it("is made for a stream that was refused, and then streams", function()
    local f = s:script({ refusal(503), { { send = HEAD .. text("uno", "stop") .. faults.DONE .. "0\r\n\r\n" } } })
    local got, err = faults.read(faults.client(f, { max_retries = 1 }))
    assert.is_nil(err)
    assert.equal("uno", got)
    assert.equal(2, #f.requests())
  end)

  it("is made exactly as often as was said, and each try is told", function()
    for _, max in ipairs { 0, 1, 3 } do
      local f = s:script({ refusal(500) }, { repeat_last = true })
      local result, err = faults.ask(faults.client(f, { max_retries = max }))
      assert.is_nil(result)
      assert.equal("server", err.kind)
      assert.equal(max + 1, #f.requests())
      assert.equal(max + 1, #err.attempts)
      for i, attempt in ipairs(err.attempts) do
        assert.equal(500, attempt.status)
        assert.equal("server", attempt.kind)
        assert.equal(i <= max and 0.005 or nil, attempt.wait)
      end
      if max > 0 then assert.truthy(tostring(err):find((max + 1) .. " attempts", 1, true)) end
    end
  end)

  it("can be refused by a single call", function()
    local f = s:script({ refusal(500) }, { repeat_last = true })
    faults.ask(faults.client(f, { max_retries = 5 }), { max_retries = 0 })
    assert.equal(1, #f.requests())
  end)

  it("counts are whole numbers of at least 0: others raise, and nothing is sent", function()
    local f = s:script({ faults.good() })
    for _, bad in ipairs { -1, 1.5, "2", 0 / 0, math.huge } do
      assert.has_error(function() faults.client(f, { max_retries = bad }) end)
      assert.has_error(function() faults.ask(faults.client(f), { max_retries = bad }) end)
    end
    assert.equal(0, #f.requests())
  end)

  it("sends the same again, byte by byte, even if the caller changed his table meanwhile", function()
    local f = s:script({ refusal(500, { ["retry-after-ms"] = "100" }), faults.good() })
    local messages = { { role = "user", content = "antes" } }
    local options = { headers = { ["x-mine"] = "antes" }, query = { q = "antes" } }
    marea.run(function()
      marea.spawn(function()
        marea.sleep(0.05)
        messages[1].content, options.headers["x-mine"], options.query.q = "despues", "despues", "despues"
      end)
      assert(faults.client(f, { max_retries = 1 }).chat.completions:create({ messages = messages }, options))
    end)
    local requests = f.requests()
    assert.equal(2, #requests)
    assert.equal(requests[1].body, requests[2].body)
    assert.equal(requests[1].target, requests[2].target)
    assert.equal(requests[1].head, requests[2].head)
    assert.truthy(requests[1].body:find("antes", 1, true))
  end)

  it("asks the key's function again", function()
    local f = s:script({ refusal(500), faults.good() })
    local n = 0
    assert(faults.ask(faults.client(f, { max_retries = 1, api_key = function()
      n = n + 1
      return "key-" .. n
    end })))
    local requests = f.requests()
    assert.truthy(requests[1].head:find("Bearer key-1\r\n", 1, true))
    assert.truthy(requests[2].head:find("Bearer key-2\r\n", 1, true))
  end)

  it("never waits for the rest of a refusal that was cut, and uses its connection no more", function()
    local f = s:script({ { { send = "HTTP/1.1 500 X\r\nretry-after-ms: 5\r\ncontent-length: 900\r\n\r\n{" },
      { fin = true } }, faults.good() })
    assert(faults.ask(faults.client(f, { max_retries = 1 })))
    local requests = f.requests()
    assert.not_equal(requests[1].connection, requests[2].connection)
  end)

  it("gives its place in the limits back while it waits", function()
    local f = s:script({ refusal(500, { ["retry-after-ms"] = "700" }), faults.good(), faults.good() })
    local client = faults.client(f, { max_retries = 1, limits = { concurrent = 1 } })
    local took
    marea.run(function()
      marea.spawn(function() assert(faults.ask(client)) end)
      marea.sleep(0.1)
      took = select(3, faults.ask(client))
    end)
    assert.is_true(took < 0.6)
    assert.equal(0, client.limits.running)
  end)

  it("of many tasks at once doesn't come in one herd", function()
    local f = s:script({ refusal(429, { ["x-none"] = "1" }) }, { repeat_last = true })
    local client = faults.client(f, { max_retries = 1 })
    guard.pooled = 20
    marea.run(function()
      for _ = 1, 20 do marea.spawn(function() faults.ask(client) end) end
    end)
    local requests = f.requests()
    assert.equal(40, #requests)
    table.sort(requests, function(a, b) return a.at < b.at end)
    assert.is_true(requests[40].at - requests[21].at > 0.03)
  end)

  describe("is told to hooks:", function()
    it("each request, each response, each wait", function()
      -- fresh connections: the death of a kept one is mended by libcurl
      local f = s:port_script({
        { { wait_request = true }, refusal(500, { ["retry-after-ms"] = "5", connection = "close" }) },
        { { wait_request = true }, { rst = true } },
        { { wait_request = true }, faults.good() },
      }, { repeat_last = false })
      local log = {}
      assert(faults.ask(faults.client(f, { max_retries = 2, on = {
        request = function(e) log[#log + 1] = "request " .. e.attempt .. " " .. e.method end,
        response = function(e) log[#log + 1] = "response " .. e.status end,
        retry = function(e) log[#log + 1] = ("retry %d %s"):format(e.attempt, e.error.kind) end,
      } })))
      assert.same({ "request 1 POST", "response 500", "retry 1 server", "request 2 POST", "retry 2 connection",
        "request 3 POST", "response 200" }, log)
      f.forget()
    end)

    it("with the wait it is going to make", function()
      local f = s:script({ refusal(500, { ["retry-after-ms"] = "150" }), faults.good() })
      local told
      local requests = f
      faults.ask(faults.client(f, { max_retries = 1, on = { retry = function(e)
        told = e.wait
        assert.equal(1, #requests.requests())
      end } }))
      assert.equal(0.15, told)
    end)

    it("what a hook raises comes out, and everything is let go", function()
      for _, name in ipairs { "request", "response", "retry" } do
        local f = s:script({ refusal(500), faults.good() })
        local client = faults.client(f, { max_retries = 1, limits = { concurrent = 1 },
          on = { [name] = function() error("de " .. name, 0) end } })
        local ok, err = pcall(faults.ask, client)
        assert.is_false(ok)
        assert.equal("de " .. name, err)
        assert.equal(0, client.limits.running)
      end
    end)
  end)
end)
