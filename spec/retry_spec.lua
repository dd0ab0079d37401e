-- SPDX-License-Identifier: MIT
-- The retry policy as tables of cases, with clock and chance given.

local retry = require("marea.retry")

local NOW = 1443571200 -- Wed, 30 Sep 2015 00:00:00 GMT

describe("retry.should", function()
  for _, status in ipairs({ 408, 409, 429, 500, 502, 503, 504, 524, 529, 599 }) do
    it("tries again after " .. status, function() assert.is_true(retry.should(status, {})) end)
  end
  for _, status in ipairs({ 200, 301, 400, 401, 402, 403, 404, 413, 418, 422, 600, 999 }) do
    it("doesn't try again after " .. status, function() assert.is_false(retry.should(status, {})) end)
  end

  local errors = {
    { { kind = "connection" }, true },
    { { kind = "timeout", phase = "connect" }, true },
    { { kind = "timeout", phase = "first_byte" }, true },
    { { kind = "timeout", phase = "idle" }, false },
    { { kind = "timeout", phase = "event" }, false },
    { { kind = "timeout", phase = "total" }, false },
    { { kind = "timeout", status = 408 }, true },
    { { kind = "bad_request", status = 409 }, true },
    { { kind = "bad_request", status = 422 }, false },
    { { kind = "rate_limit", status = 429 }, true },
    { { kind = "quota", status = 429 }, false },
    { { kind = "server", status = 524 }, true },
    { { kind = "server", status = 200 }, false },
    { { kind = "stream", status = 200 }, false },
    { { kind = "truncated", status = 200 }, false },
    { { kind = "tls" }, false }, { { kind = "cancelled" }, false }, { { kind = "decode" }, false },
    { { kind = "offline" }, false },
  }
  for _, case in ipairs(errors) do
    local err = case[1]
    it(("says %s to %s %s"):format(case[2], err.kind, tostring(err.phase or err.status)), function()
      assert.equal(case[2], (retry.should(err, {})))
    end)
  end

  it("obeys x-should-retry, and only true and false", function()
    assert.is_true(retry.should(400, { ["x-should-retry"] = "true" }))
    assert.is_false(retry.should(500, { ["x-should-retry"] = "false" }))
    assert.is_true(retry.should(500, { ["x-should-retry"] = "no" }))
    assert.is_false(retry.should(400, { ["x-should-retry"] = "TRUE" }))
  end)

  it("never once the retries are spent", function()
    local always = { ["x-should-retry"] = "true" }
    assert.is_false(retry.should(500, always, { retries = 2, max_retries = 2 }))
    assert.is_false(retry.should(500, always, { max_retries = 0 }))
    assert.is_true(retry.should(500, always, { retries = 1, max_retries = 2 }))
  end)

  it("gives back a wait that is too long, whatever else is said", function()
    assert.is_false(retry.should(429, { ["retry-after"] = "121", ["x-should-retry"] = "true" }))
    assert.is_true(retry.should(429, { ["retry-after"] = "120" }))
    assert.is_false(retry.should({ kind = "rate_limit", status = 429, retry_after = 3600 }))
  end)

  it("says why not", function()
    local _, reason = retry.should(429, { ["retry-after"] = "121" })
    assert.equal("the wait asked for is too long", reason)
  end)
end)

