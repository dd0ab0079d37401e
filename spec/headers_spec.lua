-- SPDX-License-Identifier: MIT
-- Response headers are read faithfully; what we send can't be split.

local headers = require("marea.headers")

local NOW = 1700000000

local function block(...)
  return "HTTP/1.1 200 OK\r\n" .. table.concat({ ... }, "\r\n") .. "\r\n\r\n"
end

describe("headers.parse", function()
  it("finds a header whatever its case", function()
    local h, status, reason = headers.parse(block("Content-Type: text/plain", "X-One:1"))
    assert.equal("text/plain", h["content-type"])
    assert.equal("text/plain", h["CONTENT-Type"])
    assert.equal("1", h["x-one"])
    assert.equal(200, status)
    assert.equal("OK", reason)
    assert.is_nil(h["x-two"])
  end)

  it("joins what is repeated", function()
    assert.equal("a, b, c, d", headers.parse(block("Vary: a", "vary: b", "VARY: c, d")).vary)
  end)

  it("never joins set-cookie", function()
    local h = headers.parse(block("Set-Cookie: a=1; Expires=Wed, 09 Jun 2021 10:18:14 GMT", "set-cookie: b=2"))
    assert.same({ "a=1; Expires=Wed, 09 Jun 2021 10:18:14 GMT", "b=2" }, h["set-cookie"])
    assert.same({ "a=1" }, headers.parse(block("Set-Cookie: a=1"))["set-cookie"])
  end)

  it("joins folded lines", function()
    assert.equal("one two three", headers.parse(block("A: one", "  two", "\tthree")).a)
  end)

  it("ignores a folded line with nothing before it", function()
    assert.same({ b = "2" }, headers.parse(block(" lost", "B: 2")))
  end)

  it("keeps bytes as they came", function()
    local h = headers.parse(block("A: caf\233 \255\0x", "B: ñ"))
    assert.equal("caf\233 \255\0x", h.a)
    assert.equal("ñ", h.b)
  end)

  it("takes the last of several blocks", function()
    local h, status = headers.parse("HTTP/1.1 100 Continue\r\nA: 1\r\n\r\nHTTP/2 404 \r\nB: 2\r\n\r\n")
    assert.same({ b = "2" }, h)
    assert.equal(404, status)
  end)

  it("passes over lines that are no header, and reads bare LF", function()
    assert.same({ a = "1", b = "", c = "x:y" }, headers.parse("HTTP/1.1 200 OK\nA: 1\nnonsense\n: x\nB:\nC: x:y\n\n"))
  end)

  it("survives nothing, and six thousand of one name", function()
    assert.same({}, headers.parse(""))
    local h = headers.parse("HTTP/1.1 200 OK\r\n" .. ("A: 1\r\n"):rep(6000))
    assert.equal(("1, "):rep(5999) .. "1", h.a)
  end)

  it("shares one metatable among all", function()
    assert.equal(getmetatable(headers.parse("")), getmetatable(headers.parse(block("A: 1"))))
  end)
end)

describe("headers.check", function()
  local good = {
    { "X-Any", "value" }, { "a!#$%&'*+-.^_`|~9", "x" }, { "A", "" }, { "A", "tab\tinside" }, { "A", "ñ\255" },
  }
  for _, case in ipairs(good) do
    it(("lets %s through"):format(case[1]), function() assert.is_true(headers.check(case[1], case[2])) end)
  end

  local bad = {
    { "", "x" }, { "A B", "x" }, { "A:", "x" }, { "A\r", "x" }, { "A\n", "x" }, { "A\0", "x" }, { "ñ", "x" },
    { "A(b)", "x" }, { "A", "x\r\nB: y" }, { "A", "x\n" }, { "A", "x\0y" }, { "A", " x" }, { "A", "x " },
    { "A", "x\t" },
    { "A", "x\27[2J" }, { "A", "x\127" }, { "A", 12 }, { "A", nil }, { 12, "x" }, { nil, "x" },
  }
  for _, case in ipairs(bad) do
    it(("refuses %q = %q"):format(tostring(case[1]), tostring(case[2])), function()
      local ok, message = headers.check(case[1], case[2])
      assert.is_nil(ok)
      assert.is_string(message)
    end)
  end

  it("never shows the value", function()
    local _, message = headers.check("Authorization", "Bearer sk-hidden\n")
    assert.falsy(message:find("hidden", 1, true))
    assert.truthy(message:find("Authorization", 1, true))
  end)
end)

