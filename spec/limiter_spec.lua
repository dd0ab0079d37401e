-- SPDX-License-Identifier: MIT
-- The limits of a client: so many at once, so many a minute, in turn; and a
-- place that always comes back.

local calls = require("spec.support.calls")
local core = require("marea.core")
local limiter = require("marea.limiter")
local marea = require("marea")
local server = require("spec.support.server")
local sweep = require("spec.support.sweep")
local leaks = require("spec.support.leaks")

local failure, is_cancelled = calls.failure, calls.is_cancelled

-- Runs f with a clock that f moves on by calling what it is given.
local function with_clock(f)
  local real, ahead = core.now, 0
  core.now = function() return real() + ahead end
  local ok, err = pcall(f, function(seconds) ahead = ahead + seconds end)
  core.now = real
  if not ok then error(err, 0) end
end

describe("limits", function()
  setup(sweep.start)
  after_each(sweep.check)

  it("keep a hundred tasks to the number allowed, in the order they came", function()
    local limits, order, most = limiter.new { concurrent = 4 }, {}, 0
    marea.run(function()
      for i = 1, 100 do
        marea.spawn(function()
          local leave = limits:enter()
          order[#order + 1] = i
          most = math.max(most, limits.running)
          marea.sleep(0.001)
          leave()
        end)
      end
    end)
    assert.equal(4, most)
    for i = 1, 100 do assert.equal(i, order[i]) end
    assert.equal("marea.limits (0 running, 0 waiting)", tostring(limits))
  end)

  it("take a place back once, however often it is given", function()
    local limits = limiter.new { concurrent = 2 }
    local a, b = limits:enter(), limits:enter()
    a()
    a()
    assert.equal(1, limits.running)
    b()
    assert.equal(0, limits.running)
  end)

  it("take the place of one back whom the collector found", function()
    local limits = limiter.new { concurrent = 1 }
    local leave = limits:enter()
    assert.is_function(leave)
    leave = nil  -- luacheck: ignore 311
    leaks.collect()
    assert.equal(0, limits.running)
  end)

  it("forget a waiter that is cancelled", function()
    marea.run(function()
      local limits, got = limiter.new { concurrent = 1 }, {}
      local leave = limits:enter()
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = marea.spawn(function()
          local mine, cancelled = limits:enter()
          if cancelled then error(cancelled, 0) end
          got[#got + 1] = i
          mine()
        end)
      end
      marea.sleep(0)
      tasks[1]:cancel()
      assert.equal(2, limits.waiting)
      leave()
      tasks[2]:cancel()
      tasks[3]:await()
      assert.same({ 3 }, got)
      assert.equal(0, limits.running)
    end)
  end)

  it("let as many start in a minute as allowed, the next when the first is a minute old", function()
    with_clock(function(advance)
      local limits = limiter.new { requests_per_minute = 3 }
      for _ = 1, 3 do limits:enter()() end
      advance(59.9)
      local started = core.now()
      limits:enter()()
      local took = core.now() - started
      assert.is_true(took > 0.05 and took < 2, took)
    end)
  end)

  it("let who joins in the moment the minute ends go at once", function()
    marea.run(function()
      with_clock(function(advance)
        local limits = limiter.new { requests_per_minute = 1 }
        limits:enter()()
        local line_join = limits.line.join
        rawset(limits.line, "join", function(...)
          advance(60)
          return line_join(...)
        end)
        local leave = marea.timeout(2, function() return limits:enter() end)
        assert.is_function(leave)
        leave()
      end)
    end)
  end)

  it("give up at the deadline, leave no place behind, and no timer", function()
    local limits = limiter.new { requests_per_minute = 1 }
    limits:enter()()
    local started = core.now()
    local leave, cancelled = limits:enter(core.now() + 0.05)
    assert.is_nil(leave)
    assert.is_nil(cancelled)
    assert.equal(0, limits.waiting)
    assert.is_true(core.now() - started < 2)
  end)

  it("let as many start in a second as allowed, whatever else limits them", function()
    local limits, started = limiter.new { requests_per_second = 10, requests_per_minute = 1000 }, core.now()
    for _ = 1, 25 do limits:enter()() end
    local took = core.now() - started
    assert.is_true(took >= 2 and took < 4, took)
    assert.same({ 10, 1000 }, { limits.requests_per_second, limits.requests_per_minute })
  end)

  it("take a request to have been counted by the end of its answer, and soon after its start", function()
    with_clock(function(advance)
      local limits = limiter.new { requests_per_minute = 1 }
      local started = core.now()
      local leave = limits:enter()
      advance(0.5)
      leave()
      advance(59.95)                -- a minute after the start, not after the end
      assert.is_nil((limits:enter(core.now())))
      advance(0.05)
      leave = assert(limits:enter(core.now() + 0.2))
      advance(60)                   -- on its way for a second and a bit, not for a minute
      assert.is_nil((limits:enter(core.now())))
      advance(1.2)
      leave()
      assert(limits:enter(core.now() + 0.2))()
      assert.is_true(core.now() - started > 121)
    end)
  end)

  it("don't count a start that never was", function()
    marea.run(function()
      local limits = limiter.new { requests_per_minute = 1, concurrent = 1 }
      local leave = limits:enter()
      local function try()
        local mine, cancelled = limits:enter()
        if cancelled then error(cancelled, 0) end
        mine()
      end
      with_clock(function(advance)
        advance(100)
        local task = marea.spawn(try)
        marea.sleep(0)
        leave()                     -- serves the task, which is cancelled before it runs
        task:cancel()
        assert.same({ 0, 0 }, { limits.running, limits.waiting })
        advance(60)
        assert(limits:enter(core.now()))()
      end)
    end)
  end)

  it("without a number limit nothing", function()
    local limits = limiter.new()
    for _ = 1, 1000 do limits:enter() end
    assert.equal(0, limits.running)
  end)

  it("hold for a client's requests, as the server sees them", function()
    local f = server.shared():script({ { { sleep = 0.02 }, { status = 200, body = calls.REPLY } } },
      { repeat_last = true })
    local client = calls.client_of(f, { limits = { concurrent = 2 } })
    local most = 0
    marea.map({ 1, 2, 3, 4, 5, 6 }, function()
      most = math.max(most, client.limits.running)
      assert(client:ask "hola")
      most = math.max(most, client.limits.running)
    end)
    assert.equal(2, most)
    local connections = {}
    for _, request in ipairs(f.requests()) do connections[request.connection] = true end
    local n = 0
    for _ in pairs(connections) do n = n + 1 end
    assert.is_true(n <= 2, n)
    assert.equal(0, client.limits.running)
  end)

  it("of a provider are one for all clients with the same key, where it counts by key", function()
    local base_url = "http://127.0.0.1:1/v1"
    local preset = marea.provider { extends = "nan", base_url = base_url, api_key_env = "MAREA_SPEC_NO_SUCH_KEY" }
    local function client(options)
      options.provider = options.provider or preset
      return marea.client(options)
    end
    local function source() return "k" end
    local first = client { api_key = "k1" }
    assert.equal(5, first.limits.concurrent)
    assert.equal(first.limits, client({ api_key = "k1" }).limits)
    assert.equal(first.limits, client({ api_key = "k2" }):with({ api_key = "k1" }).limits)
    assert.equal(first.limits, first:with({ timeout = 1 }).limits)
    assert.equal(client({}).limits, client({}).limits)
    assert.equal(client({ api_key = source }).limits, client({ api_key = source }).limits)
    local own = client { api_key = "k1", limits = { concurrent = 5 } }
    local others = { own, client { api_key = "k2" }, client { api_key = "k1", base_url = "http://127.0.0.2:1/v1" },
      client { api_key = "k1", provider = marea.provider { extends = preset, limits = { concurrent = 4 } } },
      client { api_key = "k1", provider = marea.provider { extends = preset, limits = { per = false } } }, client {} }
    for i, other in ipairs(others) do assert.are_not.equal(first.limits, other.limits, "other " .. i) end
    assert.equal(own.limits, own:with({ api_key = "k2" }).limits)
    local nanogpt = marea.provider { extends = "nanogpt", base_url = base_url }
    assert.equal(client({ provider = nanogpt, api_key = "k1" }).limits, client({ provider = nanogpt }).limits)
    assert.equal(100, client({ provider = nanogpt }).limits.requests_per_second)
  end)

  it("of a key are a call's that brings that key", function()
    local f = calls.silent()
    local preset = marea.provider { extends = "nan", base_url = f.base_url, limits = { concurrent = 1 } }
    marea.run(function()
      local a = marea.client { provider = preset, api_key = "k1" }
      local b = marea.client { provider = preset, api_key = "k2" }
      local task = marea.spawn(function()
        a.chat.completions:create({ messages = calls.MESSAGES }, { api_key = "k2" })
      end)
      marea.sleep(0.05)
      assert.same({ 0, 1 }, { a.limits.running, b.limits.running })
      task:cancel()
      assert.equal(0, b.limits.running)
    end)
  end)

  it("of a key nobody has any more are forgotten", function()
    local preset = marea.provider { extends = "nan", base_url = "http://127.0.0.1:1/v1", limits = { concurrent = 3 } }
    local limits = setmetatable({ marea.client({ provider = preset, api_key = "k1" }).limits }, { __mode = "v" })
    collectgarbage()
    collectgarbage()
    assert.is_nil(limits[1])
  end)

  it("let 200 tasks through to a server that counts too, and none is refused", function()
    local f = server.shared():script({}, { serve = true,
      accounts = { ["sk-counted"] = { requests = 100, window = 1, parallel = 5 } } })
    local preset = marea.provider { extends = "nan", base_url = f.url .. "/nan/v1",
      limits = { requests_per_minute = 1000, requests_per_second = 100 } }
    local clients, order = {}, {}
    for i = 1, 200 do
      clients[i] = marea.client { provider = preset, api_key = "sk-counted", max_retries = 0,
        headers = { ["x-delay-ms"] = "5" } }
    end
    marea.map(clients, function(client, i)
      if i % 4 == 0 then
        local stream = assert(client.chat.completions:create { messages = calls.MESSAGES, stream = true })
        assert(stream:result())
      else assert(client:ask "hola") end
      order[#order + 1] = i
    end)
    assert.equal(200, #order)
    local account = f.accounts()[1]
    assert.equal(0, account.refused)
    assert.equal(5, account.most)
  end)

  it("are shared by the clients made with `with`", function()
    local f = calls.silent()
    local client = calls.client_of(f, { limits = { concurrent = 1 } })
    local _, err = marea.timeout(0.15, function()
      marea.all { function() client:ask "a" end,
        function() client:with { headers = { ["x-other"] = "1" } }:ask "b" end }
    end)
    assert.equal("timeout", err.kind)
    assert.equal(1, #f.requests())
    assert.equal(0, client.limits.running)
    assert.equal(0, client.limits.waiting)
  end)

  it("are waited for within the total clock, and nothing is sent after it", function()
    local f = calls.silent()
    marea.run(function()
      local client = calls.client_of(f, { limits = { concurrent = 1 } })
      local holder = marea.spawn(function() client:ask "a" end)
      marea.sleep(0.02)
      local started = core.now()
      local value, err = client.chat.completions:create({ messages = calls.MESSAGES }, { timeout = 0.1 })
      assert.is_nil(value)
      assert.equal("timeout", err.kind)
      assert.equal("total", err.phase)
      assert.is_true(core.now() - started < 2)
      holder:cancel()
      assert.equal(0, client.limits.running)
    end)
    assert.equal(1, #f.requests())
  end)

  it("let a cancelled call's place go to the next, before cancel returns", function()
    local f = calls.silent()
    marea.run(function()
      local client = calls.client_of(f, { limits = { concurrent = 1 } })
      local a = marea.spawn(function() client:ask "a" end)
      local b = marea.spawn(function() client:ask "b" end)
      marea.sleep(0.05)
      assert.same({ 1, 1 }, { client.limits.running, client.limits.waiting })
      a:cancel()
      assert.same({ 1, 0 }, { client.limits.running, client.limits.waiting })
      b:cancel()
      assert.same({ 0, 0 }, { client.limits.running, client.limits.waiting })
    end)
  end)

  it("let a call that waits be cancelled: it sends nothing", function()
    local f = calls.silent()
    marea.run(function()
      local client = calls.client_of(f, { limits = { concurrent = 1 } })
      local a = marea.spawn(function() client:ask "a" end)
      marea.sleep(0.02)
      local b = marea.spawn(function() client:ask "b" end)
      marea.sleep(0.02)
      b:cancel()
      assert.is_true(is_cancelled(failure(b.await, b)))
      a:cancel()
    end)
    assert.equal(1, #f.requests())
  end)

  it("get a stream's place back at its end, its close and its cancellation", function()
    local f = calls.stalling()
    local client = calls.client_of(f, { limits = { concurrent = 1 } })
    local function open()
      return assert(client.chat.completions:create { messages = calls.MESSAGES, stream = true })
    end
    marea.run(function()
      local stream = open()
      assert.equal(1, client.limits.running)
      stream:close()
      assert.equal(0, client.limits.running)
      local t = marea.spawn(function() open():result() end)
      marea.sleep(0.05)
      assert.equal(1, client.limits.running)
      t:cancel()
      assert.equal(0, client.limits.running)
    end)
  end)

  it("get the place of a stream back that was dropped unread", function()
    local f = calls.stalling()
    local client = calls.client_of(f, { limits = { concurrent = 1 } })
    local function drop()
      assert(client.chat.completions:create { messages = calls.MESSAGES, stream = true })
    end
    drop()
    leaks.collect()
    assert.equal(0, client.limits.running)
    assert.equal(0, require("marea.loop").engine():stats().transfers)
  end)

  it("get the place back when a hook raises, and when every try failed", function()
    local f = server.shared():script({ { { status = 503 } } }, { repeat_last = true })
    local client = calls.client_of(f, { max_retries = 0, limits = { concurrent = 1 },
      on = { response = function() error("in the hook", 0) end } })
    assert.matches("in the hook", failure(client.ask, client, "hola"))
    assert.equal(0, client.limits.running)
    client = calls.client_of(f, { max_retries = 1, limits = { concurrent = 1 } })
    assert.equal("server", (select(2, client:ask "hola")).kind)
    assert.equal(0, client.limits.running)
  end)

  it("hold no place during the wait before a retry", function()
    local f = server.shared():script({ { { status = 503, headers = { ["retry-after"] = "5" } } } },
      { repeat_last = true })
    marea.run(function()
      local client = calls.client_of(f, { limits = { concurrent = 1 } })
      local t = marea.spawn(function() client:ask "hola" end)
      marea.sleep(0.1)
      assert.equal(0, client.limits.running)
      t:cancel()
    end)
  end)

  it("hold while the collector runs all the time", function()
    local f = calls.replying()
    local client = calls.client_of(f, { limits = { concurrent = 1 } })
    calls.collecting(function()
      marea.map({ 1, 2, 3 }, function() return client:ask("hola").output_text end)
    end)
    assert.equal(0, client.limits.running)
  end)
end)