describe("retry.after", function()
  local cases = {
    { "20", 20 }, { "0.5", 0.5 }, { " 20 ", 20 }, { ".5", 0.5 }, { "1.25", 1.25 }, { "0", 0 }, { "+3", 3 },
    { "Wed, 30 Sep 2015 00:01:01 GMT", 61 },
    { "Wed, 30 Sep 2015 01:00:00 GMT", 3600 },
    { "Wednesday, 30-Sep-15 00:00:30 GMT", 30 },
    { "Wed Sep 30 00:00:05 2015", 5 },
    { "Thu Oct  1 00:00:00 2015", 86400 },
    { "Wed, 30 Sep 2015 00:00:60 GMT", 60 },
    { "Wed, 30 Sep 2015 00:00:61 GMT", nil },
    { "Wed, 30 Sep 2015 00:60:00 GMT", nil },
    { "Wed, 30 Sep 2015 00:00:00 GMT", nil },
    { "Tue, 29 Sep 2015 23:59:59 GMT", nil },
    { "Zun, 29 Sep 2016 00:00:00 GMT", nil },
    { "Wed, 31 Sep 2016 00:00:00 GMT", nil },
    { "Wed, 30 Foo 2016 00:00:00 GMT", nil },
    { "Wed, 30 Sep 2016 24:00:00 GMT", nil },
    { "Wed, 30 Sep 100000 00:00:00 GMT", nil },
    { "Wed, 30 Sep 2016 00:00:00 CEST", nil },
    { "Wed, 30 Sep", nil },
    { "-10", nil }, { "-0.5", nil }, { "", nil }, { " ", nil }, { "inf", nil }, { "nan", nil }, { "1e400", nil },
    { "1e2", nil }, { "0x10", nil }, { "99999999999999999999999", nil }, { "1.2.3", nil }, { ".", nil },
    { "20, 30", nil }, { "soon", nil }, { ("9"):rep(5000), nil },
  }
  for _, case in ipairs(cases) do
    it(("reads %q as %s"):format(case[1]:sub(1, 40), tostring(case[2])), function()
      assert.equal(case[2], retry.after({ ["retry-after"] = case[1] }, NOW))
    end)
  end

  it("lets retry-after-ms go first, zero included", function()
    assert.equal(1.5, retry.after({ ["retry-after-ms"] = "1500", ["retry-after"] = "20" }, NOW))
    assert.equal(0, retry.after({ ["retry-after-ms"] = "0", ["retry-after"] = "20" }, NOW))
  end)

  it("falls through a retry-after-ms that means nothing", function()
    for _, junk in ipairs({ "-1", "x", "", "inf", "nan" }) do
      assert.equal(20, retry.after({ ["retry-after-ms"] = junk, ["retry-after"] = "20" }, NOW))
    end
    assert.is_nil(retry.after({ ["retry-after-ms"] = "x" }, NOW))
  end)

  it("answers nil to no headers at all", function() assert.is_nil(retry.after(nil, NOW)) end)

  it("doesn't depend on the host's time zone", function()
    assert.equal(0, retry.date("Thu, 01 Jan 1970 00:00:00 GMT"))
    assert.equal(784111777, retry.date("Sun, 06 Nov 1994 08:49:37 GMT"))
    assert.equal(784111777, retry.date("Sunday, 06-Nov-94 08:49:37 GMT", NOW))
    assert.equal(784111777, retry.date("Sun Nov  6 08:49:37 1994"))
    assert.equal(784111777, retry.date("1994-11-06T08:49:37Z"))
    assert.equal(784111777, retry.date("1994-11-06 08:49:37.250+00:00"))
    assert.is_nil(retry.date("1994-11-06T08:49:37+02:00"))
    assert.is_nil(retry.date("1994-13-06T08:49:37Z"))
    assert.equal(951782400, retry.date("Tue, 29 Feb 2000 00:00:00 GMT"))
  end)

  it("takes a two-digit year as the nearest one, at most 50 years ahead", function()
    assert.equal(retry.date("Fri, 06 Nov 2060 00:00:00 GMT"), retry.date("Friday, 06-Nov-60 00:00:00 GMT", NOW))
    assert.equal(retry.date("Fri, 06 Nov 1970 00:00:00 GMT"), retry.date("Friday, 06-Nov-70 00:00:00 GMT", NOW))
    local in_2095 = retry.date("Sat, 01 Jan 2095 12:00:00 GMT")
    assert.equal(retry.date("Fri, 06 Nov 2105 00:00:00 GMT"), retry.date("Friday, 06-Nov-05 00:00:00 GMT", in_2095))
  end)
end)

describe("retry.delay", function()
  local function none() return 0 end

  it("doubles from half a second to eight", function()
    for attempt, expected in ipairs({ 0.5, 1, 2, 4, 8, 8, 8 }) do
      assert.equal(expected, retry.delay(attempt, none))
    end
  end)

  it("takes off at most a quarter by chance", function()
    assert.equal(0.75 * 4 + 4 * 0.25 * 0.5, retry.delay(4, function() return 0.5 end))
    local shortest = retry.delay(5, function() return 1 - 2 ^ -53 end)
    assert.is_true(shortest > 6 - 1e-9 and shortest < 6.001)
    for _ = 1, 100 do
      local delay = retry.delay(2)
      assert.is_true(delay > 0.75 and delay <= 1)
    end
  end)

  it("doesn't overflow at attempt 1100", function() assert.equal(8, retry.delay(1100, none)) end)
end)
