-- SPDX-License-Identifier: MIT
-- Calls made where a scheduler would rather not see them: in somebody else's
-- coroutine, under a C function, in a finalizer; and coroutines treated badly.

local calls = require("spec.support.calls")
local child = require("spec.support.child")
local core = require("marea.core")
local loop = require("marea.loop")
local marea = require("marea")
local on_collect = require("marea.compat").on_collect
local server = require("spec.support.server")
local sweep = require("spec.support.sweep")
local leaks = require("spec.support.leaks")

local client_of, failure, is_cancelled = calls.client_of, calls.failure, calls.is_cancelled

local function streaming(pieces)
  local chunks = {}
  for i, text in ipairs(pieces) do chunks[i] = server.chunk_json({ content = text }) end
  chunks[#chunks + 1] = server.chunk_json({ finish = "stop" })
  return server.shared():script({ { { sse = chunks, delay = 0.003 } } }, { repeat_last = true })
end

local function open(client)
  return assert(client.chat.completions:create { messages = calls.MESSAGES, stream = true })
end

-- Runs f outside of any task, and inside one.
local function both_ways(f)
  f()
  marea.run(f)
end

describe("coroutines", function()
  setup(sweep.start)
  after_each(sweep.check)

  describe("of somebody else", function()
    it("may call: the answer comes to where it was asked for", function()
      local client = client_of(calls.replying())
      both_ways(function()
        local generator = coroutine.wrap(function()
          for i = 1, 3 do coroutine.yield(i .. client:ask("hola").output_text) end
        end)
        assert.same({ "1hola", "2hola", "3hola" }, { generator(), generator(), generator() })
      end)
    end)

    it("may read a stream and yield its pieces, through several of them", function()
      local client = client_of(streaming { "a", "b", "c" })
      local function through(iterate)
        return coroutine.wrap(function() for text in iterate do coroutine.yield(text) end end)
      end
      both_ways(function()
        local stream, got = open(client), {}
        for text in through(through(stream:text())) do got[#got + 1] = text end
        assert.same({ "a", "b", "c" }, got)
        assert.equal("abc", stream:result().output_text)
      end)
    end)

    it("may be resumed from a task that isn't the one that made them", function()
      local client = client_of(streaming { "a", "b", "c", "d" })
      local generator = coroutine.wrap(function()
        for text in open(client):text() do coroutine.yield(text) end
      end)
      local got = { generator() }
      marea.run(function()
        marea.spawn(function() got[2] = generator() end):await()
        marea.spawn(function() got[3] = generator() end):await()
      end)
      got[4] = generator()
      assert.same({ "a", "b", "c", "d" }, got)
      assert.is_nil(generator())
    end)

    it("see what they yield, and what they are resumed with, untouched", function()
      local client = client_of(calls.replying())
      local co = coroutine.create(function(...)
        client:ask "hola"
        local got = { coroutine.yield(...) }
        client:ask "hola"
        return got[1], got[2]
      end)
      assert.same({ true, 1, nil, 3 }, { coroutine.resume(co, 1, nil, 3) })
      assert.same({ true, "x", "y" }, { coroutine.resume(co, "x", "y") })
      assert.equal("dead", coroutine.status(co))
    end)

    it("let other tasks go on while they wait", function()
      local beats = 0
      marea.run(function()
        local beating = marea.spawn(function()
          while true do marea.sleep(0.005) beats = beats + 1 end
        end)
        coroutine.wrap(function() marea.sleep(0.08) end)()
        beating:cancel()
      end)
      assert.is_true(beats >= 3, beats)
    end)

    it("may wait in fifty tasks at the same time", function()
      local client, done = client_of(calls.replying()), 0
      marea.run(function()
        for i = 1, 50 do
          marea.spawn(function()
            coroutine.wrap(function() client:ask "hola" end)()
            marea.sleep(i % 3 / 1000)
            done = done + 1
          end)
        end
      end)
      assert.equal(50, done)
    end)

    -- Each waits inside a generator, and then ends.
    local function wait_in_tasks(n, wait)
      local done = 0
      for i = 1, n do
        marea.spawn(function()
          assert.equal(i, coroutine.wrap(function() wait() coroutine.yield(i) end)())
          done = done + 1
        end)
      end
      return function() return done end
    end

    it("may wait in fifty tasks for another, or for what it gives", function()
      for what, make in pairs {
        ["its end"] = function() local t = marea.spawn(marea.sleep, 0.02) return function() t:await() end end,
        ["a value"] = function()
          local queue = marea.queue()
          marea.spawn(function() marea.sleep(0.02) for i = 1, 50 do queue:put(i) end end)
          return function() queue:get() end
        end,
      } do
        marea.run(function()
          local done = wait_in_tasks(50, make())
          local deadline = core.now() + 20
          while done() < 50 and core.now() < deadline do marea.sleep(0.005) end
          assert.equal(50, done(), what)
        end)
      end
    end)

    it("that are too many to wait on top of each other say so", function()
      local failed
      marea.run(function()
        local t = marea.spawn(marea.sleep, 0.05)
        local tasks = {}
        for i = 1, 80 do
          tasks[i] = marea.spawn(function() coroutine.wrap(function() t:await() end)() end)
        end
        for i = 1, 80 do
          local ok, err = pcall(tasks[i].await, tasks[i])
          failed = failed or not ok and err
        end
      end)
      assert.matches("too many tasks wait inside coroutines of their own", failed)
    end)

    it("let a task begin that they, or those beneath them, wait for", function()
      for depth = 1, 50, 7 do
        local done = 0
        marea.run(function()
          local beating = marea.spawn(function() while true do marea.sleep(0.002) end end)
          local tasks = {}
          for i = 1, depth do
            tasks[i] = marea.spawn(function()
              coroutine.wrap(function() marea.spawn(function() done = done + 1 end):await() end)()
            end)
          end
          marea.all(tasks)
          beating:cancel()
        end)
        assert.equal(depth, done)
      end
    end)

    it("that wait for one thing get it from the top down, as those beneath can't go on", function()
      local gate, got = marea.semaphore(1), {}
      marea.run(function()
        marea.spawn(function() gate:with(marea.sleep, 0.03) end)
        for i = 1, 3 do
          marea.spawn(function()
            coroutine.wrap(function() gate:with(function() got[#got + 1] = i end) end)()
          end)
        end
      end)
      assert.same({ 3, 2, 1 }, got)
    end)

    it("keep nothing of what they waited for", function()
      local queue = marea.queue()
      marea.run(function()
        marea.spawn(function() for i = 1, 300 do queue:put(i) marea.sleep(0) end end)
        coroutine.wrap(function() for _ = 1, 300 do queue:get() end end)()
      end)
      assert.is_true(queue.getters.last - queue.getters.first < 3)
    end)

    it("wait side by side, not one after the other", function()
      local started = core.now()
      marea.run(function() wait_in_tasks(100, function() marea.sleep(0.05) end) end)
      assert.is_true(core.now() - started < 2.5)
    end)

    it("may run a scheduler of their own: each of its coroutines gets its answer", function()
      local client, got = client_of(calls.replying()), {}
      local threads = {}
      for i = 1, 4 do
        threads[i] = coroutine.create(function()
          coroutine.yield()
          got[i] = i .. client:ask("hola").output_text
        end)
      end
      for _ = 1, 2 do
        for i = 1, 4 do assert(coroutine.resume(threads[i])) end
      end
      assert.same({ "1hola", "2hola", "3hola", "4hola" }, got)
    end)

    it("are waited for by a cancel: the error is raised inside of them", function()
      local f = calls.silent()
      marea.run(function()
        local inner
        local t = marea.spawn(function()
          coroutine.wrap(function()
            inner = failure(client_of(f).ask, client_of(f), "hola")
            error(inner, 0)
          end)()
        end)
        marea.spawn(function()
          marea.sleep(0.05)
          t:cancel()
          assert.equal(0, loop.engine():stats().transfers)
        end):await()
        assert.is_true(is_cancelled(failure(t.await, t)))
        assert.is_true(is_cancelled(inner))
      end)
      assert.is_not_nil(f.wait_event("eof", 1))
    end)
  end)

  describe("under a C function", function()
    local client

    before_each(function() client = client_of(calls.replying()) end)

    local function ask() return client:ask("hola").output_text end

    it("may call: table.sort", function()
      both_ways(function()
        local list = { 3, 1, 2 }
        table.sort(list, function(a, b) return ask() == "hola" and a < b end)
        assert.same({ 1, 2, 3 }, list)
      end)
    end)

    it("may call: string.gsub", function()
      both_ways(function()
        assert.equal("<hola> <hola>", (("x y"):gsub("%a", function() return "<" .. ask() .. ">" end)))
      end)
    end)

    it("may call: a metamethod", function()
      both_ways(function()
        local lazy = setmetatable({}, { __index = ask, __lt = function() return ask() == "hola" end,
          __tostring = ask, __call = ask })
        assert.equal("hola", lazy.anything)
        assert.is_true(lazy < lazy)
        assert.equal("hola", tostring(lazy))
        assert.equal("hola", lazy())
      end)
    end)

    it("may call: require", function()
      both_ways(function()
        package.loaded["spec.asks"] = nil
        package.preload["spec.asks"] = ask
        assert.equal("hola", (require("spec.asks")))
        package.preload["spec.asks"], package.loaded["spec.asks"] = nil, nil
      end)
    end)

    it("may call: pcall, xpcall and an error handler", function()
      both_ways(function()
        assert.same({ true, "hola" }, { pcall(ask) })
        assert.same({ true, "hola" }, { xpcall(ask, debug.traceback) })
        assert.same({ false, "hola" }, { xpcall(error, ask) })
      end)
    end)

    it("may call: a finalizer", function()
      both_ways(function()
        local got
        do on_collect(function() got = ask() end) end
        leaks.collect()
        assert.equal("hola", got)
      end)
    end)

    it("may call: load's reader and string.gsub inside a generator inside a task", function()
      marea.run(function()
        local reader = coroutine.wrap(function()
          coroutine.yield((("x"):gsub("x", function() return "return '" .. ask() .. "'" end)))
        end)
        assert.equal("hola", load(reader)())
      end)
    end)

    it("may wait for another task", function()
      marea.run(function()
        local t = marea.spawn(function() return ask() end)
        table.sort({ 2, 1 }, function(a, b) return t:await() == "hola" and a < b end)
      end)
    end)

    -- Runs f while another task goes on and on: nothing is ever still.
    local function beside_a_beat(f)
      marea.run(function()
        local beating = marea.spawn(function() while true do marea.sleep(0.002) end end)
        f()
        beating:cancel()
      end)
    end

    for name, wait in pairs {
      await = function(t) return t:await() end,
      all = function(t) return marea.all { marea.spawn(marea.sleep, 0), t } end,
      race = function(t) return marea.race { t } end,
    } do
      it("says so when the task it waits for is stuck under it: " .. name, function()
        beside_a_beat(function()
          local err
          local outer = marea.spawn(function()
            coroutine.wrap(function() marea.sleep(0.02) end)()
          end)
          marea.spawn(function()
            coroutine.wrap(function() err = failure(wait, outer) end)()
          end):await()
          assert.matches("that task can't end while this one waits for it", err)
        end)
      end)
    end

    it("says so when those under it hold all the places that limits allow", function()
      local slow = server.shared():script({ { { sleep = 0.1 }, { sse = { server.chunk_json { content = "a" } } } } })
      local limited = client_of(slow, { limits = { concurrent = 1 } })
      beside_a_beat(function()
        local late = marea.spawn(function()
          marea.sleep(0.02)
          return coroutine.wrap(function() return failure(limited.ask, limited, "x") end)()
        end)
        coroutine.wrap(function() open(limited):close() end)()
        assert.matches("the limits let no call begin before others end", late:await())
      end)
    end)
  end)

  describe("of tasks, handled by somebody else", function()
    -- A task that waits in f, and its coroutine.
    local function parked(f)
      local co
      local t = marea.spawn(function()
        co = coroutine.running()
        return f()
      end)
      marea.sleep(0)
      return t, co
    end

    it("resumed with junk while they wait, wait on and get the real answer", function()
      local client = client_of(server.shared():script({
        { { sleep = 0.05 }, { status = 200, body = calls.REPLY } } }))
      marea.run(function()
        local t, co = parked(function() return client:ask("hola").output_text end)
        for _, junk in ipairs({ 1, "x", {} }) do
          assert.is_true(coroutine.resume(co, junk, nil, junk))
          assert.equal("running", t.status)
        end
        assert.equal("hola", t:await())
      end)
    end)

    it("resumed after their end, do no harm", function()
      marea.run(function()
        local done, co1 = parked(function() marea.sleep(0) end)
        local gone, co2 = parked(function() marea.sleep(5) end)
        done:await()
        gone:cancel()
        assert.is_false((coroutine.resume(co1)))
        assert.is_false((coroutine.resume(co2)))
        marea.sleep(0.01)
      end)
    end)

    it("may yield plainly: others go on, and so do they", function()
      local order = {}
      marea.run(function()
        for i = 1, 2 do
          marea.spawn(function()
            for n = 1, 3 do
              order[#order + 1] = i .. n
              coroutine.yield("junk", n)
            end
          end)
        end
      end)
      assert.same({ "11", "21", "12", "22", "13", "23" }, order)
    end)

    it("brought to their end by hand have ended, with their results", function()
      marea.run(function()
        local t, co = parked(function() coroutine.yield() return "by hand" end)
        while coroutine.status(co) ~= "dead" do assert(coroutine.resume(co)) end
        assert.equal("by hand", t:await())
      end)
    end)

    it("that died by hand have failed", function()
      marea.run(function()
        local t, co = parked(function() coroutine.yield() error("by hand") end)
        while coroutine.status(co) ~= "dead" do coroutine.resume(co) end
        assert.matches("ended by somebody else", failure(t.await, t))
        assert.equal("failed", t.status)
      end)
    end)

    it("that wait in a call after somebody resumed them wait there, blocking", function()
      local client = client_of(calls.replying())
      marea.run(function()
        local t, co = parked(function() coroutine.yield() return client:ask("hola").output_text end)
        while coroutine.status(co) ~= "dead" do assert(coroutine.resume(co)) end
        assert.equal("hola", t:await())
      end)
    end)

    if rawget(coroutine, "close") then
      it("closed have ended, what they had open is closed and their place is free", function()
        local f = calls.silent()
        marea.run(function()
          local client = client_of(f, { limits = { concurrent = 1 } })
          local t, co = parked(function() client:ask "hola" end)
          marea.sleep(0.05)
          assert.is_true(coroutine.close(co))
          assert.equal("cancelled", t.status)
          assert.equal(0, client.limits.running)
          assert.equal(0, loop.engine():stats().transfers)
          assert.is_true(is_cancelled(failure(t.await, t)))
        end)
        assert.is_not_nil(f.wait_event("eof", 1))
      end)

      it("closed while they wait for a place take none", function()
        marea.run(function()
          local s = marea.semaphore(1)
          s:acquire()
          local _, co = parked(function() s:acquire() end)
          coroutine.close(co)
          s:release()
          s:acquire()
        end)
      end)

      it("closed asleep are not waited for", function()
        local started = core.now()
        marea.run(function()
          local _, co = parked(function() marea.sleep(5) end)
          coroutine.close(co)
        end)
        assert.is_true(core.now() - started < 2)
      end)

      it("closed while they wait in another's stream leave it to be read, and closed, by others", function()
        local f = streaming { "uno", "dos" }
        marea.run(function()
          local stream, other = open(client_of(f)), open(client_of(f))
          for _, s in ipairs { stream, other } do
            local _, co = parked(function() while s:next() do s:snapshot() end end)
            coroutine.close(co)
          end
          local read = stream:next()
          while read and read.type ~= "finish" do read = assert(stream:next()) end
          assert.equal("unodos", assert(stream:result()).output_text)
          other:close()
          assert.is_nil((select(2, other:next())))
        end)
      end)

      it("closed around a generator that reads a stream end the stream", function()
        local f = calls.stalling()
        local co = coroutine.create(function()
          for text in open(client_of(f)):text() do coroutine.yield(text) end
        end)
        assert.same({ true, "uno" }, { coroutine.resume(co) })
        assert.is_true(coroutine.close(co))
        assert.equal(0, loop.engine():stats().transfers)
        assert.is_not_nil(f.wait_event("eof", 1))
      end)
    end

    it("dropped while they read a stream are collected with it", function()
      local f = calls.stalling()
      do
        local generator = coroutine.wrap(function()
          for text in open(client_of(f)):text() do coroutine.yield(text) end
        end)
        assert.equal("uno", generator())
      end
      leaks.collect()
      assert.equal(0, loop.engine():stats().transfers)
      assert.is_not_nil(f.wait_event("eof", 1))
    end)
  end)

  describe("and errors", function()
    it("reach the pcall around the loop that reads a stream, and other tasks go on", function()
      local client = client_of(streaming { "a", "b" })
      local other
      marea.run(function()
        marea.spawn(function() marea.sleep(0.02) other = true end)
        local stream = open(client)
        local ok, err = pcall(function()
          for _ in stream:text() do error("in the loop", 0) end
        end)
        stream:close()
        assert.is_false(ok)
        assert.equal("in the loop", err)
      end)
      assert.is_true(other)
    end)

    it("keep the traceback of the coroutine that died", function()
      local client = client_of(streaming { "a", "b" })
      local function culprit() error("in the consumer") end
      marea.run(function()
        local t = marea.spawn(function()
          local stream = open(client)
          for _ in stream:text() do culprit() end
        end)
        assert.matches("in the consumer\nstack traceback:.*culprit", failure(t.await, t))
      end)
      collectgarbage()
    end)

    it("of a stack overflow leave the scheduler whole", function()
      local client = client_of(calls.replying())
      marea.run(function()
        local function deeper(n) return 1 + deeper(n + 1) end
        local t = marea.spawn(function() client:ask "hola" deeper(1) end)
        assert.matches("stack overflow", failure(t.await, t))
        assert.equal("hola", client:ask("hola").output_text)
      end)
    end)

    if not rawget(_G, "jit") then   -- there, that many of its own crash
      it("of too many C calls leave the scheduler whole", function()
        local client = client_of(calls.replying())
        marea.run(function()
          local function deeper(n)
            client:ask "hola"
            return (("x"):gsub("x", function() return deeper(n + 1) end))
          end
          local t = marea.spawn(function() deeper(1) end)
          assert.matches("overflow", failure(t.await, t))
          assert.equal("hola", client:ask("hola").output_text)
        end)
      end)
    end
  end)

  it("ask inside the loop over a stream, three deep", function()
    local client = client_of(streaming { "a", "b" })
    local got = {}
    marea.run(function()
      for x in open(client):text() do
        for y in open(client):text() do
          for z in open(client):text() do got[#got + 1] = x .. y .. z end
        end
      end
    end)
    assert.same({ "aaa", "aab", "aba", "abb", "baa", "bab", "bba", "bbb" }, got)
  end)

  it("close a stream from inside its loop: the iteration ends", function()
    local client = client_of(streaming { "a", "b", "c" })
    both_ways(function()
      local stream, n = open(client), 0
      pcall(function()
        for _ in stream:text() do
          n = n + 1
          stream:close()
        end
      end)
      assert.equal(1, n)
    end)
  end)

  it("wait on a stream opened by a task that has ended since", function()
    local client = client_of(streaming { "a", "b", "c" })
    marea.run(function()
      local opener = marea.spawn(function() return open(client) end)
      local stream = opener:await()
      assert.equal("done", opener.status)
      assert.equal("abc", stream:result().output_text)
    end)
  end)

  -- Chunks so large that the collector runs while they are decoded.
  local function large()
    local list = {}
    for i = 1, 1500 do list[i] = '{"a":' .. i .. ',"b":[1,"x' .. i .. '"]}' end
    local chunk = server.chunk_json({ choices = '[{"index":0,"delta":{"content":"x"},"finish_reason":null,'
      .. '"logprobs":[' .. table.concat(list, ",") .. "]}]" })
    local last = server.chunk_json({ finish = "stop" })
    return server.shared():script({ { { sse = { chunk, chunk, chunk, chunk, chunk, last } } } },
      { repeat_last = true })
  end

  -- Reads streams in a process of its own, whose heap is small, while finalizers
  -- run; says whether any did.
  local function read_with_finalizers(finalize)
    local output, status = child.code([[
      local marea = require "marea"
      local on_collect = require("marea.compat").on_collect
      local client = marea.client { base_url = (...), model = "m" }
      collectgarbage("setpause", 100)
      collectgarbage("setstepmul", 400)
      local ran = 0
      for i = 1, 20 do
        local stream = assert(client.chat.completions:create {
          messages = { { role = "user", content = "hola" } }, stream = true })
        local n = 0
        local _, err = pcall(function()
          for _ in stream:chunks() do
            n = n + 1
            if n == 1 + i % 3 then
              on_collect(function()
                ran = ran + 1
                ]] .. finalize .. [[

              end)
            end
          end
        end)
        if tostring(err):find("attempt to", 1, true) then io.write(err, "\n") end
        stream:close()
      end
      io.write(ran > 0 and "ran" or "never ran")
    ]], { large().base_url })
    assert.equal("ran", output)
    assert.equal(0, status)
  end

  it("survive a finalizer that closes the stream that is being decoded", function()
    read_with_finalizers("stream:close()")
  end)

  it("survive a finalizer that drives the loop while a stream is being decoded", function()
    read_with_finalizers("marea.sleep(0.002)")
  end)

  it("survive a finalizer that reads on in the stream that is being decoded", function()
    read_with_finalizers("pcall(stream.next, stream)")
  end)

  it("survive a finalizer that closes the stream that is about to be waited for", function()
    local f = server.shared():script({ { { sse = { server.chunk_json { content = "uno" } }, open = true },
      { wait_close = 20 } } }, { repeat_last = true })
    local output, status = child.code([[
      local marea = require "marea"
      local on_collect = require("marea.compat").on_collect
      local client = marea.client { base_url = (...), model = "m" }
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 1000000)
      local ran, told = 0, 0
      for _ = 1, 5 do
        local stream = assert(client.chat.completions:create {
          messages = { { role = "user", content = "hola" } }, stream = true })
        assert(stream:next().text == "uno")
        collectgarbage()
        collectgarbage("stop")
        on_collect(function()
          ran = ran + 1
          stream:close()
        end)
        collectgarbage("restart")
        local event, err = stream:next()      -- it is not told where it had not begun
        if event == nil and (err == nil or err.kind == "cancelled") then told = told + 1 end
      end
      io.write(ran == 5 and "ran" or "ran " .. ran, ", told ", told)
    ]], { f.base_url })
    assert.equal("ran, told 5", output)
    assert.equal(0, status)
  end)

  -- Texts so long that the collector, which never rests, runs while they are made.
  it("survive a finalizer that closes the stream whose text is being made", function()
    local pieces = { server.chunk_json { role = "assistant", content = "" } }
    for i = 2, 5 do pieces[i] = server.chunk_json { content = ("long "):rep(20 + i) } end
    local f = server.shared():script({ { { status = 200, headers = { ["content-type"] = "text/event-stream" },
      chunked = true }, { chunk = server.sse(pieces, false) }, { keep_open = true } } }, { repeat_last = true })
    local output, status = child.code([[
      local marea = require "marea"
      local on_collect = require("marea.compat").on_collect
      local jit = rawget(_G, "jit")
      if jit then jit.off() end
      local client = marea.client { base_url = (...), model = "m" }
      collectgarbage("setpause", 0)
      collectgarbage("setstepmul", 1000000)
      local ran, wrong = 0, {}
      for i = 1, 60 do
        local stream = assert(client.chat.completions:create {
          messages = { { role = "user", content = "hola" } }, stream = true })
        marea.sleep(0.001)
        local iterator, pulling, closing = stream:text(), false, false
        for _ = 1, i % 3 do iterator() end
        collectgarbage("stop")
        on_collect(function()
          if not pulling then return end
          ran, closing = ran + 1, true
          local ok, err = pcall(stream.close, stream)
          if not ok then wrong[#wrong + 1] = tostring(err) end
        end)
        pulling = true
        collectgarbage("restart")
        pcall(iterator)
        collectgarbage("stop")
        pulling = false
        if closing and not tostring(stream):find("cancelled") then wrong[#wrong + 1] = tostring(stream) end
        stream:close()
        collectgarbage("restart")
        collectgarbage()
      end
      io.write(ran > 0 and "ran" or "never ran", table.concat(wrong))
    ]], { f.base_url })
    assert.equal("ran", output)
    assert.equal(0, status)
  end)

  it("go on with a debug hook in each", function()
    local client, lines = client_of(streaming { "a", "b" }), 0
    local function hook() lines = lines + 1 end
    marea.run(function()
      debug.sethook(hook, "crl")
      local text = open(client):result().output_text
      debug.sethook()
      assert.equal("ab", text)
    end)
    assert.is_true(lines > 10)
  end)

  it("a thousand at once all end", function()
    local done = 0
    marea.run(function()
      for i = 1, 1000 do
        marea.spawn(function()
          marea.sleep(i % 10 / 1000)
          coroutine.yield()
          done = done + 1
        end)
      end
    end)
    assert.equal(1000, done)
  end)

  it("go on while the collector runs all the time", function()
    local client = client_of(streaming { "a", "b", "c" })
    calls.collecting(function()
      marea.run(function()
        local stream = open(client)
        local generator = coroutine.wrap(function() for text in stream:text() do coroutine.yield(text) end end)
        assert.same({ "a", "b", "c" }, { generator(), generator(), generator() })
        assert.is_nil(generator())
      end)
    end)
  end)
end)
