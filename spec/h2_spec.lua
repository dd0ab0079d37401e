-- SPDX-License-Identifier: MIT
-- HTTP/2 going wrong, frame by frame: streams reset, connections that go away,
-- and what the others on them notice (nothing). Behind TLS, as it is met.

local faults = require("spec.support.faults")
local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local h2 = require("spec.support.h2")
local marea = require("marea")
local nginx = require("spec.support.nginx")
local server = require("spec.support.server")

local REQUEST, KEEP, FIN = { wait_h2 = true }, { keep_open = true }, { fin = true }
local HALF = '{"choices":['

local function send(...)
  return { send = table.concat({ ... }) }
end

local function answering(stream)
  return { REQUEST, send(h2.hello(), h2.answer(stream or 1, faults.COMPLETION)), KEEP }
end

-- What the server does on each of its connections, by name.
local sites = {
  fine = { answering() },
  first = { { { wait_request = true }, { status = 200, body = "[]" }, KEEP } },
  tcp_before = { { REQUEST, send(h2.hello()), FIN }, answering() },
  tcp_inside = { { REQUEST, send(h2.hello(), h2.head(1, 200), h2.data(1, HALF)), { sleep = 0.05 }, FIN } },
  shorter = { { REQUEST, send(h2.hello(), h2.head(1, 200, { ["content-length"] = "500" }), h2.data(1, HALF, true)),
    KEEP } },
  refused = { { REQUEST, send(h2.hello(), h2.rst(1, "REFUSED_STREAM")), KEEP }, answering() },
  refusing = { { REQUEST, send(h2.hello(), h2.rst(1, "REFUSED_STREAM")), KEEP } },
  downgrade = { { REQUEST, send(h2.hello(), h2.rst(1, "HTTP_1_1_REQUIRED")), KEEP },
    { { wait_request = true }, faults.good(), KEEP } },
  gone_below = { { REQUEST, send(h2.hello(), h2.goaway(0, "NO_ERROR")), KEEP }, answering() },
  gone_above = { { REQUEST, send(h2.hello(), h2.goaway(1, "NO_ERROR")), { sleep = 0.05 },
    send(h2.answer(1, faults.COMPLETION)), FIN } },
  storm = { { REQUEST, send(h2.hello(), h2.goaway(0, "ENHANCE_YOUR_CALM")), FIN } },
  garbage = { { REQUEST, { send = ("not frames "):rep(20) }, KEEP } },
  stray = { { REQUEST, send(h2.hello(), h2.data(99, "x")), KEEP } },
  siblings = { { REQUEST, send(h2.hello(), h2.answer(1, faults.COMPLETION)), REQUEST, REQUEST,
    send(h2.head(3, 200), h2.head(5, 200), h2.data(3, HALF)), { sleep = 0.05 }, send(h2.rst(3, "INTERNAL_ERROR")),
    { sleep = 0.05 }, send(h2.data(5, faults.COMPLETION, true)), KEEP } },
  late = { { REQUEST, send(h2.hello(), h2.answer(1, faults.COMPLETION)), REQUEST,
    send(h2.head(3, 200), h2.data(3, HALF)), { sleep = 0.3 }, send(h2.data(3, HALF), h2.data(3, HALF, true)),
    REQUEST, send(h2.answer(5, faults.COMPLETION)), KEEP } },
}

for _, code in ipairs { "CANCEL", "INTERNAL_ERROR", "ENHANCE_YOUR_CALM", "NO_ERROR" } do
  sites["before " .. code] = { { REQUEST, send(h2.hello(), h2.rst(1, code)), REQUEST,
    send(h2.answer(3, faults.COMPLETION)), KEEP } }
  sites["inside " .. code] = { { REQUEST, send(h2.hello(), h2.head(1, 200), h2.data(1, HALF)), { sleep = 0.05 },
    send(h2.rst(1, code)), KEEP } }
end

