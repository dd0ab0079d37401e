-- SPDX-License-Identifier: MIT
-- TLS and HTTP/2 against a real nginx: who is trusted, what a stranger gets
-- (nothing), and that both protocols carry answers and streams.

local faults = require("spec.support.faults")
local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local marea = require("marea")
local nginx = require("spec.support.nginx")
local socket = require("socket")
local server = require("spec.support.server")
local uv = require("luv")

local CANARY = "sk-tls-canary-4711"

describe("TLS", function()
  local s, web, dir, upstream, strangers
  local guard = faults.guard()

  setup(function()
    s = server.shared()
    dir = daemon.directory()
    certs.make(dir)
    upstream = s:port_script { { { serve = true } } }
    strangers = s:port_script { { { serve = true } } }
    local function old(version) return "ssl_protocols " .. version .. '; ssl_ciphers "ALL:@SECLEVEL=0";' end
    web = nginx.start(dir, {
      good = { cert = "good", upstream = upstream.port },
      http1 = { cert = "good", upstream = upstream.port, http2 = false },
      expired = { cert = "expired", upstream = strangers.port },
      wronghost = { cert = "wronghost", upstream = strangers.port },
      unknown = { cert = "unknown", upstream = strangers.port },
      selfsigned = { cert = "selfsigned", upstream = strangers.port },
      wrongip = { cert = "wrongip", upstream = strangers.port },
      nul = { cert = "nul", upstream = strangers.port },
      tls10 = { cert = "good", upstream = strangers.port, more = old "TLSv1" },
      tls11 = { cert = "good", upstream = strangers.port, more = old "TLSv1.1" },
      tls12 = { cert = "good", upstream = upstream.port, more = "ssl_protocols TLSv1.2;" },
      tls13 = { cert = "good", upstream = upstream.port, more = "ssl_protocols TLSv1.3;" },
    })
  end)

  teardown(function()
    web:stop()
    os.execute("rm -rf " .. dir)
    upstream.forget()
    strangers.forget()
  end)

  before_each(guard.arm)
  after_each(guard.check)

  local function place(name)
    local host = name == "nul" and "localhost" or "127.0.0.1"
    return { base_url = "https://" .. host .. ":" .. web.ports[name] .. "/v1" }
  end

  local function client_of(name, options)
    local all = { ca_file = dir .. "/ca.pem", api_key = CANARY }
    for key, value in pairs(options or {}) do all[key] = value end
    return faults.client(place(name), all)
  end

  it("with an authority of one's own: HTTP/2 for an answer read whole", function()
    guard.pooled = 1
    local result, err = faults.ask(client_of("good"))
    assert.is_nil(err)
    assert.truthy(result.output_text:find("Hola", 1, true))
    assert.equal("HTTP/2.0", result.response.headers["x-protocol"])
  end)

  it("carries a stream, over HTTP/1.1 where libcurl is too old for more", function()
    guard.pooled = 2
    local client = client_of("good")
    local stream = assert(client.chat.completions:create { messages = faults.messages, stream = true })
    local old = require("marea.net").versions().libcurl_number < 0x080000
    assert.equal(old and "HTTP/1.1" or "HTTP/2.0", stream.response.headers["x-protocol"])
    local result = assert(stream:result())
    assert.equal(faults.ask(client).output_text, result.output_text)
  end)

  it("serves many calls at once over few connections", function()
    guard.pooled = 12
    local client = client_of("good")
    local texts = {}
    marea.run(function()
      for i = 1, 12 do
        marea.spawn(function() texts[i] = assert(faults.ask(client)).output_text end)
      end
    end)
    assert.equal(12, #texts)
    for i = 2, 12 do assert.equal(texts[1], texts[i]) end
  end)

  it("serves HTTP/1.1 where that is all there is", function()
    guard.pooled = 1
    local result, err = faults.ask(client_of("http1"))
    assert.is_nil(err)
    assert.equal("HTTP/1.1", result.response.headers["x-protocol"])
  end)

  it("speaks version 1.2 and 1.3", function()
    guard.pooled = 2
    for _, name in ipairs { "tls12", "tls13" } do assert(faults.ask(client_of(name))) end
  end)

  for _, name in ipairs { "expired", "wronghost", "wrongip", "nul", "unknown", "selfsigned", "tls10", "tls11" } do
    for _, streamed in ipairs { false, true } do
      it(("fails as tls and sends nothing: %s%s"):format(name, streamed and ", streamed" or ""), function()
        local call = streamed and faults.read or faults.ask
        local result, err = call(client_of(name, { max_retries = 2 }))
        assert.is_nil(result)
        assert.equal("tls", err.kind)
        assert.is_nil(err.status)
        assert.equal(1, #err.attempts)
        assert.is_nil(tostring(err):find(CANARY, 1, true))
        assert.equal(0, #strangers.requests())
      end)
    end
  end

  it("fails as tls where the authority is not given: the system's don't know it", function()
    local result, err = faults.ask(faults.client(place("good"), { api_key = CANARY }))
    assert.is_nil(result)
    assert.equal("tls", err.kind)
  end)

  it("isn't loosened by the environment", function()
    local names = { "CURL_INSECURE", "SSL_VERIFY", "NODE_TLS_REJECT_UNAUTHORIZED" }
    for _, name in ipairs(names) do uv.os_setenv(name, "0") end
    local result, err = faults.ask(client_of("selfsigned"))
    for _, name in ipairs(names) do uv.os_unsetenv(name) end
    assert.is_nil(result)
    assert.equal("tls", err.kind)
  end)

  it("is not verified only where verify = false was said, with a base_url", function()
    guard.pooled = 1
    local result, err = faults.ask(faults.client(place("selfsigned"), { verify = false }))
    assert.is_nil(err)
    assert.truthy(result.output_text)
    local again
    again, err = faults.ask(client_of("selfsigned"))
    assert.is_nil(again)
    assert.equal("tls", err.kind)
    local ok, message = pcall(marea.client, { provider = "openai", api_key = "k", verify = false })
    assert.is_false(ok)
    assert.truthy(message:find("verify", 1, true))
    assert.truthy(message:find("tls_spec.lua", 1, true) or message:find("base_url", 1, true))
  end)

  it("refuses an authority's file that isn't there when the client is made", function()
    local ok, message = pcall(marea.client, { base_url = place("good").base_url, ca_file = dir .. "/none.pem" })
    assert.is_false(ok)
    assert.truthy(message:find("ca_file", 1, true))
  end)

  it("fails as tls where the authority's file holds no certificate", function()
    daemon.write(dir .. "/empty.pem", "nothing\n")
    local result, err = faults.ask(client_of("good", { ca_file = dir .. "/empty.pem" }))
    assert.is_nil(result)
    assert.equal("tls", err.kind)
  end)

  it("spoken to a server that doesn't is tls, and the other way round is an error", function()
    guard.pooled = 1
    local f = s:port_script { { { wait_bytes = 20 }, { send = "HTTP/1.1 400 Bad Request\r\n\r\n" }, { fin = true } } }
    local plain = faults.client({ base_url = "https://127.0.0.1:" .. f.port .. "/v1" }, { verify = false })
    local result, err = faults.ask(plain)
    f.forget()
    assert.is_nil(result)
    assert.equal("tls", err.kind)
    result, err = faults.ask(faults.client { base_url = "http://127.0.0.1:" .. web.ports.good .. "/v1" })
    assert.is_nil(result)
    assert.equal("bad_request", err.kind)
  end)

  for name, ending in pairs { closed = { fin = true }, reset = { rst = true } } do
    it("handshake that is " .. name .. " is connection: it never began", function()
      local f = s:port_script { { { wait_bytes = 20 }, ending } }
      local result, err = faults.ask(faults.client({ base_url = "https://127.0.0.1:" .. f.port .. "/v1" },
        { verify = false }))
      assert.is_nil(result)
      assert.equal("connection", err.kind)
      f.forget()
    end)
  end

  it("shows no certificate trouble as success to a redirect from https to http", function()
    guard.pooled = 1
    local target = s:script({ { status = 200, body = '{"data":[]}' } })
    local moved = s:port_script { { { wait_request = true }, { status = 302, body = "{}",
      headers = { location = target.base_url .. "/models" } } } }
    local site = nginx.start(dir, { moved = { cert = "good", upstream = moved.port } })
    local client = faults.client({ base_url = "https://127.0.0.1:" .. site.ports.moved .. "/v1" },
      { ca_file = dir .. "/ca.pem", api_key = CANARY })
    local result, err = client.models:list()
    site:stop()
    moved.forget()
    assert.is_nil(result)
    assert.equal("protocol", err.kind)
    assert.equal(302, err.status)
    assert.equal(0, #target.requests())
  end)

  it("keeps no loop of a host alive with the connections it keeps, and they end with the program", function()
    local child = require("spec.support.child")
    local output, status = child.code([[
      local base_url, ca_file = ...
      local uv = require "luv"
      local marea = require "marea"
      marea.attach(uv)
      local client = marea.client { base_url = base_url, ca_file = ca_file, model = "m", max_retries = 0 }
      for i = 1, 3 do marea.spawn(function() assert(client:ask "x") end) end
      local started = uv.hrtime()
      uv.run()
      assert((uv.hrtime() - started) / 1e9 < 3, "the loop went on")
      assert(require("marea.loop").engine():stats().transfers == 0)
      io.write "ended"
    ]], { place("good").base_url, dir .. "/ca.pem" })
    assert.equal("ended", output)
    assert.equal(0, status)
  end)

  it("that ends without a good-bye is no end of an answer that isn't whole", function()
    local head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
    local bodies = {
      whole = head .. "\r\n" .. faults.COMPLETION,
      half = head .. "\r\n" .. faults.COMPLETION:sub(1, 40),
      chunked = head .. "transfer-encoding: chunked\r\n\r\n" .. faults.chunk(faults.COMPLETION),
      stream = faults.SSE_HEAD .. faults.text("uno"),
      ended = faults.SSE_HEAD .. faults.text("uno", "stop") .. faults.DONE,
    }
    local scripts, raw, outcomes = {}, {}, {}
    for name, bytes in pairs(bodies) do
      scripts[name] = s:port_script { { { wait_request = true }, { send = bytes }, { keep_open = true } } }
      raw[name] = { cert = "good", upstream = scripts[name].port, raw = true, alpn = "http/1.1" }
    end
    local site = nginx.start(dir, raw)
    marea.run(function()
      for name in pairs(bodies) do
        local call = (name == "stream" or name == "ended") and faults.read or faults.ask
        marea.spawn(function()
          local got, err = call(faults.client({ base_url = "https://127.0.0.1:" .. site.ports[name] .. "/v1" },
            { ca_file = dir .. "/ca.pem" }))
          outcomes[name] = err and err.kind or tostring(got)
        end)
      end
      local over = socket.gettime() + 30
      local function all_sent()
        for _, script in pairs(scripts) do
          if not script.wait_event("write", 0) then return false end
        end
        return true
      end
      repeat marea.sleep(0.1) until outcomes.ended and all_sent() or socket.gettime() > over
      marea.sleep(0.3)       -- what was sent gets through, and ends nothing
      assert.same({ ended = "uno" }, outcomes)
      site:kill()
    end)
    assert.same({ whole = "hecho", half = "decode", chunked = "truncated", stream = "truncated", ended = "uno" },
      outcomes)
    site:stop()
    for _, script in pairs(scripts) do script.forget() end
  end)

  it("whose server is gone in the middle of a stream is truncated", function()
    local broken = s:port_script { { { wait_request = true }, { send = faults.SSE_HEAD .. faults.text("uno") },
      { sleep = 0.1 }, { rst = true } } }
    local site = nginx.start(dir, { broken = { cert = "good", upstream = broken.port } })
    local got, err = faults.read(faults.client({ base_url = "https://127.0.0.1:" .. site.ports.broken .. "/v1" },
      { ca_file = dir .. "/ca.pem" }))
    site:stop()
    broken.forget()
    assert.equal("uno", got)
    assert.equal("truncated", err.kind)
    assert.equal("uno", err.partial.output_text)
  end)

  it("whose server is gone in the middle of an answer over HTTP/2 is truncated", function()
    guard.pooled = 1
    local broken = s:port_script { { { wait_request = true },
      { send = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{\"choices\":" },
      { sleep = 0.1 }, { rst = true } } }
    local site = nginx.start(dir, { broken = { cert = "good", upstream = broken.port } })
    local result, err = faults.ask(faults.client({ base_url = "https://127.0.0.1:" .. site.ports.broken .. "/v1" },
      { ca_file = dir .. "/ca.pem" }))
    site:stop()
    broken.forget()
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
  end)
end)
