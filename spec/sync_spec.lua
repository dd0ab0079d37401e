-- SPDX-License-Identifier: MIT
-- Semaphores and queues: fair, and nothing lost when somebody is cancelled.

local calls = require("spec.support.calls")
local core = require("marea.core")
local marea = require("marea")
local sweep = require("spec.support.sweep")

local failure, is_cancelled = calls.failure, calls.is_cancelled

describe("marea.semaphore", function()
  setup(sweep.start)
  after_each(sweep.check)

  it("lets n in and no more", function()
    local now, most = 0, 0
    marea.run(function()
      local s = marea.semaphore(3)
      for _ = 1, 10 do
        marea.spawn(function()
          s:acquire()
          now = now + 1
          most = math.max(most, now)
          marea.sleep(0.005)
          now = now - 1
          s:release()
        end)
      end
    end)
    assert.equal(3, most)
  end)

  it("serves who came first", function()
    local order = {}
    marea.run(function()
      local s = marea.semaphore(1)
      for i = 1, 20 do
        marea.spawn(function()
          s:acquire()
          order[#order + 1] = i
          marea.sleep(0)
          s:release()
        end)
      end
    end)
    for i = 1, 20 do assert.equal(i, order[i]) end
  end)

  it("lets nobody who comes later take a place that was given away", function()
    marea.run(function()
      local s, order = marea.semaphore(1), {}
      s:acquire()
      local waiting = marea.spawn(function() s:acquire() order[#order + 1] = "waiting" s:release() end)
      marea.sleep(0)
      s:release()
      s:acquire()
      order[#order + 1] = "late"
      s:release()
      waiting:await()
      assert.same({ "waiting", "late" }, order)
    end)
  end)

  it("forgets a waiter that is cancelled", function()
    marea.run(function()
      local s, got = marea.semaphore(1), {}
      s:acquire()
      local tasks = {}
      for i = 1, 3 do
        tasks[i] = marea.spawn(function() s:acquire() got[#got + 1] = i s:release() end)
      end
      marea.sleep(0)
      assert.equal(3, s:waiting())
      tasks[1]:cancel()
      tasks[2]:cancel()
      assert.equal(1, s:waiting())
      s:release()
      tasks[3]:await()
      assert.same({ 3 }, got)
      s:acquire()
    end)
  end)

  it("gets back the place of one cancelled between being served and going on", function()
    marea.run(function()
      local s, got = marea.semaphore(1), {}
      s:acquire()
      local a = marea.spawn(function() s:acquire() got[#got + 1] = "a" end)
      local b = marea.spawn(function() s:acquire() got[#got + 1] = "b" end)
      marea.sleep(0)
      s:release()
      a:cancel()
      b:await()
      assert.same({ "b" }, got)
    end)
  end)

  it("with(f) passes arguments and results, and gives the place back", function()
    local function count(...) return select("#", ...), ... end
    local s = marea.semaphore(1)
    local n, a, b = count(s:with(function(...) return ... end, nil, 2))
    assert.same({ 2, nil, 2 }, { n, a, b })
    s:acquire()
  end)

  it("with(f) gives the place back when f fails, and raises its error", function()
    local s, thrown = marea.semaphore(1), {}
    assert.equal(thrown, failure(s.with, s, function() error(thrown) end))
    s:acquire()
  end)

  it("with(f) gives the place back when the task is cancelled in it", function()
    marea.run(function()
      local s = marea.semaphore(1)
      local t = marea.spawn(function() s:with(marea.sleep, 5) end)
      marea.sleep(0)
      t:cancel()
      assert.equal("cancelled", t.status)
      s:acquire()
    end)
  end)

  it("outside of any task says that nothing can end the wait, and keeps no place for it", function()
    local s = marea.semaphore(1)
    s:acquire()
    assert.matches("nothing is left that could end this wait", failure(s.acquire, s))
    assert.equal(0, s:waiting())
    s:release()
    s:acquire()
  end)

  it("outside of any task waits for a task's release", function()
    local s = marea.semaphore(1)
    s:acquire()
    marea.spawn(function() marea.sleep(0.02) s:release() end)
    s:acquire()
  end)

  it("refuses less than one place, at the caller's line", function()
    for _, n in ipairs({ 0, -1, "2", false, 1.5, 0 / 0, math.huge }) do
      assert.matches("^[^:]*sync_spec.lua:%d+: marea.semaphore: expected a whole number of at least 1, got ",
        failure(function() marea.semaphore(n) end))
    end
  end)

  it("refuses the release of a place nobody has, at the caller's line", function()
    local s = marea.semaphore(2)
    local function release() s:release() end
    assert.matches("^[^:]*sync_spec.lua:%d+: semaphore:release: no place is taken", failure(release))
    s:acquire()
    s:acquire()
    s:release()
    s:release()
    assert.matches("^[^:]*sync_spec.lua:%d+: semaphore:release: no place is taken", failure(release))
    s:acquire()     -- what was refused has changed nothing
    s:acquire()
    local t = marea.spawn(s.acquire, s)
    marea.sleep(0)
    assert.equal(1, s:waiting())
    s:release()
    t:await()
  end)
end)

describe("marea.queue", function()
  setup(sweep.start)
  after_each(sweep.check)

  it("gives values in the order in which they came, false too", function()
    local q = marea.queue()
    for _, v in ipairs({ 1, false, "x" }) do q:put(v) end
    assert.equal(3, q:len())
    assert.same({ 1, false, "x" }, { q:get(), q:get(), q:get() })
  end)

  it("makes who gets wait for a value, first come first served", function()
    marea.run(function()
      local q, got = marea.queue(), {}
      for i = 1, 3 do
        marea.spawn(function() got[i] = q:get() end)
      end
      marea.sleep(0)
      for _, v in ipairs({ "a", "b", "c" }) do q:put(v) end
      marea.sleep(0)
      assert.same({ "a", "b", "c" }, got)
    end)
  end)

  it("makes who puts wait for room, and keeps their order", function()
    marea.run(function()
      local q, put, got = marea.queue(2), 0, {}
      for i = 1, 6 do
        marea.spawn(function() q:put(i) put = put + 1 end)
      end
      marea.sleep(0)
      assert.equal(2, put)
      for i = 1, 6 do got[i] = q:get() end
      assert.same({ 1, 2, 3, 4, 5, 6 }, got)
      marea.sleep(0)
      assert.equal(6, put)
    end)
  end)

  it("loses no value to a getter cancelled after it was served", function()
    marea.run(function()
      local q = marea.queue()
      local a = marea.spawn(function() q:get() end)
      marea.sleep(0)
      q:put("first")
      q:put("second")
      a:cancel()
      assert.equal("cancelled", a.status)
      assert.same({ "first", "second" }, { q:get(), q:get() })
    end)
  end)

  it("hands such a value to the one who waits next", function()
    marea.run(function()
      local q, got = marea.queue(), nil
      local a = marea.spawn(function() q:get() end)
      local b = marea.spawn(function() got = q:get() end)
      marea.sleep(0)
      q:put("only")
      a:cancel()
      b:await()
      assert.equal("only", got)
    end)
  end)

  it("forgets the value of a putter that is cancelled while it waits", function()
    marea.run(function()
      local q = marea.queue(1)
      q:put(1)
      local t = marea.spawn(function() q:put(2) end)
      marea.sleep(0)
      t:cancel()
      assert.equal(1, q:get())
      assert.equal(0, q:len())
      q:put(3)
      assert.equal(3, q:get())
    end)
  end)

  it("closed, gives what it holds, then nil, for ever", function()
    local q = marea.queue()
    q:put(1)
    q:close()
    q:close()
    assert.equal(1, q:get())
    assert.is_nil(q:get())
    assert.is_nil(q:get())
  end)

  it("closed, lets those who wait for a value go with nil", function()
    marea.run(function()
      local q = marea.queue()
      local tasks = {}
      for i = 1, 3 do tasks[i] = marea.spawn(function() return q:get() == nil end) end
      marea.sleep(0)
      q:close()
      assert.same({ true, true, true, n = 3 }, marea.all(tasks))
    end)
  end)

  it("closed, is an error for those who put or wait to put", function()
    marea.run(function()
      local q = marea.queue(1)
      q:put(1)
      local t = marea.spawn(function() return failure(function() q:put(2) end) end)
      marea.sleep(0)
      q:close()
      assert.matches("sync_spec.lua:%d+: queue:put: the queue is closed", t:await())
      assert.matches("sync_spec.lua:%d+: queue:put: the queue is closed", failure(function() q:put(3) end))
      assert.same({ 1 }, { q:get(), q:get() })
    end)
  end)

  it("serves a producer and a consumer until closed", function()
    marea.run(function()
      local q, sum = marea.queue(2), 0
      marea.spawn(function()
        for i = 1, 100 do q:put(i) end
        q:close()
      end)
      for v in q.get, q do sum = sum + v end
      assert.equal(5050, sum)
    end)
  end)

  it("outside of any task says that nothing can end the wait, and loses nothing to it", function()
    local q = marea.queue(1)
    assert.matches("nothing is left", failure(q.get, q))
    q:put("kept")
    assert.matches("nothing is left", failure(q.put, q, "refused"))
    assert.equal("kept", q:get())
    assert.equal(0, q:len())
  end)

  it("raises the cancellation in who gets and who puts", function()
    marea.run(function()
      local empty, full = marea.queue(), marea.queue(1)
      full:put(1)
      for _, f in ipairs({ function() empty:get() end, function() full:put(2) end }) do
        local t = marea.spawn(f)
        marea.sleep(0)
        t:cancel()
        assert.is_true(is_cancelled(failure(t.await, t)))
      end
    end)
  end)

  it("refuses nil, and a size below one, at the caller's line", function()
    local q = marea.queue()
    assert.matches("sync_spec.lua:%d+: queue:put: nil", failure(function() q:put(nil) end))
    for _, n in ipairs({ 0, -1, "2", false, 1.5, 0 / 0 }) do
      assert.matches("^[^:]*sync_spec.lua:%d+: marea.queue: expected a whole number of at least 1, got ",
        failure(function() marea.queue(n) end))
    end
  end)

  it("holds a hundred thousand values without slowing down", function()
    local q = marea.queue()
    local started = core.now()
    for i = 1, 100000 do q:put(i) end
    for i = 1, 100000 do assert(q:get() == i) end
    assert.is_true(core.now() - started < (os.getenv("MAREA_SANITIZED") and 100 or 10))
  end)

  it("goes on while the collector runs all the time", function()
    calls.collecting(function()
      marea.run(function()
        local q, s, sum = marea.queue(1), marea.semaphore(1), 0
        marea.spawn(function() for i = 1, 10 do s:with(q.put, q, i) end q:close() end)
        for v in q.get, q do sum = sum + v end
        assert.equal(55, sum)
      end)
    end)
  end)
end)
