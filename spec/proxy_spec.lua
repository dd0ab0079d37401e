-- SPDX-License-Identifier: MIT
-- Proxies: a real tinyproxy for what should work, scripted ones for what goes
-- wrong; which variables count; and who gets to see which credentials.

local faults = require("spec.support.faults")
local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local nginx = require("spec.support.nginx")
local proxy = require("spec.support.proxy")
local server = require("spec.support.server")
local uv = require("luv")

local USER, PASSWORD = "maria", "prx-canary-4711"
local KEY = "sk-proxy-canary-4711"

local VARIABLES = { "http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy",
  "NO_PROXY" }

local function clear_environment()
  for _, name in ipairs(VARIABLES) do uv.os_unsetenv(name) end
end

describe("a proxy", function()
  local s, open, locked, web, dir, site, saved
  local guard = faults.guard()

  setup(function()
    saved = {}
    for _, name in ipairs(VARIABLES) do saved[name] = os.getenv(name) end
    clear_environment()
    s = server.shared()
    open, locked = proxy.start(), proxy.start(USER, PASSWORD)
    dir = daemon.directory()
    certs.make(dir)
    site = s:port_script { { { serve = true } } }
    web = nginx.start(dir, { good = { cert = "good", upstream = site.port, http2 = false },
      bad = { cert = "selfsigned", upstream = site.port } })
    local f = s:script({ faults.good() })
    assert(faults.ask(faults.client(f)))
  end)

  teardown(function()
    clear_environment()
    for name, value in pairs(saved) do uv.os_setenv(name, value) end
    open:stop()
    locked:stop()
    web:stop()
    site.forget()
    os.execute("rm -rf " .. dir)
  end)

  before_each(function()
    guard.arm()
    guard.pooled = 2
  end)

  after_each(function()
    clear_environment()
    guard.check()
  end)

  local function with_password(password)
    return (locked.url:gsub("//", "//" .. USER .. ":" .. (password or PASSWORD) .. "@"))
  end

  local function secure(name, options)
    local all = { ca_file = dir .. "/ca.pem", api_key = KEY }
    for key, value in pairs(options or {}) do all[key] = value end
    return faults.client({ base_url = "https://127.0.0.1:" .. web.ports[name] .. "/v1" }, all)
  end

  local function via(request)
    return request.head:lower():find("\r\nvia:", 1, true) ~= nil
  end

  -- A proxy that records what it gets and answers as told.
  local function fake(...)
    return s:port_script { { { wait_head = true }, ... } }
  end

  it("given as an option is used, with or without its scheme", function()
    for _, address in ipairs { open.url, (open.url:gsub("^http://", "")) } do
      local f = s:script({ faults.good() })
      local result, err = faults.ask(faults.client(f, { proxy = address }))
      assert.is_nil(err)
      assert.equal("hecho", result.output_text)
      assert.is_true(via(f.requests()[1]))
    end
  end)

  it("carries streams", function()
    local f = s:script({ { { send = faults.SSE_HEAD .. faults.text("uno", "stop") .. faults.DONE .. "0\r\n\r\n" } } })
    local got, err = faults.read(faults.client(f, { proxy = open.url }))
    assert.is_nil(err)
    assert.equal("uno", got)
    assert.is_true(via(f.requests()[1]))
  end)

  it("gets its credentials, and the server doesn't", function()
    local f = s:script({ faults.good() })
    local result, err = faults.ask(faults.client(f, { proxy = with_password(), api_key = KEY }))
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    local head = f.requests()[1].head
    assert.truthy(head:find("Bearer " .. KEY, 1, true))
    assert.is_nil(head:lower():find("proxy-authorization", 1, true))
  end)

  it("that wants credentials and gets none, or wrong ones, is an error without them in it", function()
    for _, address in ipairs { locked.url, with_password("wrong-" .. PASSWORD) } do
      local f = s:script({ faults.good() })
      local result, err = faults.ask(faults.client(f, { proxy = address }))
      assert.is_nil(result)
      local kinds = { [407] = "bad_request", [401] = "authentication" }   -- tinyproxy says 401 to a wrong one
      assert.is_string(kinds[err.status])
      assert.equal(kinds[err.status], err.kind)
      assert.is_nil(tostring(err):find(PASSWORD, 1, true))
      assert.equal(0, #f.requests())
    end
  end)

  it("is a tunnel for https: the server's certificate is still checked, the proxy sees no key", function()
    local result, err = faults.ask(secure("good", { proxy = open.url }))
    assert.is_nil(err)
    assert.truthy(result.output_text)
    assert.truthy(open.log_text():find("CONNECT 127.0.0.1:" .. web.ports.good, 1, true))
    result, err = faults.ask(secure("bad", { proxy = open.url }))
    assert.is_nil(result)
    assert.equal("tls", err.kind)
  end)

  it("is a tunnel for streams and with credentials too", function()
    local got, err = faults.read(secure("good", { proxy = with_password() }))
    assert.is_nil(err)
    assert.truthy(got:find("Hola", 1, true))
  end)

  it("is shown nothing of the request for https, and no key in CONNECT", function()
    local f = fake({ status = 502, body = "no" }, { fin = true })
    local result, err = faults.ask(secure("good", { proxy = f.url:gsub("//", "//u:" .. PASSWORD .. "@") }))
    assert.is_nil(result)
    assert.is_string(err.kind)
    local requests = f.requests()
    assert.equal("CONNECT", requests[1].method)
    assert.equal("127.0.0.1:" .. web.ports.good, requests[1].target)
    assert.is_nil(requests[1].head:find(KEY, 1, true))
    assert.truthy(requests[1].head:find("Proxy-Authorization: Basic ", 1, true))
    assert.is_nil(tostring(err):find(PASSWORD, 1, true))
    f.forget()
  end)

  local refusals = {
    ["407 to CONNECT"] = { "connection", { status = 407, headers = { ["proxy-authenticate"] = "Basic realm=x" } },
      { fin = true } },
    ["502 to CONNECT"] = { "connection", { status = 502 }, { fin = true } },
    ["that hangs up at CONNECT"] = { "connection", { fin = true } },
    ["that resets at CONNECT"] = { "connection", { rst = true } },
    ["that hangs up right after its 200"] = { "connection", { send = "HTTP/1.1 200 OK\r\n\r\n" }, { fin = true } },
  }
  for name, case in pairs(refusals) do
    it("in trouble is an error of the connection: " .. name, function()
      local f = fake(case[2], case[3])
      local result, err = faults.ask(secure("good", { proxy = f.url }))
      assert.is_nil(result)
      assert.equal(case[1], err.kind)
      assert.is_nil(err.partial)
      f.forget()
    end)
  end

  it("that never answers CONNECT is a connect timeout", function()
    local f = fake({ keep_open = true })
    local result, err, took = faults.ask(secure("good", { proxy = f.url, timeout = { connect = 0.3 } }))
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    assert.equal("connect", err.phase)
    assert.is_true(took > 0.29 and took < 1)
    f.forget()
  end)

  it("that isn't there is connection", function()
    local port = daemon.free_port()
    local f = s:script({ faults.good() })
    local result, err = faults.ask(faults.client(f, { proxy = "http://127.0.0.1:" .. port }))
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.equal(0, #f.requests())
  end)

  it("written wrongly is an error that doesn't show its password", function()
    for _, address in ipairs { "http://" .. USER .. ":" .. PASSWORD .. "@127.0.0.1:99999999",
      "gopher9://" .. USER .. ":" .. PASSWORD .. "@127.0.0.1:1", USER .. ":" .. PASSWORD .. "@127.0.0.1:1",
      "http://" .. USER .. ":" .. PASSWORD .. "@[::1" } do
      local f = s:script({ faults.good() })
      local result, err = faults.ask(faults.client(f, { proxy = address }))
      assert.is_nil(result)
      assert.is_nil(tostring(err):find(PASSWORD, 1, true), address)
      assert.is_nil(err.message:find(PASSWORD, 1, true))
    end
  end)

  it("in the environment written wrongly doesn't show its password either", function()
    uv.os_setenv("http_proxy", "gopher9://" .. USER .. ":" .. PASSWORD .. "@127.0.0.1:1")
    local f = s:script({ faults.good() })
    local result, err = faults.ask(faults.client(f))
    assert.is_nil(result)
    assert.is_nil(tostring(err):find(PASSWORD, 1, true))
  end)

  it("with a line break or a NUL in it is refused before anything is sent", function()
    for _, address in ipairs { open.url .. "\r\nx: y", open.url .. "\0", "http://a b" } do
      local ok, message = pcall(faults.client, { base_url = s.base_url }, { proxy = address })
      assert.is_false(ok)
      assert.truthy(message:find("proxy", 1, true))
    end
  end)

  describe("from the environment", function()
    local function used()
      local f = s:script({ faults.good() })
      assert(faults.ask(faults.client(f)))
      return via(f.requests()[1])
    end

    it("is used for its scheme: http_proxy, all_proxy", function()
      assert.is_false(used())
      for _, name in ipairs { "http_proxy", "all_proxy", "ALL_PROXY" } do
        uv.os_setenv(name, open.url)
        assert.is_true(used(), name)
        clear_environment()
      end
      uv.os_setenv("https_proxy", open.url)
      assert.is_false(used())
    end)

    it("is used for https: https_proxy, HTTPS_PROXY", function()
      for _, name in ipairs { "https_proxy", "HTTPS_PROXY" } do
        local f = fake({ status = 502 }, { fin = true })
        uv.os_setenv(name, f.url)
        faults.ask(secure("good"))
        assert.equal(1, #f.requests())
        clear_environment()
        f.forget()
      end
    end)

    it("isn't taken from HTTP_PROXY, which a CGI's client could set", function()
      uv.os_setenv("HTTP_PROXY", open.url)
      assert.is_false(used())
    end)

    it("isn't used for hosts in NO_PROXY", function()
      for _, name in ipairs { "NO_PROXY", "no_proxy" } do
        for value, expected in pairs { ["127.0.0.1"] = false, ["example.com,127.0.0.1"] = false, ["*"] = false,
          ["example.com"] = true } do
          uv.os_setenv("http_proxy", open.url)
          uv.os_setenv(name, value)
          assert.equal(expected, used(), name .. "=" .. value)
          clear_environment()
        end
      end
    end)

    it("gives way to the option, and an empty option means none", function()
      local f = fake({ status = 502 }, { fin = true })
      uv.os_setenv("http_proxy", f.url)
      local target = s:script({ faults.good(), faults.good() })
      assert(faults.ask(faults.client(target, { proxy = open.url })))
      assert(faults.ask(faults.client(target, { proxy = "" })))
      local requests = target.requests()
      assert.is_true(via(requests[1]))
      assert.is_false(via(requests[2]))
      assert.equal(0, #f.requests())
      f.forget()
    end)
  end)
end)
