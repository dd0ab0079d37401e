-- SPDX-License-Identifier: MIT
-- Hosts with a loop of their own: one that calls `step` once a frame, and one
-- that polls a descriptor.

local child = require("spec.support.child")
local marea = require("marea")
local loop = require("marea.loop")
local socket = require("socket")
local server = require("spec.support.server")
local leaks = require("spec.support.leaks")

local SLOW = os.getenv("MAREA_SANITIZED") and 60 or 3
local messages = { { role = "user", content = "Hola" } }
local TEXT = 'A script, not a model, answers. You said: "Hola"'

local function spin(seconds)
  local over = socket.gettime() + seconds
  while socket.gettime() < over do end
end

describe("a host", function()
  local s, client
  setup(function()
    s = server.shared()
    client = marea.client { base_url = s.base_url, model = "m", max_retries = 0,
      headers = { ["x-delay-ms"] = "20" } }
  end)

  local function read(into)
    local stream = assert(client.chat.completions:create { messages = messages, stream = true })
    local pieces = {}
    for text in stream:text() do pieces[#pieces + 1] = text end
    into[#into + 1] = table.concat(pieces)
  end

  after_each(function()
    leaks.collect()
    assert.equal(0, loop.engine():stats().transfers)
    assert.equal(0, loop.engine():stats().timers)
  end)

  describe("that steps once a frame", function()
    it("keeps its frames while twenty answers stream", function()
      -- processor time, which others on the machine don't add to, and the clock
      local answers, longest, busiest, frames = {}, 0, 0, 0
      marea.step()      -- loads what is needed
      for _ = 1, 20 do marea.spawn(read, answers) end
      local over = socket.gettime() + 10
      while #answers < 20 and socket.gettime() < over do
        local from, cpu = socket.gettime(), os.clock()
        marea.step()
        busiest = math.max(busiest, os.clock() - cpu)
        longest = math.max(longest, socket.gettime() - from)
        frames = frames + 1
        socket.sleep(math.max(0, 1 / 60 - (socket.gettime() - from)))
      end
      assert.equal(20, #answers)
      for _, answer in ipairs(answers) do assert.equal(TEXT, answer) end
      assert.is_true(frames > 10)
      local said = ("longest step: %.1f ms, of the processor's time: %.1f ms"):format(
        longest * 1000, busiest * 1000)
      assert.is_true(busiest < SLOW / 60, said)
      assert.is_true(longest < 0.25 * SLOW, said)
    end)

    it("loads nothing in its frames: all that calls and their errors need is there before", function()
      local f = s:script({ { status = 500, body = "<html><h1>down</h1></html>",
        headers = { ["content-type"] = "text/html", ["retry-after-ms"] = "1" } } }, { repeat_last = true })
      local output = child.code([[
        local marea, good, bad = require "marea", ...
        local client = marea.client { base_url = good, model = "m" }
        local failing = marea.client { base_url = bad, model = "m", max_retries = 1 }
        local nobody = marea.client { base_url = "http://127.0.0.1:9/v1", model = "m", max_retries = 0 }
        local task = marea.spawn(function()
          local stream = assert(client.chat.completions:create { stream = true,
            messages = { { role = "user", content = "Hola" } } })
          for event in stream:events() do print(event.text) break end
          local _, err = failing:ask "Hola"
          print(err.kind)
          _, err = nobody:ask "Hola"
          print(err.kind, client:ask "Hola")
        end)
        local step, before = marea.step, {}
        for name in pairs(package.loaded) do before[name] = true end
        while task.status == "running" do step() end
        for name in pairs(package.loaded) do if not before[name] then print("loaded: " .. name) end end
      ]], { s.base_url, f.base_url })
      assert.equal(("A\nserver\nconnection\t%s\n"):format(TEXT), (output:gsub("^A ", "A")))
    end)

    it("is not kept when there is nothing to do, or only something to wait for", function()
      local task = marea.spawn(marea.sleep, 60)
      marea.step()
      local from = socket.gettime()
      for _ = 1, 100 do marea.step(1) end
      assert.is_true(socket.gettime() - from < 0.1 * SLOW)
      task:cancel()
    end)

    it("gets back control after its budget, and the rest is done later", function()
      local done = 0
      for _ = 1, 50 do
        marea.spawn(function()
          spin(0.001)
          done = done + 1
        end)
      end
      local from = socket.gettime()
      marea.step(0.005)
      assert.is_true(socket.gettime() - from < 0.02 * SLOW)
      assert.is_true(done >= 1 and done < 50, done .. " done")
      assert.equal(0, marea.next_timeout())
      while done < 50 do marea.step() end
    end)

    local function sends(...)
      return s:script({ { { send = "HTTP/1.1 200 OK\r\nconnection: close\r\n" }, ... } }, { repeat_last = true })
    end

    -- A client of one who answers with so many bytes.
    local function big(size)
      local f = sends({ send = "content-type: text/plain\r\ncontent-length: " .. size .. "\r\n\r\n" },
        { repeat_send = ("x"):rep(1000), count = size / 1000 }, { fin = true })
      return marea.client { base_url = f.base_url, max_retries = 0 }
    end

    -- Steps until `list` has `n` items; tells the longest step, of the
    -- processor's time, and at which step each item came.
    local function steps(budget, list, n, pause)
      local longest, at, count, over = 0, {}, 0, socket.gettime() + 20
      while #list < n and socket.gettime() < over do
        local from = os.clock()
        marea.step(budget)
        longest, count = math.max(longest, os.clock() - from), count + 1
        for i = #at + 1, #list do at[i] = count end
        if pause then socket.sleep(pause) end
      end
      assert.equal(n, #list)
      return longest, at
    end

    it("keeps its budget in a firehose, whose readers always have more to read", function()
      local f = sends({ send = "content-type: text/event-stream\r\n\r\n" },
        { repeat_send = "data: " .. server.chunk_json({ content = "word " }) .. "\n\n", count = 300 },
        { send = server.sse({ server.chunk_json({ content = "end", finish = "stop" }) }) }, { fin = true })
      local fast = marea.client { base_url = f.base_url, model = "m", max_retries = 0 }
      local answers = {}
      for _ = 1, 20 do
        marea.spawn(function()
          local stream = assert(fast.chat.completions:create { messages = messages, stream = true })
          for _ in stream:text() do spin(0.0001) end     -- what a game does with a word
          answers[#answers + 1] = assert(stream:result()).output_text
        end)
      end
      local longest, at = steps(0.002, answers, 20)
      print(("\nlongest step in a firehose of 20 streams: %.2f ms of the processor"):format(longest * 1000))
      for _, text in ipairs(answers) do assert.equal(("word "):rep(300) .. "end", text) end
      assert.is_true(at[20] > 50, at[20] .. " steps")
      assert.is_true(longest < 0.004 * SLOW, ("%.1f ms"):format(longest * 1000))
    end)

    it("runs what is spawned, though readers have always more to read", function()
      local f = sends({ send = "content-type: text/event-stream\r\n\r\n" },
        { repeat_send = "data: " .. server.chunk_json({ content = "word " }) .. "\n\n", count = 1000 }, { fin = true })
      local fast = marea.client { base_url = f.base_url, model = "m", max_retries = 0 }
      local heard, tasks = {}, {}
      for i = 1, 3 do
        heard[i] = 0
        tasks[i] = marea.spawn(function()
          local stream = assert(fast.chat.completions:create { messages = messages, stream = true })
          for _ in stream:text() do
            heard[i] = heard[i] + 1
            spin(0.0005)
          end
        end)
      end
      local over = socket.gettime() + 10
      repeat marea.step(0.001) until heard[1] > 5 and heard[2] > 5 and heard[3] > 5 or socket.gettime() > over
      local began = 0
      for _ = 1, 5 do marea.spawn(function() began = began + 1 end) end
      for _ = 1, 20 do marea.step(0.001) end
      for i = 1, 3 do tasks[i]:cancel() end
      assert.equal(5, began)
      for i = 1, 3 do assert.is_true(heard[i] < 1000) end      -- they had more all the while
    end)

    it("keeps its budget while hundreds of calls begin at once", function()
      local answers, n = {}, 300
      for _ = 1, n do
        marea.spawn(function()
          local answer = assert(client:ask "Hola").output_text
          answers[#answers + 1] = answer
        end)
      end
      local longest = steps(0.002, answers, n)
      print(("\nlongest step while %d calls begin: %.2f ms of the processor"):format(n, longest * 1000))
      assert.is_true(longest < 0.005 * SLOW, ("%.1f ms"):format(longest * 1000))
    end)

    it("fetches more than a piece a frame", function()
      local fast, bodies = big(6000000), {}
      marea.spawn(function() bodies[1] = assert(fast:request { path = "big" }).data end)
      local _, at = steps(nil, bodies, 1, 1 / 60)
      assert.is_true(at[1] < 60, at[1] .. " frames")
    end)

    it("makes progress even with a budget of nothing", function()
      local done = 0
      for _ = 1, 3 do marea.spawn(function() done = done + 1 end) end
      for _ = 1, 3 do marea.step(0) end
      assert.equal(3, done)
    end)

    it("does all that is ready when the budget allows", function()
      local done = 0
      local function again(n)
        if n == 0 then done = done + 1
        else marea.spawn(again, n - 1) end
      end
      for _ = 1, 10 do marea.spawn(again, 10) end
      marea.step(5)
      assert.equal(10, done)
    end)

    it("gets the errors nobody awaited", function()
      marea.spawn(function() error("lost") end)
      local ok, message = pcall(marea.step)
      assert.is_false(ok)
      assert.is_truthy(tostring(message):find("lost", 1, true))
      marea.step()
    end)

    it("is told of wrong calls at its own line", function()
      local ok, message = pcall(function() marea.step("soon") end)
      assert.is_false(ok)
      assert.is_truthy(message:find("^[^:]*host_spec%.lua:%d+: marea%.step: expected a number of seconds, got string"),
        message)
      ok, message = pcall(function() marea.step(0 / 0) end)
      assert.is_false(ok)
      assert.is_truthy(message:find("^[^:]*host_spec%.lua:%d+: marea%.step: expected a number of seconds"), message)
      local inside
      marea.run(function() inside = select(2, pcall(marea.step)) end)
      assert.is_truthy(tostring(inside):find("inside a task", 1, true))
    end)
  end)

  describe("that polls", function()
    -- What a poll loop does, and how often it woke.
    local function poll_until(finished)
      local fd = marea.fd()
      local item = { getfd = function() return fd end, dirty = function() return false end }
      local wakes, over = 0, socket.gettime() + 10
      while not finished() and socket.gettime() < over do
        socket.select({ item }, nil, marea.next_timeout())
        marea.step(1)
        wakes = wakes + 1
      end
      return wakes
    end

    it("is woken when something arrives, and not otherwise", function()
      local answers = {}
      for _ = 1, 10 do marea.spawn(read, answers) end
      local from = socket.gettime()
      local wakes = poll_until(function() return #answers == 10 end)
      assert.equal(10, #answers)
      -- 12 pieces 20 ms apart
      assert.is_true(socket.gettime() - from < 2 * SLOW)
      assert.is_true(wakes < 10 * 40, wakes .. " wakes")
    end)

    it("is never left waiting for a socket nobody watches", function()
      for _ = 1, 20 do
        local fresh = marea.client { base_url = s.base_url, model = "m" }
        local answer
        marea.spawn(function()
          answer = assert(fresh:request({ path = "models" }, { headers = { connection = "close" } }))
        end)
        local from = socket.gettime()
        poll_until(function() return answer end)
        assert.is_true(socket.gettime() - from < 0.15 * SLOW, "took " .. socket.gettime() - from)
      end
    end)

    it("learns when something is due though nothing arrives", function()
      loop.turn(0)
      assert.is_nil(marea.next_timeout())
      local task = marea.spawn(marea.sleep, 0.1)
      assert.equal(0, marea.next_timeout())
      marea.step()
      local left = marea.next_timeout()
      assert.is_true(left > 0.01 and left <= 0.1, "left: " .. tostring(left))
      local from = socket.gettime()
      poll_until(function() return task.status == "done" end)
      local took = socket.gettime() - from
      assert.is_true(took > 0.05 and took < 0.1 + 0.1 * SLOW, "took " .. took)
    end)

    it("is woken by a task that is spawned, or may go on, while it waits", function()
      local fd = marea.fd()
      local item = { getfd = function() return fd end, dirty = function() return false end }
      local function readable() return #socket.select({ item }, nil, 0) == 1 end
      marea.step()
      assert.is_false(readable())
      local queue, got = marea.queue(), {}
      marea.spawn(function() for _ = 1, 2 do got[#got + 1] = queue:get() end end)
      assert.is_true(readable())
      marea.step()
      assert.is_false(readable())
      queue:put("one")
      assert.is_true(readable())
      marea.step()
      assert.is_false(readable())
      queue:put("two")
      marea.step()
      assert.same({ "one", "two" }, got)
      assert.is_false(readable())
      assert.is_nil(marea.next_timeout())
      assert.equal(1, select("#", marea.next_timeout()))
    end)

    it("sees a clock run out", function()
      local f = s:script { { { keep_open = true } } }
      local silent = marea.client { base_url = f.base_url, model = "m", max_retries = 0,
        timeout = { first_byte = 0.2 } }
      local err
      marea.spawn(function() err = select(2, silent:ask("Hola")) end)
      local from = socket.gettime()
      poll_until(function() return err end)
      assert.equal("timeout", err.kind)
      assert.is_true(socket.gettime() - from < 0.2 + 0.3 * SLOW)
    end)
  end)
end)
