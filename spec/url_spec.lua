-- SPDX-License-Identifier: MIT
-- URLs are built without surprises, and read one way only.

local query = require("marea.query")
local redirect = require("marea.redirect")
local url = require("marea.url")

local function null()
  local ok, json = pcall(require, "marea.json")
  if ok then return json.null end
  return require("cjson").null
end

describe("url.join", function()
  local cases = {
    { "https://h/v1", "models", nil, "https://h/v1/models" },
    { "https://h/v1/", "models", nil, "https://h/v1/models" },
    { "https://h/v1//", "/models", nil, "https://h/v1/models" },
    { "https://h", "models", nil, "https://h/models" },
    { "https://h/a/b/v1", "chat/completions", nil, "https://h/a/b/v1/chat/completions" },
    { "https://h/v1", "", nil, "https://h/v1" },
    { "https://h/v1?api-version=2", "models", nil, "https://h/v1/models?api-version=2" },
    { "https://h/v1/?api-version=2", "models", { a = 1 }, "https://h/v1/models?api-version=2&a=1" },
    { "https://h/v1?v=2&w=3", "models", { v = 9 }, "https://h/v1/models?w=3&v=9" },
    { "https://h/v1", "models?x=1", { y = true }, "https://h/v1/models?x=1&y=true" },
    { "https://h/v1", "models", {}, "https://h/v1/models" },
    { "http://[::1]:8080/v1", "models", nil, "http://[::1]:8080/v1/models" },
  }
  for _, case in ipairs(cases) do
    it("gives " .. case[4] .. " for " .. case[1] .. " and " .. case[2], function()
      assert.equal(case[4], url.join(case[1], case[2], case[3]))
    end)
  end

  for _, path in ipairs({ "../x", "a/../b", "a/..", "./a", "%2e%2e/x", "a/%2E./b", "a b", "a\0b", "a\nb", "a\\b",
    "a#b", "https://evil/x" }) do
    it(("refuses the path %q"):format(path), function()
      assert.has_error(function() url.join("https://h/v1", path) end)
    end)
  end

  it("blames the line of its caller", function()
    local _, message = pcall(function() url.join("https://h/v1", "..") end)
    assert.truthy(message:find("url_spec.lua", 1, true))
    _, message = pcall(function() url.join("https://h/v1", "a", { x = {  {} } }) end)
    assert.truthy(message:find("url_spec.lua", 1, true))
  end)
end)

describe("query.segment", function()
  local cases = {
    { "qwen3.6", "qwen3.6" }, { "Qwen/Qwen3-1.7B", "Qwen%2FQwen3-1.7B" }, { "gpt-oss:20b", "gpt-oss:20b" },
    { "a?b", "a%3Fb" }, { "a#b", "a%23b" }, { "%2e%2e", "%252e%252e" }, { "a b", "a%20b" }, { "ñ", "%C3%B1" },
    { "a\\b", "a%5Cb" }, { "a\nb", "a%0Ab" }, { 12, "12" }, { "...", "..." },
  }
  for _, case in ipairs(cases) do
    it(("encodes %q"):format(tostring(case[1])), function() assert.equal(case[2], query.segment(case[1])) end)
  end

  local refused = { { "" }, { "." }, { ".." }, { nil }, { {} }, { "a\0b" }, { true }, { 1.5 } }
  for _, case in ipairs(refused) do
    it(("refuses %q, naming the parameter and the line"):format(tostring(case[1])), function()
      local ok, message = pcall(function() query.segment(case[1], "model") end)
      assert.is_false(ok)
      assert.truthy(message:find("url_spec.lua:%d+: model must"))
    end)
  end
end)

describe("query.encode", function()
  it("sorts its keys and encodes what needs it", function()
    assert.equal("a=1&b=x%20y%26z&%C3%B1=%2B", query.encode({ b = "x y&z", a = 1, ["ñ"] = "+" }))
  end)

  it("writes numbers and booleans plainly", function()
    assert.equal("a=100000&b=0.5&c=true&d=false&e=3",
      query.encode({ a = 100000, b = 0.5, c = true, d = false, e = 3.0 }))
  end)

  it("repeats the key of a list, and leaves null out", function()
    assert.equal("k=a&k=b", query.encode({ k = { "a", "b" }, n = null(), e = {} }))
  end)

  it("refuses what no query holds, naming the key", function()
    for _, value in ipairs({ { a = 1 }, { 1, x = 2 }, { {} }, print, 0 / 0, math.huge, "a\0" }) do
      local ok, message = pcall(query.encode, { bad = value })
      assert.is_false(ok)
      assert.truthy(tostring(message):find('"bad"', 1, true))
    end
    assert.has_error(function() query.encode("a=1") end)
    assert.has_error(function() query.encode({ "a" }) end)
  end)

  it("is empty for nothing", function()
    assert.equal("", query.encode(nil))
    assert.equal("", query.encode({}))
  end)
end)

