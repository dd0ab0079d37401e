-- SPDX-License-Identifier: MIT
-- Nothing grows: memory, descriptors, the registry and the engine's own counts
-- are after many requests what they were after the first few.

local marea = require("marea")
local loop = require("marea.loop")
local socket = require("socket")
local leaks = require("spec.support.leaks")
local server = require("spec.support.server")

local SANITIZED = os.getenv("MAREA_SANITIZED") ~= nil
local messages = { { role = "user", content = "Hola" } }

-- For allocators that keep what is freed. A sanitizer keeps all of it, and finds
-- leaks itself.
local RSS_SLACK_KB = SANITIZED and math.huge or 6 * 1024
-- The tables that know results by their address grow with what a late collector
-- leaves in them, and LuaJIT's compiled code comes and goes. A hundred bytes
-- left by each of ten thousand requests would still show.
local LUA_SLACK_KB = 800

local function measure()
  local now = leaks.snapshot()
  now.rss_kb = leaks.rss_kb()
  return now
end

-- Runs `f` n times after it has been warmed up, and compares.
local function stays_flat(n, f)
  for _ = 1, math.max(20, math.floor(n / 5)) do f() end
  local before = measure()
  for _ = 1, n do f() end
  local after = measure()
  assert.equal(before.registry, after.registry)
  -- one more at most: the connection kept for the next request, or not
  assert.is_true(after.fds <= before.fds + 1, before.fds .. " descriptors, then " .. after.fds)
  local lua_kb, rss_kb = after.memory_kb - before.memory_kb, after.rss_kb - before.rss_kb
  assert.is_true(lua_kb < LUA_SLACK_KB, ("Lua's memory grew by %.0f KiB"):format(lua_kb))
  assert.is_true(rss_kb < RSS_SLACK_KB, ("the process grew by %.0f KiB"):format(rss_kb))
end

local function nothing_left()
  loop.turn(0)
  leaks.collect()
  local stats = loop.engine():stats()
  assert.same({ transfers = 0, timers = 0, objects = 0 },
    { transfers = stats.transfers, timers = stats.timers, objects = stats.objects })
end

describe("nothing is left behind", function()
  local s, client
  local before
  setup(function()
    before = leaks.collect_steadily()
    s = server.shared()
    client = marea.client { base_url = s.base_url, model = "m", max_retries = 0 }
  end)
  teardown(function() leaks.collect_as_before(before) end)
  after_each(nothing_left)

  it("by ten thousand requests, one after another", function()
    local accepted = s:stats().accepted
    stays_flat(SANITIZED and 2000 or 10000, function()
      assert(client.models:list())
    end)
    assert.is_true(s:stats().accepted <= accepted + 1, "one connection should do")
  end)

  it("by a thousand streams read to their end", function()
    stays_flat(SANITIZED and 200 or 1000, function()
      local stream = assert(client.chat.completions:create { messages = messages, stream = true })
      for _ in stream:text() do end
      assert(stream:result())
    end)
  end)

  it("by a thousand streams closed after one delta", function()
    stays_flat(SANITIZED and 200 or 1000, function()
      local stream = assert(client.chat.completions:create { messages = messages, stream = true })
      assert(stream:next())
      stream:close()
    end)
  end)

  it("by a thousand streams abandoned after one delta and left to the collector", function()
    local n = 0
    stays_flat(SANITIZED and 200 or 1000, function()
      local stream = assert(client.chat.completions:create { messages = messages, stream = true })
      assert(stream:next())
      n = n + 1
      if n % 50 == 0 then collectgarbage() end
    end)
  end)

  it("by a thousand tasks cancelled at their first delta", function()
    local f = s:script({ { { status = 200, chunked = true,
      headers = { ["content-type"] = "text/event-stream" } },
      { chunk = "data: " .. server.chunk_json { content = "a" } .. "\n\n" }, { keep_open = true } } },
      { repeat_last = true })
    local held = marea.client { base_url = f.base_url, model = "m", max_retries = 0 }
    stays_flat(SANITIZED and 200 or 1000, function()
      marea.run(function()
        local begun = marea.queue()
        local task = marea.spawn(function()
          local stream = assert(held.chat.completions:create { messages = messages, stream = true })
          begun:put(stream:next().text)
          stream:result()
        end)
        assert(begun:get() == "a")
        task:cancel()
      end)
    end)
    f.forget()
  end)

  it("by five hundred connections that fail", function()
    local nobody = assert(socket.bind("127.0.0.1", 0))
    local _, port = nobody:getsockname()
    nobody:close()
    local refused = marea.client { base_url = "http://127.0.0.1:" .. port .. "/v1", model = "m",
      max_retries = 0 }
    stays_flat(500, function()
      local answer, err = refused:ask("Hola")
      assert(answer == nil and err.kind == "connection", tostring(err))
    end)
  end)

  it("by five hundred answers that say what went wrong", function()
    stays_flat(500, function()
      local answer, err = client.models:retrieve("nope")
      assert(answer == nil and err.kind == "not_found", tostring(err))
    end)
  end)
end)