describe("HTTP/2", function()
  local dir, web, scripts
  local guard = faults.guard()

  setup(function()
    dir, scripts = daemon.directory(), {}
    certs.make(dir)
    local raw = {}
    for name, connections in pairs(sites) do
      scripts[name] = server.shared():port_script(connections)
      raw[name] = { cert = "good", upstream = scripts[name].port, raw = true }
    end
    web = nginx.start(dir, raw)
    assert(faults.ask(faults.client({ base_url = "https://127.0.0.1:" .. web.ports.fine .. "/v1" },
      { ca_file = dir .. "/ca.pem" })))
  end)

  teardown(function()
    web:stop()
    os.execute("rm -rf " .. dir)
    for _, script in pairs(scripts) do script.forget() end
  end)

  before_each(guard.arm)
  after_each(guard.check)

  local function client_of(name, options)
    local all = { ca_file = dir .. "/ca.pem", timeout = { first_byte = 3 } }
    for key, value in pairs(options or {}) do all[key] = value end
    return faults.client({ base_url = "https://127.0.0.1:" .. web.ports[name] .. "/v1" }, all)
  end

  local function ask(name, options)
    local result, err, took = faults.ask(client_of(name, options))
    assert.is_true(took < 1 + faults.LATE, took)
    return result, err, scripts[name].requests()
  end

  local function fails_as(kind, name)
    local result, err, requests = ask(name)
    assert.is_nil(result)
    assert.equal(kind, err.kind)
    assert.is_nil(err.partial)
    assert.same({ { status = err.status, kind = kind } }, err.attempts)
    assert.equal(1, #requests)
    return err
  end

  for _, code in ipairs { "CANCEL", "INTERNAL_ERROR", "ENHANCE_YOUR_CALM" } do
    it("is truncated where a stream is reset inside the answer: " .. code, function()
      guard.pooled = 1
      assert.equal(200, fails_as("truncated", "inside " .. code).status)
    end)
  end

  it("is never a success where a stream is reset inside the answer without an error", function()
    guard.pooled = 1
    local _, err = ask("inside NO_ERROR")
    assert.is_true(err.kind == "truncated" or err.kind == "decode", err.kind)
  end)

  it("isn't used by old versions of libcurl, which take that for a success, where nothing else would show", function()
    if require("marea.net").versions().libcurl_number >= 0x080000 then return pending("libcurl is a new one") end
    guard.pooled = 1
    assert(client_of("first"):request { path = "x" })
    assert.equal("GET", scripts.first.requests()[1].method)
  end)

  for _, code in ipairs { "INTERNAL_ERROR", "ENHANCE_YOUR_CALM", "NO_ERROR" } do
    it("is connection where a stream is reset before the answer: " .. code, function()
      guard.pooled = 1
      fails_as("connection", "before " .. code)
    end)
  end

  it("is tried again where a stream is reset before the answer", function()
    guard.pooled = 1
    local result, err, requests = ask("before CANCEL", { max_retries = 1 })
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    assert.equal(2, #requests)
  end)

  it("is tried once more where the stream was refused, and no oftener", function()
    guard.pooled = 2
    local retries = {}
    local result, err, requests = ask("refused", { on = { retry = function(e) retries[#retries + 1] = e.wait end } })
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    assert.equal(2, #requests)
    assert.same({ 0 }, retries)
    result, err, requests = ask("refusing")
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.same({ { kind = "connection", wait = 0 }, { kind = "connection" } }, err.attempts)
    assert.equal(2, #requests)
  end)

  it("gives way to HTTP/1.1 where the server requires it", function()
    guard.pooled = 2
    local f = server.shared():port_script(sites.downgrade)
    local site = nginx.start(dir, { x = { cert = "good", upstream = f.port, raw = true } })
    local result, err = faults.ask(faults.client({ base_url = "https://127.0.0.1:" .. site.ports.x .. "/v1" },
      { ca_file = dir .. "/ca.pem" }))
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    local requests = f.requests()
    assert.same({ 1, "POST" }, { requests[1].stream, requests[2].method })
    site:stop()
    f.forget()
  end)

  it("is tried again on another connection where the server goes away before it took the request", function()
    guard.pooled = 2
    local result, err, requests = ask("gone_below", { max_retries = 1 })
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    assert.not_equal(requests[1].connection, requests[2].connection)
  end)

  it("finishes what a server that goes away had taken", function()
    local result, err, requests = ask("gone_above")
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    assert.equal(1, #requests)
  end)

  it("stops trying where every connection goes away", function()
    local result, err, requests = ask("storm", { max_retries = 1 })
    assert.is_nil(result)
    assert.equal("connection", err.kind)
    assert.equal(2, #requests)
    assert.equal(2, #err.attempts)
  end)

  it("is connection, and tried again, where the connection ends before the answer", function()
    guard.pooled = 1
    local result, err = ask("tcp_before", { max_retries = 1 })
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
  end)

  it("is truncated where the connection ends inside the answer, and where it is shorter than it says", function()
    guard.pooled = 1
    fails_as("truncated", "tcp_inside")
    local result, err = ask("shorter")
    assert.is_nil(result)
    assert.is_true(err.kind == "truncated" or err.kind == "connection", err.kind)
  end)

  it("is an error where what comes is no frame, or of no stream", function()
    for _, name in ipairs { "garbage", "stray" } do
      local result, err = ask(name)
      assert.is_nil(result)
      assert.is_true(err.kind == "connection" or err.kind == "protocol", err.kind)
    end
  end)

  it("leaves the others on the connection alone where one stream is reset", function()
    guard.pooled = 1
    local client = client_of("siblings")
    assert(faults.ask(client))
    local outcomes = {}
    marea.run(function()
      for _ = 1, 2 do
        marea.spawn(function()
          local result, err = faults.ask(client)
          outcomes[#outcomes + 1] = result and result.output_text or err.kind
        end)
      end
    end)
    assert.same({ "truncated", "hecho" }, outcomes)
    for _, request in ipairs(scripts.siblings.requests()) do
      assert.equal(scripts.siblings.requests()[1].connection, request.connection)
    end
  end)

  it("takes no harm from what comes of a stream that was given up", function()
    guard.pooled = 1
    local client = client_of("late")
    assert(faults.ask(client))
    local result, err = marea.timeout(0.15, function() return faults.ask(client) end)
    assert.is_nil(result)
    assert.equal("timeout", err.kind)
    local again
    again, err = faults.ask(client)
    assert.is_nil(err)
    assert.equal("hecho", again.output_text)
    local requests = scripts.late.requests()
    assert.equal(requests[1].connection, requests[3].connection)
  end)
end)