describe("headers.get", function()
  it("finds a value by a name of any case, in a plain table too", function()
    assert.equal("1", headers.get({ ["x-one"] = "1" }, "X-One"))
    assert.is_nil(headers.get(nil, "X-One"))
  end)

  it("gives the first of a list", function()
    assert.equal("a=1", headers.get(headers.parse(block("Set-Cookie: a=1", "Set-Cookie: b=2")), "set-cookie"))
  end)
end)

describe("headers.rate_limit", function()
  it("is nil where nothing is said", function() assert.is_nil(headers.rate_limit({}, NOW)) end)

  it("reads the plain names", function()
    assert.same({ limit = 100, remaining = 7, retry_after = 2.5 }, headers.rate_limit({
      ["x-ratelimit-limit"] = "100", ["x-ratelimit-remaining"] = "7", ["retry-after"] = "2.5",
    }, NOW))
  end)

  it("takes no number that can't be meant", function()
    assert.is_nil(headers.rate_limit({ ["x-ratelimit-limit"] = ("9"):rep(400) }, NOW))
    assert.is_nil(headers.rate_limit({ ratelimit = '"a";r=' .. ("9"):rep(400) }, NOW))
    assert.same({ remaining = 999999999999999 }, headers.rate_limit({ ["x-ratelimit-limit"] = ("9"):rep(16),
      ["x-ratelimit-remaining"] = ("9"):rep(15) }, NOW))
  end)

  it("prefers requests to tokens", function()
    assert.same({ limit = 60, remaining = 0 }, headers.rate_limit({
      ["x-ratelimit-limit-requests"] = "60", ["x-ratelimit-limit-tokens"] = "150000",
      ["x-ratelimit-remaining-requests"] = "0", ["x-ratelimit-remaining-tokens"] = "149984",
    }, NOW))
  end)

  local spellings = {
    { "limit=100, remaining=50, reset=30", nil }, { '"default";r=50;t=30', '"default";q=100;w=60' },
    { "limit=100,remaining=50,reset=30", "100;w=60" },
  }
  for _, case in ipairs(spellings) do
    it("reads one header for all: " .. case[1], function()
      assert.same({ limit = 100, remaining = 50, reset = 30 },
        headers.rate_limit({ ratelimit = case[1], ["ratelimit-policy"] = case[2] }, NOW))
    end)
  end

  for _, name in ipairs({ "x-ratelimit-%s-requests", "x-ratelimit-%s", "x-rate-limit-%s", "ratelimit-%s",
    "x-ratelimit-%s-requests-minute", "x-ratelimit-%s-req-minute", "x-ratelimit-%s-requests-day" }) do
    it("reads " .. name:format("*"), function()
      assert.same({ limit = 60, remaining = 0, reset = 1.5 }, headers.rate_limit({ [name:format("limit")] = "60",
        [name:format("remaining")] = "0", [name:format("reset")] = "1.5" }, NOW))
    end)
  end

  local resets = {
    { "1m26.4s", 86.4 }, { "6ms", 0.006 }, { "1h2m3s", 3723 }, { "2", 2 }, { "0.25", 0.25 }, { "1d", 86400 },
    { tostring(NOW + 30), 30 }, { (NOW + 30) .. "000", 30 }, { tostring(NOW - 5), 0 }, { "120ms", 0.12 },
    { "1m30s", 90 }, { "33011.382867", 33011.382867 }, { "30 seconds", 30 },
    { os.date("!%Y-%m-%dT%H:%M:%SZ", NOW + 30), 30 }, { os.date("!%a, %d %b %Y %H:%M:%S GMT", NOW + 30), 30 },
  }
  for _, case in ipairs(resets) do
    it("reads a reset of " .. case[1], function()
      local reset = headers.rate_limit({ ["x-ratelimit-reset-requests"] = case[1] }, NOW).reset
      assert.near(case[2], reset, 1e-9)
    end)
  end

  for _, junk in ipairs({ "soon", "", "5x", "m5", "-3", "1m junk" }) do
    it(("ignores a reset of %q"):format(junk), function()
      assert.is_nil(headers.rate_limit({ ["x-ratelimit-reset"] = junk }, NOW))
    end)
  end
end)

describe("headers.request_id", function()
  it("knows the names in use, the usual one first", function()
    assert.equal("a", headers.request_id({ ["x-request-id"] = "a", ["cf-ray"] = "b" }))
    for _, name in ipairs({ "request-id", "x-amzn-requestid", "apim-request-id", "cf-ray" }) do
      assert.equal("z", headers.request_id({ [name] = "z" }))
    end
    assert.is_nil(headers.request_id({}))
  end)
end)
