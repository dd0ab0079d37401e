-- SPDX-License-Identifier: MIT
-- Every shape of error that providers send becomes the same table, and none of
-- them can hurt whoever prints it.

local Error = require("marea.error")
local redact = require("marea.redact")

-- The codec is C; any decoder will do for what is promised here.
local function decoder()
  local ok, json = pcall(require, "marea.json")
  if ok then return json.decode end
  local cjson = require("cjson")
  return function(s)
    local fine, value = pcall(cjson.decode, s)
    if fine then return value end
    return nil, value
  end
end

local decode = decoder()

local function response(status, body, more)
  local fields = { status = status, body = body, headers = {}, decode = decode }
  for k, v in pairs(more or {}) do fields[k] = v end
  return Error.from_response(fields)
end

describe("Error.new", function()
  it("takes each kind of the contract", function()
    for _, kind in ipairs({ "connection", "tls", "timeout", "authentication", "billing", "permission", "not_found",
      "rate_limit", "quota", "bad_request", "protocol", "server", "stream", "truncated", "decode", "too_large",
      "cancelled", "content_filter", "validation", "offline" }) do
      assert.equal(kind, Error.new({ kind = kind, message = "m" }).kind)
    end
  end)

  it("refuses a kind that isn't in it, at the caller's line", function()
    local ok, message = pcall(function() Error.new({ kind = "oops" }) end)
    assert.is_false(ok)
    assert.truthy(message:find("error_spec.lua:%d+: unknown kind of error: oops"))
    assert.has_error(function() Error.new({ message = "m" }) end)
    assert.has_error(function() Error.new("m") end)
  end)

  it("is recognised, and nothing else is", function()
    assert.is_true(Error.is(Error.new({ kind = "tls" })))
    for _, other in ipairs({ {}, "x", 1, false, { kind = "tls" }, setmetatable({}, { __name = "marea.error" }) }) do
      assert.is_false(Error.is(other))
    end
    assert.is_false(Error.is(nil))
  end)

  it("blanks the key in every field, however deep, and keeps no redactor", function()
    local err = Error.new({
      kind = "server", message = "m sk-canary", code = "sk-canary", param = "sk-canary", type = "sk-canary",
      details = { a = { "sk-canary" }, ["sk-canary"] = 1 }, url = "https://h/?q=sk-canary", body = "sk-canary",
      request_id = "sk-canary", provider = "sk-canary", partial = { choices = { { text = "sk-canary" } } },
      attempts = { { kind = "sk-canary" } }, redact = redact.new({ "sk-canary" }),
    })
    local function search(v)
      if type(v) == "string" then assert.falsy(v:find("canary", 1, true)) end
      if type(v) ~= "table" then return end
      for k, item in pairs(v) do search(k) search(item) end
    end
    search(err)
    assert.is_nil(err.redact)
    assert.falsy(tostring(err):find("canary", 1, true))
  end)

  it("cuts the body at 4 KiB, between characters, after blanking", function()
    local err = Error.new({ kind = "server", body = ("x"):rep(4095) .. "ñ" })
    assert.equal(4095, #err.body)
    err = Error.new({ kind = "server", body = ("x"):rep(4090) .. "sk-canary", redact = redact.new({ "sk-canary" }) })
    assert.falsy(err.body:find("sk-", 1, true))
  end)

  it("hides userinfo and keys in its url", function()
    assert.equal("https://[redacted]@h/?key=[redacted]", Error.new({ kind = "tls", url = "https://a:b@h/?key=k" }).url)
  end)
end)

describe("tostring(err)", function()
  it("is one line for a person", function()
    assert.equal("rate_limit: slow down (429, provider nan, POST https://h/v1/x, request id r1, 3 attempts)",
      tostring(Error.new({
        kind = "rate_limit", message = "slow down", status = 429, provider = "nan", method = "POST",
        url = "https://h/v1/x", request_id = "r1", attempts = { {}, {}, {} },
      })))
    assert.equal("cancelled: stopped", tostring(Error.new({ kind = "cancelled", message = "stopped" })))
  end)

  it("escapes line ends, control characters and terminal escapes", function()
    local text = tostring(Error.new({ kind = "server", message = "a\nb\r\t\27[2J\0\127\194\155x",
      request_id = "i\nd" }))
    assert.equal("server: a\\nb\\r\\t\\x1B[2J\\x00\\x7F\\x9Bx (request id i\\nd)", text)
  end)

  it("stays under 500 bytes, whatever came, and keeps where it happened", function()
    local text = tostring(Error.new({
      kind = "server", message = ("\n"):rep(5 * 1024 * 1024), status = 500, request_id = ("r"):rep(9000),
      method = "GET",
    }))
    assert.is_true(#text <= 500)
    assert.truthy(text:find("(500, GET", 1, true))
  end)

  it("joins to a string with ..", function()
    assert.equal("failed: tls: bad", "failed: " .. Error.new({ kind = "tls", message = "bad" }))
  end)
end)

describe("Error.parse_body", function()
  local cases = {
    { "OpenAI's", [[{"error":{"message":"m","type":"t","param":"p","code":"c"}}]],
      { message = "m", type = "t", param = "p", code = "c" } },
    { "OpenAI's with nulls", [[{"error":{"message":"m","type":null,"param":null,"code":null}}]], { message = "m" } },
    { "a numeric code", [[{"error":{"message":"m","code":402}}]], { message = "m", code = 402 } },
    { "OpenRouter's metadata", [[{"error":{"message":"m","code":502,"metadata":{"raw":"x"}}}]],
      { message = "m", code = 502, details = { raw = "x" } } },
    { "a text under error", [[{"error":"m"}]], { message = "m" } },
    { "a short text under error, and a message", [[{"error":"Bad Request","message":"m","status":400}]],
      { message = "m", type = "Bad Request" } },
    { "NanoGPT's own", [[{"code":"invalid_model","message":"m","details":{"model":"x"}}]],
      { message = "m", code = "invalid_model", details = { model = "x" } } },
    { "NanoGPT's other", [[{"error":{"message":"m","type":"invalid_request_error","param":"model","code":null}}]],
      { message = "m", type = "invalid_request_error", param = "model" } },
    { "Saptiva's", [[{"detail":"Error Description"}]], { message = "Error Description" } },
    { "FastAPI's", [[{"detail":[{"loc":["body","model"],"msg":"field required","type":"missing"}]}]],
      { message = "model: field required", param = "model", type = "missing",
        details = { { loc = { "body", "model" }, msg = "field required", type = "missing" } } } },
    { "Mistral's",
      [[{"object":"error","message":{"detail":[{"loc":["body","a",0],"msg":"x"},{"loc":["body"],"msg":"y"}]}}]],
      { message = "a.0: x; y", param = "a.0",
        details = { { loc = { "body", "a", 0 }, msg = "x" }, { loc = { "body" }, msg = "y" } } } },
    { "vLLM's", [[{"object":"error","message":"m","type":"BadRequestError","param":null,"code":400}]],
      { message = "m", type = "BadRequestError", code = 400 } },
    { "a bare message", [[{"message":"m"}]], { message = "m" } },
    { "errors, a list of objects", [[{"errors":[{"message":"m","code":7},{"message":"n"}]}]],
      { message = "m; n", code = 7, details = { { message = "m", code = 7 }, { message = "n" } } } },
    { "errors, a list of texts", [[{"errors":["m","n"]}]], { message = "m; n", details = { "m", "n" } } },
    { "errors by field", [[{"errors":{"model":["is missing"],"a":"b"}}]],
      { message = "a: b; model: is missing", details = { model = { "is missing" }, a = "b" } } },
    { "a list", [=[[{"error":{"code":400,"message":"m","status":"INVALID_ARGUMENT"}}]]=],
      { message = "m", code = 400, type = "INVALID_ARGUMENT",
        details = { { error = { code = 400, message = "m", status = "INVALID_ARGUMENT" } } } } },
    { "Anthropic's", [[{"type":"error","error":{"type":"overloaded_error","message":"m"}}]],
      { message = "m", type = "overloaded_error" } },
    { "a problem document", [[{"title":"t","detail":"d","status":422}]], { message = "d" } },
    { "a JSON string", [["m"]], { message = "m" } },
    { "a bare text", "  upstream failed\n", { message = "upstream failed" } },
    { "broken JSON", [[{"error": {"mess]], { message = [[{"error": {"mess]] } },
    { "a page with a title", "<!doctype html><HTML><head><Title>\n 502 Bad &amp; Gateway </title></head><h1>no</h1>",
      { message = "502 Bad & Gateway" } },
    { "a page with a heading", "<html><body><h1>Oh <b>no</b></h1><p>x</p>", { message = "Oh no" } },
    { "a page without either", "<html><style>p{}</style><script>var a</script><p>Try <!-- x -->again</p></html>",
      { message = "Try again" } },
    { "nothing", "", {} }, { "blanks", " \r\n", {} }, { "an empty object", "{}", {} }, { "an empty list", "[]", {} },
    { "error: null", [[{"error":null}]], {} }, { "error: {}", [[{"error":{}}]], {} },
  }
  for _, case in ipairs(cases) do
    it("reads " .. case[1], function() assert.same(case[3], Error.parse_body(case[2], decode)) end)
  end

  it("takes what is decoded already, and nil", function()
    assert.equal("m", Error.parse_body({ error = { message = "m" } }).message)
    assert.same({}, Error.parse_body(nil))
  end)

  it("reads what comes after any number of blanks", function()
    for _, blanks in ipairs { 1, 65536, 200000 } do
      assert.equal("m", Error.parse_body((" "):rep(blanks) .. '{"error":{"message":"m"}}').message)
    end
  end)

  it("survives deep nesting and cycles", function()
    local nested = "m"
    for _ = 1, 200 do nested = { error = nested } end
    assert.is_table(Error.parse_body(nested))
    local cyclic = {}
    cyclic.error = cyclic
    assert.is_table(Error.parse_body(cyclic))
    local list = {}
    list[1] = list
    assert.is_table(Error.parse_body(list))
    local map = {}
    map.model = { map }
    assert.is_table(Error.parse_body({ errors = map }))
  end)

  it("cuts texts of any field", function()
    local parsed = Error.parse_body({ error = { message = ("m"):rep(5e6), code = ("c"):rep(5e6) } })
    assert.equal(4096, #parsed.message)
    assert.equal(4096, #parsed.code)
  end)
end)

describe("Error.from_response", function()
  local statuses = {
    [301] = "protocol", [307] = "protocol", [400] = "bad_request", [401] = "authentication", [402] = "billing",
    [403] = "permission", [404] = "not_found", [408] = "timeout", [409] = "bad_request", [413] = "too_large",
    [418] = "bad_request", [422] = "bad_request", [429] = "rate_limit", [500] = "server", [502] = "server",
    [503] = "server", [524] = "server", [529] = "server", [999] = "protocol", [199] = "protocol",
  }
  for status, kind in pairs(statuses) do
    it(("makes %s of %d"):format(kind, status), function()
      local err = response(status, [[{"error":{"message":"m","type":"t","param":"p","code":"c"}}]],
        { headers = { ["x-request-id"] = "r" } })
      assert.same({ kind, status, "r", "m", "t", "p", "c" },
        { err.kind, err.status, err.request_id, err.message, err.type, err.param, err.code })
    end)
  end

  local too_many = {
    { "quota", [[{"error":{"message":"m","code":"insufficient_quota"}}]] },
    { "quota", [[{"error":{"message":"m","type":"insufficient_quota"}}]] },
    { "quota", [[{"error":{"message":"m","code":"billing_hard_limit_reached"}}]] },
    { "quota", [[{"error":{"message":"You exceeded your current quota, please check your plan"}}]] },
    { "quota", [[{"error":{"message":"Please check your plan and billing details"}}]] },
    { "quota", [[{"detail":"Your credits exhausted"}]] },
    { "quota", [[{"message":"Monthly quota used up"}]] },
    { "rate_limit", [[{"error":{"message":"m","code":"rpm_limit"}}]] },
    { "rate_limit", [[{"error":{"message":"m","code":"max_parallel_requests"}}]] },
    { "rate_limit", [[{"error":{"message":"quota of 5 requests per minute exceeded"}}]] },
    { "rate_limit", [[{"error":{"message":"Quota exceeded. Please retry in 33.5s."}}]] },
    { "rate_limit", [[{"error":{"message":"your plan and billing","code":"rate_limit_exceeded"}}]] },
    { "rate_limit", "" }, { "rate_limit", "<h1>Too Many Requests</h1>" },
  }
  for _, case in ipairs(too_many) do
    it(("makes %s of a 429 that says %s"):format(case[1], case[2]), function()
      assert.equal(case[1], response(429, case[2]).kind)
    end)
  end

  for _, code in ipairs({ "insufficient_quota", "quota_exceeded", "exceeded_quota", "exceeded_current_quota_error",
    "billing_hard_limit_reached", "billing_limit_reached", "billing_not_active", "out_of_credits",
    "insufficient_credits", "credits_exhausted", "insufficient_balance", "usage_limit_reached" }) do
    it("makes quota of a 429 with the code " .. code, function()
      assert.equal("quota", response(429, ([[{"code":"%s","message":"m"}]]):format(code:upper())).kind)
    end)
  end

  for _, code in ipairs({ "rate_limit", "rate_limit_error", "rate_limit_exceeded", "rate_limited", "rpm_limit",
    "tpm_limit", "max_parallel_requests", "too_many_requests", "requests", "tokens", "slow_down",
    "RateLimitReached" }) do
    it("makes rate_limit of a 429 with the code " .. code .. ", whatever its message", function()
      assert.equal("rate_limit", response(429, ([[{"code":"%s","message":"your quota"}]]):format(code)).kind)
    end)
  end

  it("believes a code for quota even where a wait is named", function()
    assert.equal("quota", response(429, [[{"error":{"message":"m","code":"insufficient_quota"}}]],
      { headers = { ["retry-after"] = "5" } }).kind)
  end)

  it("knows a content filter's refusal", function()
    assert.equal("content_filter", response(400, [[{"error":{"message":"m","code":"content_filter"}}]]).kind)
    assert.equal("content_filter", response(400,
      [[{"error":{"message":"m","code":"x","innererror":{"code":"ResponsibleAIPolicyViolation"}}}]]).kind)
  end)

  it("takes the wait from headers, else from Azure's message", function()
    assert.equal(20, response(429, "", { headers = { ["retry-after"] = "20" } }).retry_after)
    assert.equal(33, response(429, [[{"error":{"message":"Please retry after 33 seconds."}}]]).retry_after)
    assert.equal(1.5, response(429, "Try again in 1.5s").retry_after)
    assert.equal(0.02, response(429, "Please try again in 20ms.").retry_after)
    assert.equal(7, response(429, "", { retry_after = 7, headers = { ["retry-after"] = "20" } }).retry_after)
    assert.is_nil(response(429, "retry after lunch").retry_after)
    assert.is_nil(response(500, "retry after 33 seconds").retry_after)
  end)

  local waits = {
    { 432.5, [[{"error":{"message":"Limit 6000, used 5900. Please try again in 7m12.5s. Need more?"}}]] },
    { 360, "try again in 6m0s" }, { 33, "Please try again in 33 s" }, { 120, "Try again in 2 minutes." },
    { 3900, "try again in 1 hour 5 minutes" }, { 33, "Please retry after 33." }, { 9, "Try again in 9 seconds." },
    { 20, "try again in 20s 3 requests are left" }, { nil, "try again in a while" }, { nil, "try again in 5 requests" },
    { 33, [[{"error":{"code":429,"message":"m","details":[{"@type":"QuotaFailure"},{"retryDelay":"33s"}]}}]] },
    { 12, [[{"error":{"message":"m","retry_after":12}}]] }, { 12.5, [[{"message":"m","retryAfter":"12.5"}]] },
    { 1.5, [[{"error":{"message":"m","retry_after_ms":1500}}]] }, { 7, [[{"detail":"m","retry_after_seconds":7}]] },
    { 5, [[{"error":{"message":"m","metadata":{"headers":{"Retry-After":"5"}}}}]] },
    { nil, [[{"error":{"message":"m","retry_after":-1}}]] },
    { nil, [[{"error":{"message":"m","retry_after":"soon"}}]] },
    { nil, [[{"error":{"message":"m","retry_after":{"a":1},"details":7,"metadata":null}}]] },
  }
  for _, case in ipairs(waits) do
    it(("reads a wait of %s in %s"):format(tostring(case[1]), case[2]), function()
      local err = response(429, case[2])
      assert.same({ case[1], "rate_limit" }, { err.retry_after, err.kind })
      assert.equal(2, response(429, case[2], { headers = { ["retry-after"] = "2" } }).retry_after)
    end)
  end

  -- The forms on the providers' pages.
  local forms = {
    { 401, "authentication", [[{"error":{"message":"m","type":null,"param":null,"code":"invalid_api_key"}}]],
      { code = "invalid_api_key" } },
    { 429, "rate_limit", [[{"error":{"message":"m","type":null,"param":null,"code":"rpm_limit"}}]],
      { code = "rpm_limit" } },
    { 429, "rate_limit", [[{"error":{"message":"m","type":null,"param":null,"code":"max_parallel_requests"}}]],
      { code = "max_parallel_requests" } },
    { 402, "billing", [[{"code":"insufficient_balance","message":"m","details":{"needed":1}}]],
      { code = "insufficient_balance", details = { needed = 1 } } },
    { 400, "bad_request", [[{"error":{"message":"m","type":"invalid_request_error","param":"model","code":null}}]],
      { type = "invalid_request_error", param = "model" } },
    { 422, "bad_request", [[{"detail":"m"}]], {} },
    { 401, "authentication", [[{"detail":"m","error":true,"status":401}]], {} },
    { 524, "server", "<html><head><title>m</title></head></html>", {} },
  }
  for _, form in ipairs(forms) do
    it(("makes %s of %d with %s"):format(form[2], form[1], form[3]), function()
      local err = response(form[1], form[3])
      assert.same({ form[2], "m" }, { err.kind, err.message })
      for _, name in ipairs { "code", "type", "param", "details" } do assert.same(form[4][name], err[name]) end
    end)
  end

  it("says where a redirect points, without its password", function()
    local err = response(307, "", { headers = { location = "https://u:p@other/x?token=t" } })
    assert.equal("https://[redacted]@other/x?token=[redacted]", err.location)
    assert.is_nil(response(500, "", { headers = { location = "https://x/" } }).location)
  end)

  it("has something to say about an empty answer", function()
    assert.equal("the server answered with status 524: the server took too long", response(524, "").message)
    assert.equal("the server answered with status 418", response(418, "{}").message)
    assert.equal("the server redirects (status 302)", response(302, "").message)
  end)

  it("keeps the first 4 KiB of the body as it came", function()
    assert.equal(("ab"):rep(2048), response(500, ("ab"):rep(9000)).body)
    assert.equal("<h1>x</h1>", response(502, "<h1>x</h1>").body)
  end)

  it("blanks a key that the server echoes, also where a text is cut", function()
    local blank = redact.new({ "sk-canary-1234" })
    local err = response(401, [[{"error":{"message":"Incorrect API key: sk-canary-1234","code":"sk-canary-1234"}}]],
      { redact = blank, url = "https://h/?k=sk-canary-1234" })
    assert.equal("Incorrect API key: [redacted]", err.message)
    assert.equal("[redacted]", err.code)
    assert.falsy(err.body:find("canary", 1, true))
    assert.falsy(err.url:find("canary", 1, true))
    err = response(401, ("m"):rep(4090) .. " sk-canary-1234", { redact = blank })
    assert.falsy(err.message:find("sk-", 1, true))
  end)

  it("carries provider, method and url", function()
    local err = response(500, "", { provider = "nan", method = "POST", url = "https://h/v1" })
    assert.same({ "nan", "POST", "https://h/v1" }, { err.provider, err.method, err.url })
  end)

  it("needs a status", function() assert.has_error(function() Error.from_response({}) end) end)
end)

describe("Error.is_error_payload", function()
  local errors = {
    [[{"error":{"message":"m"}}]], [[{"error":{"message":"m"},"choices":[]}]], [[{"error":"m"}]], [[{"error":true}]],
    [[{"error":{"code":500}}]], [[{"object":"error","message":"m"}]], [[{"type":"error","code":"c","message":"m"}]],
    [[{"code":"c","message":"m","details":{}}]], [[{"detail":"m"}]], [[{"detail":[{"msg":"m"}]}]],
    [[{"error":[{"message":"m"}]}]],
  }
  for _, body in ipairs(errors) do
    it("sees one in " .. body, function() assert.is_true(Error.is_error_payload(decode(body))) end)
  end

  local fine = {
    [[{"error":null}]], [[{"error":false,"status":200,"choices":[]}]], [[{"error":{}}]], [[{"error":""}]],
    [[{"error":[]}]], [[{"error":0}]], [[{"error":{"message":null,"code":null}}]], [[{"error":{"message":""}}]],
    [[{"choices":[{"delta":{"content":"error"}}],"error":null}]], [[{"text":"m"}]], [[{}]], [=[[]]=],
    [[{"id":"x","message":"m","code":"c"}]], [[{"message":"m"}]], [[{"code":0,"message":"ok"}]],
    [[{"code":200,"message":"fine"}]], [[{"code":"OK","message":"fine"}]], [[{"data":[],"detail":"x"}]],
  }
  for _, body in ipairs(fine) do
    it("sees none in " .. body, function() assert.is_false(Error.is_error_payload(decode(body))) end)
  end

  it("sees none in what is no table", function()
    assert.is_false(Error.is_error_payload(nil))
    assert.is_false(Error.is_error_payload("error"))
  end)
end)

describe("Error.from_payload", function()
  local cases = {
    { "rate_limit", [[{"error":{"message":"m","code":429}}]] },
    { "rate_limit", [[{"error":{"message":"m","type":"rate_limit_error"}}]] },
    { "quota", [[{"error":{"message":"m","code":"insufficient_quota"}}]] },
    { "authentication", [[{"error":{"message":"m","code":"401"}}]] },
    { "billing", [[{"error":{"message":"m","code":402}}]] },
    { "not_found", [[{"error":{"message":"m","code":"model_not_found"}}]] },
    { "bad_request", [[{"error":{"message":"m","type":"invalid_request_error"}}]] },
    { "server", [[{"error":{"message":"m","code":503}}]] },
    { "server", [[{"error":"m"}]] },
    { "content_filter", [[{"error":{"message":"m","code":"content_filter"}}]] },
    { "permission", [[{"detail":"m","status":403}]] },
    { "billing", [[{"error":{"message":"m","status":402}}]] },
    { "server", [[{"error":{"message":"m","status":599}}]] },
    { "server", [[{"error":{"message":"m","code":39}}]] },
    { "server", [[{"error":{"message":"m","code":302}}]] },
    { "server", [[{"error":{"message":"m","code":404.5}}]] },
  }
  for _, case in ipairs(cases) do
    it(("makes %s of %s"):format(case[1], case[2]), function()
      local err = Error.from_payload(decode(case[2]), { status = 200 })
      assert.same({ case[1], "m", 200 }, { err.kind, err.message, err.status })
    end)
  end

  it("keeps the wait that it names", function()
    local function wait(text) return Error.from_payload(decode(text), { status = 200 }).retry_after end
    assert.equal(3, wait [[{"error":{"message":"try again in 3s","code":429}}]])
    assert.equal(4, wait [[{"error":{"message":"m","code":503,"retry_after":4}}]])
    assert.is_nil(wait [[{"error":{"message":"try again in 3s","code":500}}]])
  end)

  it("lets the caller's kind win, and keeps code and partial", function()
    local err = Error.from_payload(decode([[{"error":{"message":"m","code":429}}]]),
      { kind = "stream", partial = { output_text = "so far" } })
    assert.same({ "stream", 429, "so far" }, { err.kind, err.code, err.partial.output_text })
  end)

  it("blanks the key", function()
    local err = Error.from_payload({ error = { message = "sk-canary", details = { "sk-canary" } } },
      { redact = redact.new({ "sk-canary" }) })
    assert.same({ "[redacted]", { "[redacted]" } }, { err.message, err.details })
  end)

  it("needs a table", function() assert.has_error(function() Error.from_payload("m") end) end)
end)
