-- SPDX-License-Identifier: MIT
-- What leaves the library for a person's eyes never holds a secret.

local redact = require("marea.redact")

local SECRET = "sk-tes/t+KEY=12345"

describe("redact.new", function()
  local blank = redact.new({ SECRET })

  local forms = {
    { "as it is", SECRET },
    { "percent-encoded", "sk-tes%2Ft%2BKEY%3D12345" },
    { "percent-encoded in lower case", "sk-tes%2ft%2bKEY%3d12345" },
    { "with JSON's escaped slash", "sk-tes\\/t+KEY=12345" },
    { "in base64", "c2stdGVzL3QrS0VZPTEyMzQ1" },
  }
  for _, form in ipairs(forms) do
    it("blanks a secret " .. form[1], function()
      assert.equal("a [redacted] b [redacted]", blank("a " .. form[2] .. " b " .. form[2]))
    end)
  end

  it("blanks user:pass as a Basic header holds it", function()
    assert.equal("Basic [redacted]", redact.new({ "Aladdin:open sesame" })("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ"))
  end)

  it("blanks url-safe base64 too", function()
    assert.equal("x [redacted]", redact.new({ "???>>>" })("x Pz8_Pj4-"))
  end)

  it("blanks a key that was read with its line end", function()
    assert.equal("key [redacted]!", redact.new({ "abcdef\n" })("key abcdef!"))
  end)

  it("blanks the longer of two secrets where one holds the other", function()
    assert.equal("[redacted] [redacted]", redact.new({ "abcd", "abcdef" })("abcdef abcd"))
  end)

  it("hides a short secret where it stands alone, and leaves words readable", function()
    assert.equal("([redacted]) above", redact.new({ "abo" })("(abo) above"))
  end)

  it("takes pattern characters, NUL bytes and lone strings literally", function()
    assert.equal("[redacted]", redact.new("%a+.-(x)")("%a+.-(x)"))
    assert.equal("letters", redact.new("%a+.-")("letters"))
    assert.equal("a[redacted]b", redact.new("12\0034")("a12\0034b"))
  end)

  it("ignores empty secrets, and leaves what is no string", function()
    local none = redact.new({ "", "  " })
    assert.equal("a  b", none("a  b"))
    assert.equal(12, none(12))
    assert.equal("x", redact.new(nil)("x"))
  end)
end)

describe("redact.deep", function()
  local blank = redact.new({ "secret1" })

  it("blanks values and keys at every depth and leaves the original alone", function()
    local original = { a = { "x secret1", { ["secret1"] = 1 } }, n = 3, yes = true }
    local copy = redact.deep(original, blank)
    assert.same({ a = { "x [redacted]", { ["[redacted]"] = 1 } }, n = 3, yes = true }, copy)
    assert.equal("x secret1", original.a[1])
  end)

  it("keeps metatables and survives cycles", function()
    local mt = {}
    local cyclic = setmetatable({ "secret1" }, mt)
    cyclic.self = cyclic
    local copy = redact.deep(cyclic, blank)
    assert.equal(copy, copy.self)
    assert.equal(mt, getmetatable(copy))
    assert.equal("[redacted]", copy[1])
  end)
end)

describe("redact.url", function()
  local cases = {
    { "https://h/v1", "https://h/v1" },
    { "https://user:pa@ss@h/v1", "https://[redacted]@h/v1" },
    { "https://h/p?key=abc&x=1", "https://h/p?key=[redacted]&x=1" },
    { "https://h/p?api_key=a&api-key=b&API%5FKEY=c",
      "https://h/p?api_key=[redacted]&api-key=[redacted]&API%5FKEY=[redacted]" },
    { "https://h/p?access_token=t&sig=s&client_secret=q#f",
      "https://h/p?access_token=[redacted]&sig=[redacted]&client_secret=[redacted]#f" },
    { "https://h/p?max_tokens=9&keyword=b", "https://h/p?max_tokens=9&keyword=b" },
    { "https://h/a@b?q=x@y", "https://h/a@b?q=x@y" },
    { "/only/path?token=1", "/only/path?token=[redacted]" },
  }
  for _, case in ipairs(cases) do
    it("shows " .. case[2], function() assert.equal(case[2], redact.url(case[1])) end)
  end
end)

describe("redact.headers", function()
  local secret = {
    "Authorization", "proxy-authorization", "API-Key", "x-api-key", "X-Goog-Api-Key", "Cookie", "Set-Cookie",
    "X-My-Secret", "X-Auth-Token", "Ocp-Apim-Subscription-Key",
  }
  for _, name in ipairs(secret) do
    it("blanks " .. name .. " in a map, in pairs and in lines", function()
      assert.same({ [name] = "[redacted]" }, redact.headers({ [name] = "v" }))
      assert.same({ { name, "[redacted]" } }, redact.headers({ { name, "v" } }))
      assert.same({ name .. ": [redacted]" }, redact.headers({ name .. ": v" }))
    end)
  end

  it("leaves what is no secret, rate limits in tokens among it", function()
    local list = { ["content-type"] = "a/b", ["x-ratelimit-remaining-tokens"] = "7" }
    assert.same(list, redact.headers(list))
  end)

  it("cleans the URL in location", function()
    assert.equal("https://[redacted]@h/", redact.headers({ location = "https://u:p@h/" }).location)
  end)
end)
