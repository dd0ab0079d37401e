-- SPDX-License-Identifier: MIT
-- Redirects: followed only for a GET within one origin. A second server, on a
-- port of its own, records whatever would reach it.

local faults = require("spec.support.faults")
local marea = require("marea")
local resolve = require("marea.redirect").resolve
local server = require("spec.support.server")

local CANARY = "sk-redirect-canary-4711"

local STATUSES = { 301, 302, 303, 307, 308 }

local function redirect(status, to)
  return { status = status, headers = { location = to }, body = '{"error":"moved"}' }
end

local MODELS = { status = 200, body = '{"object":"list","data":[{"id":"uno"}]}' }

describe("a redirect", function()
  local s, other
  local guard = faults.guard()

  setup(function()
    s = server.shared()
    local f = s:script({ faults.good() })
    assert(faults.ask(faults.client(f)))
    other = s:port_script({ { { wait_request = true }, { status = 200, body = '{"data":[]}' } } })
  end)

  teardown(function() other.forget() end)

  before_each(function()
    guard.arm()
    guard.pooled = 1
  end)
  after_each(guard.check)

  local function client_of(f, options)
    local all = { api_key = CANARY, headers = { ["api-key"] = CANARY, ["x-api-key"] = CANARY,
      ["x-goog-api-key"] = CANARY, ["OpenAI-Organization"] = CANARY, Cookie = "a=" .. CANARY } }
    for name, value in pairs(options or {}) do all[name] = value end
    return faults.client(f, all)
  end

  for _, status in ipairs(STATUSES) do
    it(status .. " in answer to a POST is returned, never followed", function()
      local f = s:script({ redirect(status, "/s/elsewhere/v1/chat/completions"), faults.good() })
      local result, err = faults.ask(client_of(f, { max_retries = 2 }))
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal(status, err.status)
      assert.equal("/s/elsewhere/v1/chat/completions", err.location)
      assert.equal(1, #f.requests())
      assert.equal(1, #err.attempts)
    end)

    it(status .. " in answer to a streamed POST is returned too", function()
      local f = s:script({ redirect(status, "/there"), faults.good() })
      local got, err = faults.read(client_of(f))
      assert.is_nil(got)
      assert.equal("protocol", err.kind)
      assert.equal(1, #f.requests())
    end)

    it(status .. " to another origin is returned, and nothing arrives there", function()
      local there = other.url .. "/v1/models"
      local f = s:script({ redirect(status, there) }, { repeat_last = true })
      local client = client_of(f)
      local result, err = client.models:list()
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.equal(status, err.status)
      assert.equal(there, err.location)
      assert.is_nil(faults.ask(client))
      assert.same({}, other.events())
    end)

    it(status .. " within the origin is followed for a GET", function()
      local target = s:script({ MODELS })
      local f = s:script({ redirect(status, target.url .. "/v1/models") })
      local result, err = client_of(f).models:list()
      assert.is_nil(err)
      assert.equal("uno", result.data[1].id)
      local arrived = target.requests()[1]
      assert.equal("GET", arrived.method)
      assert.truthy(arrived.head:find("Bearer " .. CANARY, 1, true))
    end)
  end

  it("may be relative: to the root, to the path, to the scheme", function()
    local target = s:script({ MODELS, MODELS, MODELS })
    local path = target.url:gsub("^http://[^/]*", "")
    for _, location in ipairs { path .. "/v1/models", "../../" .. target.id .. "/v1/models",
      "//127.0.0.1:" .. s.port .. path .. "/v1/models" } do
      local f = s:script({ redirect(302, location) })
      local result, err = client_of(f).models:list()
      assert.is_nil(err)
      assert.equal("uno", result.data[1].id)
    end
  end)

  -- RFC 3986, 5.4, and what has slashes side by side: they are segments, if empty ones.
  it("leads where the RFC says", function()
    local base = "http://h:80/b/c/d;p?q"
    for location, path in pairs { ["g"] = "/b/c/g", ["./g/."] = "/b/c/g/", ["g/"] = "/b/c/g/", ["/g"] = "/g",
      ["?y"] = "/b/c/d;p?y", ["g?y/../x"] = "/b/c/g?y/../x", ["."] = "/b/c/", ["./"] = "/b/c/", [".."] = "/b/",
      ["../g"] = "/b/g", ["../.."] = "/", ["../../../g"] = "/g", ["/./g"] = "/g", ["/../g"] = "/g", ["g."] = "/b/c/g.",
      ["..g"] = "/b/c/..g", ["./g/../h"] = "/b/c/h", ["/a//b?x"] = "/a//b?x", ["a//"] = "/b/c/a//",
      ["/a//../b"] = "/a/b", ["/a/..//b"] = "//b" } do
      assert.equal("http://h:80" .. path, resolve(base, location), location)
    end
  end)

  it("to another scheme, port or host is to another origin", function()
    local places = { "https://127.0.0.1:" .. s.port .. "/v1/models", "http://localhost:" .. s.port .. "/v1/models",
      "http://127.0.0.1:" .. other.port .. "/", "http://127.0.0.1.:" .. s.port .. "/",
      "ftp://127.0.0.1/x", "file:///etc/passwd", "javascript:x", "http://127.0.0.1/" }
    for _, place in ipairs(places) do
      local f = s:script({ redirect(302, place) })
      local result, err = client_of(f).models:list()
      assert.is_nil(result, place)
      assert.equal("protocol", err.kind)
      assert.equal(1, #f.requests())
    end
    assert.same({}, other.events())
  end)

  it("whose Location fools parsers goes nowhere", function()
    local port = s.port
    for _, place in ipairs { "http://127.0.0.1:" .. port .. "@127.0.0.1:" .. other.port .. "/",
      "http://127.0.0.1:" .. port .. "#@127.0.0.1:" .. other.port .. "/",
      "http://127.0.0.1:" .. port .. "\\@127.0.0.1:" .. other.port .. "/",
      "http://127.0.0.1:" .. other.port .. "\\@127.0.0.1:" .. port .. "/",
      "///127.0.0.1:" .. other.port .. "/", "\\\\127.0.0.1:" .. other.port .. "/" } do
      local f = s:script({ redirect(302, place) }, { repeat_last = true })
      client_of(f).models:list()
    end
    assert.same({}, other.events())
  end)

  it("with userinfo isn't followed, and its password isn't shown", function()
    local f = s:script({ redirect(302, "http://user:hunter2@127.0.0.1:" .. s.port .. "/v1/models") })
    local result, err = client_of(f).models:list()
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
    assert.is_nil(err.location:find("hunter2", 1, true))
    assert.is_nil(tostring(err):find("hunter2", 1, true))
  end)

  it("loop ends after a few, with status and location", function()
    local f = s:script({ redirect(302, "models") }, { repeat_last = true })
    local result, err = client_of(f, { max_retries = 3 }).models:list()
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
    assert.equal(302, err.status)
    assert.equal("models", err.location)
    assert.truthy(err.message:find("too many redirects", 1, true))
    assert.equal(6, #f.requests())
  end)

  it("status without Location, or 304 with one, is no redirect to follow", function()
    local target = s:script({ MODELS }, { repeat_last = true })
    for _, reply in ipairs { { status = 302, body = "{}" }, { status = 300, headers = { location = target.url } },
      { send = "HTTP/1.1 304 Not Modified\r\nlocation: " .. target.url .. "\r\n\r\n" } } do
      local f = s:script({ reply })
      local result, err = client_of(f).models:list()
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
    end
    assert.equal(0, #target.requests())
  end)

  it("isn't followed for other methods of client:request", function()
    local target = s:script({ MODELS }, { repeat_last = true })
    for _, method in ipairs { "DELETE", "PUT", "PATCH", "POST" } do
      local f = s:script({ redirect(307, target.url .. "/v1/x") })
      local result, err = client_of(f):request { method = method, path = "x", body = { a = 1 } }
      assert.is_nil(result)
      assert.equal(307, err.status)
    end
    assert.equal(0, #target.requests())
  end)

  it("keeps to the total clock, however many are followed", function()
    local f = s:script({ { { sleep = 0.2 }, redirect(302, "models") } }, { repeat_last = true })
    local result, err = client_of(f).models:list({}, { timeout = 0.5 })
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("total", err.phase)
    assert.is_true(marea.is_error(err))
  end)
end)