describe("url.parse", function()
  it("takes every part", function()
    assert.same({
      scheme = "https", userinfo = "u:p", host = "h.example", port = 8443, path = "/v1/x", query = "a=1&b",
      fragment = "f",
    }, url.parse("HTTPS://u:p@H.Example:8443/v1/x?a=1&b#f"))
  end)

  it("fills in port and path", function()
    assert.same({ scheme = "http", host = "h", port = 80, path = "/" }, url.parse("http://h"))
    assert.same({ scheme = "https", host = "[::1]", port = 443, path = "/" }, url.parse("https://[::1]:/"))
  end)

  local refused = {
    "", "h/v1", "//h/v1", "ftp://h/", "file:///etc/passwd", "http://", "http:///x", "http://:80/", "http://h:0/",
    "http://h:65536/", "http://h:8a/", "http://h:80:90/", "http://a b/", "http://h/a b", "http://h/\n", "http://h\0/",
    "http://good\\@evil/", "http://good#@evil/", "http://a@b@c/", "http://a:b@c@d/", "http://h%2e/", "http://[::1/",
    "http://[x]/", "http://ñ.example/", "javascript:alert(1)", "http:/h/", "http://h<>/",
  }
  for _, case in ipairs(refused) do
    it(("refuses %q"):format(case), function()
      local parsed, message = url.parse(case)
      assert.is_nil(parsed)
      assert.is_string(message)
    end)
  end

  it("reads good@evil as a name at evil", function()
    assert.equal("evil", url.parse("http://good@evil/").host)
  end)

  it("never shows a password in its message", function()
    local _, message = url.parse("http://u:hunter2@a@b/")
    assert.falsy(message:find("hunter2", 1, true))
  end)
end)

describe("url.origin", function()
  it("is the same for a default port written or not, and in any case", function()
    assert.equal(url.origin("https://H/a"), url.origin("HTTPS://h:443/b?c"))
  end)

  it("differs by scheme, host, port and trailing dot", function()
    local here = url.origin("https://h/")
    for _, other in ipairs({ "http://h/", "https://h:444/", "https://g/", "https://h./", "http://h:443/" }) do
      assert.not_equal(here, url.origin(other))
    end
  end)

  it("passes on what is wrong", function()
    local origin, message = url.origin("nonsense")
    assert.is_nil(origin)
    assert.is_string(message)
  end)
end)

describe("redirect.resolve", function()
  local cases = {
    { "g", "http://a:80/b/c/g" }, { "./g", "http://a:80/b/c/g" }, { "g/", "http://a:80/b/c/g/" },
    { "/g", "http://a:80/g" }, { "g?y", "http://a:80/b/c/g?y" }, { "?y", "http://a:80/b/c/d?y" },
    { "../g", "http://a:80/b/g" }, { "../../../g", "http://a:80/g" }, { "..", "http://a:80/b/" },
    { "//g/x", "http://g/x" }, { "https://g/x?y#f", "https://g/x?y" },
  }
  for _, case in ipairs(cases) do
    it("reads " .. case[1] .. " as " .. case[2], function()
      assert.equal(case[2], redirect.resolve("http://a/b/c/d?q", case[1]))
    end)
  end

  it("gives nothing for what can't be followed", function()
    for _, location in ipairs({ "ftp://h/", "javascript:alert(1)", "http://h\\@evil/", "//a@b@c/", "/a b" }) do
      assert.is_nil(redirect.resolve("http://a/b", location))
    end
  end)
end)

describe("url.is_loopback", function()
  for _, host in ipairs({ "localhost", "LOCALHOST", "localhost.", "api.localhost", "127.0.0.1", "127.9.8.7", "::1",
    "[::1]", "0:0:0:0:0:0:0:1", "[::ffff:127.0.0.1]" }) do
    it("knows " .. host, function() assert.is_true(url.is_loopback(host)) end)
  end
  for _, host in ipairs({ "127.0.0.1.evil.com", "localhost.evil.com", "mylocalhost", "128.0.0.1", "127.0.0.256",
    "10.0.0.1", "0.0.0.0", "::2", "[::]", "127.1", "1::1", "" }) do
    it("isn't taken in by " .. host, function() assert.is_false(url.is_loopback(host)) end)
  end
end)

describe("url.check_base", function()
  it("lets good ones through", function()
    assert.equal("h", url.check_base("https://h/v1?api-version=1").host)
  end)

  local refused = {
    { "localhost:8080/v1", 'write "http://localhost:8080/v1"' },
    { "api.example.com", "has no scheme" },
    { "", "is empty" },
    { 12, "must be a string" },
    { "https://h/v1#x", "fragment" },
    { "ftp://h/", "not ftp://" },
    { "https://h/ v1", "space" },
    { "https://h/v1\n", "control" },
  }
  for _, case in ipairs(refused) do
    it(("explains what is wrong with %q"):format(tostring(case[1])), function()
      local ok, message = pcall(function() url.check_base(case[1]) end)
      assert.is_false(ok)
      assert.truthy(message:find("url_spec.lua:%d+: base_url "))
      assert.truthy(message:find(case[2], 1, true))
    end)
  end
end)
