-- SPDX-License-Identifier: MIT
-- Uploads of megabytes: the clocks while they go on, servers that answer before
-- the end, or never, and what is left when they are given up.

local certs = require("spec.support.certs")
local faults = require("spec.support.faults")
local form = require("spec.support.form")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local nginx = require("spec.support.nginx")
local server = require("spec.support.server")
local socket = require("socket")

local MB = 1000 * 1000
local LATE = faults.LATE

describe("an upload of megabytes", function()
  local s, dir, path
  local guard = faults.guard()

  setup(function()
    s = server.shared()
    dir = form.directory()
    path = dir.write("large.bin", ("0123456789"):rep(2 * MB))
  end)

  teardown(function() dir.remove() end)
  before_each(guard.arm)
  after_each(guard.check)

  local ways = {
    { "a form", function() return { form = { file = { path = path }, a = "1" } } end },
    { "a file", function() return { file = path } end },
    { "bytes in memory", function() return { form = { file = { data = ("0123456789"):rep(2 * MB) } } } end },
  }

  local function send(client, way, options)
    local params = way[2]()
    params.path = "things"
    local started = socket.gettime()
    local result, err = client:request(params, options)
    return result, err, socket.gettime() - started
  end

  for _, way in ipairs(ways) do
    describe("(" .. way[1] .. ")", function()
      it("arrives whole, of the length that was said", function()
        guard.pooled = 1
        local f = s:script({ { { status = 200, body = '{"ok":true}' } } }, { keep_body = 0 })
        assert.is_true(assert(send(faults.client(f), way)).ok)
        local request = f.requests()[1]
        assert.equal(request.body_bytes, tonumber(form.header(request, "content-length")))
        assert.is_true(request.whole and request.body_bytes >= 20 * MB)
      end)

      it("runs into the idle clock where the server stops reading", function()
        local f = s:port_script { { wait_head = true }, { stop_reading = true }, { wait_signal = "end" } }
        local _, err, took = send(faults.client(f, { timeout = { idle = 0.3, first_byte = 5 } }), way)
        assert.same({ "timeout", "idle" }, { err.kind, err.phase })
        assert.is_true(took >= 0.3 and took < 2 + LATE, took)
        f.forget()
      end)

      it("may take longer than first_byte, which counts from its end", function()
        guard.pooled = 1
        local f = s:port_script { { wait_head = true }, { stop_reading = true }, { sleep = 0.5 },
          { start_reading = true }, { wait_request = true }, { status = 200, body = "{}" }, { keep_open = true } }
        assert(send(faults.client(f, { timeout = { idle = 5, first_byte = 0.4 + LATE } }), way))
        f.forget()
      end)

      it("runs into first_byte where no answer follows it", function()
        local f = s:script({ { { wait_close = 5 } } }, { keep_body = 0 })
        local _, err = send(faults.client(f, { timeout = { first_byte = 0.3 } }), way)
        assert.same({ "timeout", "first_byte" }, { err.kind, err.phase })
        assert.is_true(f.requests()[1].whole)
      end)

      -- Where the reset overtakes the answer, once in a hundred times, that is a
      -- failed connection, and tried again.
      for status, kind in pairs { [413] = "too_large", [401] = "authentication" } do
        it("ends with the status where the server answers " .. status .. " early and closes", function()
          local reply = '{"error":{"message":"not like that"}}'
          local f = s:port_script { { wait_head = true }, { status = status, body = reply }, { fin = true } }
          local _, err = send(faults.client(f, { max_retries = 2 }), way)
          assert.same({ kind, status, "not like that" }, { err.kind, err.status, err.message })
          assert.equal(reply, err.body)
          for i = 1, #err.attempts - 1 do assert.equal("connection", err.attempts[i].kind) end
          f.forget()
        end)
      end

      it("ends with the status where the server answers early and keeps the connection open", function()
        local f = s:port_script { { wait_head = true }, { stop_reading = true },
          { status = 413, body = '{"error":{"message":"too much"}}' }, { wait_close = 5 } }
        local _, err = send(faults.client(f, { timeout = { idle = 3 } }), way)
        assert.same({ "too_large", 413 }, { err.kind, err.status })
        f.forget()
      end)

      it("is given up with its task, at once and without a trace", function()
        local f = s:port_script { { wait_head = true }, { stop_reading = true }, { wait_close = 5 } }
        local before = leaks.fds()
        marea.run(function()
          local task = marea.spawn(function() send(faults.client(f), way) end)
          repeat marea.sleep(0.01) until #f.requests() == 1
          assert.is_true(leaks.fds() > before)
          task:cancel()
          assert.equal(before, leaks.fds())
        end)
        f.forget()
      end)
    end)
  end

  it("goes on while others stream", function()
    guard.pooled = 2
    local f = s:script({ { { status = 200, body = '{"ok":true}' } } }, { keep_body = 0 })
    local client = faults.client(s)
    marea.run(function()
      local upload = marea.spawn(function() return assert(send(faults.client(f), ways[1])) end)
      local stream = assert(client:ask("Hola", { stream = true }))
      assert.truthy(assert(stream:result()).output_text)
      assert.is_true(upload:await().ok)
    end)
  end)
end)

describe("a form over TLS and HTTP/2", function()
  local dir, web

  setup(function()
    dir = form.directory()
    certs.make(dir.path)
  end)

  teardown(function()
    web:stop()
    dir.remove()
  end)

  it("arrives as over HTTP/1.1", function()
    local upstream = server.shared():port_script { { wait_request = true }, { status = 200, body = '{"ok":true}' } }
    web = nginx.start(dir.path, { good = { cert = "good", upstream = upstream.port } })
    local bytes = ("0123456789"):rep(300000)
    local client = faults.client({ base_url = "https://127.0.0.1:" .. web.ports.good .. "/v1" },
      { ca_file = dir.file("ca.pem") })
    local result = assert(client.images:edit { image = dir.write("a.bin", bytes), n = 1 })
    assert.equal("HTTP/2.0", result.response.headers["x-protocol"])
    local parts = form.parts(upstream.requests()[1])
    assert.is_true(parts.fields.n == "1" and parts.fields.image.data == bytes)
    upstream.forget()
  end)
end)
