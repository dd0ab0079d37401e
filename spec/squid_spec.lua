-- SPDX-License-Identifier: MIT
-- A real proxy of another make, which wants a password: what it is told, and
-- what nobody else is.

local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local faults = require("spec.support.faults")
local nginx = require("spec.support.nginx")
local server = require("spec.support.server")
local squid = require("spec.support.squid")

local USER, PASSWORD = "maria", "prx-canary-4711"
local KEY = "sk-squid-canary-4711"

describe("squid, with a password,", function()
  local s, dir, gate, site, web
  local guard = faults.guard()

  setup(function()
    s = server.shared()
    gate = squid.start(USER, PASSWORD)
    dir = daemon.directory()
    certs.make(dir)
    site = s:port_script { { { serve = true } } }
    web = nginx.start(dir, { good = { cert = "good", upstream = site.port, http2 = false },
      bad = { cert = "selfsigned", upstream = site.port }, two = { cert = "good", upstream = site.port } })
    assert(faults.ask(faults.client(s:script({ faults.good() }))))
  end)

  teardown(function()
    gate:stop()
    web:stop()
    site.forget()
    os.execute("rm -rf " .. dir)
  end)

  before_each(function()
    guard.arm()
    guard.pooled = 3       -- one of HTTP/2 on which something came meanwhile isn't used again, nor closed at once
  end)
  after_each(guard.check)

  local function url(password)
    return (gate.url:gsub("//", "//" .. USER .. ":" .. (password or PASSWORD) .. "@"))
  end

  local function secure(name, proxy)
    return faults.client({ base_url = "https://127.0.0.1:" .. web.ports[name] .. "/v1" },
      { ca_file = dir .. "/ca.pem", api_key = KEY, proxy = proxy })
  end

  it("carries answers and streams in the clear, and keeps the password to itself", function()
    local f = s:script({ faults.good(),
      { { send = faults.SSE_HEAD .. faults.text("uno", "stop") .. faults.DONE .. "0\r\n\r\n" } } })
    local client = faults.client(f, { proxy = url(), api_key = KEY })
    assert.equal("hecho", assert(faults.ask(client)).output_text)
    local got, err = faults.read(client)
    assert.is_nil(err)
    assert.equal("uno", got)
    for _, request in ipairs(f.requests()) do
      assert.truthy(request.head:lower():find("\r\nvia:", 1, true))
      assert.truthy(request.head:find("Bearer " .. KEY, 1, true))
      assert.is_nil(request.head:lower():find("proxy-authorization", 1, true))
    end
  end)

  it("is a tunnel for answers and streams over TLS, of either version of HTTP", function()
    for _, name in ipairs { "good", "two" } do
      local client = secure(name, url())
      local result = assert(faults.ask(client))
      assert.equal(name == "two" and "HTTP/2.0" or "HTTP/1.1", result.response.headers["x-protocol"])
      local got, err = faults.read(client)
      assert.is_nil(err)
      assert.equal(result.output_text, got)
    end
  end)

  it("still shows whose certificate it is", function()
    local result, err = faults.ask(secure("bad", url()))
    assert.is_nil(result)
    assert.equal("tls", err.kind)
  end)

  for name, password in pairs { ["none"] = "", ["a wrong one"] = "wrong" } do
    it("lets nothing through with " .. name .. ", and no error shows it", function()
      local proxy = password == "" and gate.url or url(password .. PASSWORD)
      local f = s:script({ faults.good() })
      local result, err = faults.ask(faults.client(f, { proxy = proxy, api_key = KEY }))
      assert.is_nil(result)
      assert.equal("bad_request", err.kind)
      assert.equal(407, err.status)
      assert.equal(0, #f.requests())
      local _, tunnel = faults.ask(secure("good", proxy))
      assert.equal("connection", tunnel.kind)
      for _, e in ipairs { err, tunnel } do
        assert.is_nil(tostring(e):find(PASSWORD, 1, true))
        assert.is_nil(tostring(e):find(KEY, 1, true))
      end
    end)
  end

  it("that can't reach the server says so", function()
    local port = daemon.free_port()
    local options = { proxy = url() }
    local result, err = faults.ask(faults.client({ base_url = "http://127.0.0.1:" .. port .. "/v1" }, options))
    assert.is_nil(result)
    assert.equal("server", err.kind)
    assert.equal(503, err.status)
    assert.equal(1, #err.attempts)
    result, err = faults.ask(faults.client({ base_url = "https://127.0.0.1:" .. port .. "/v1" }, options))
    assert.is_nil(result)
    assert.equal("connection", err.kind)
  end)
end)
