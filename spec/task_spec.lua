-- SPDX-License-Identifier: MIT
-- Tasks: starting, waiting, ending, cancelling; what they promise about errors
-- and about what they had open.

local calls = require("spec.support.calls")
local core = require("marea.core")
local marea = require("marea")
local server = require("spec.support.server")
local sweep = require("spec.support.sweep")
local task = require("marea.task")
local leaks = require("spec.support.leaks")

local client_of, replying, silent, stalling = calls.client_of, calls.replying, calls.silent, calls.stalling
local failure, quick_failure = calls.failure, calls.quick_failure
local is_cancelled, collecting, MESSAGES = calls.is_cancelled, calls.collecting, calls.MESSAGES

describe("tasks", function()
  setup(sweep.start)
  after_each(sweep.check)

  describe("marea.run", function()
    it("gives the function its arguments and returns all it returned, nils too", function()
      local function count(...) return select("#", ...), ... end
      local n, a, b, c = count(marea.run(function(...) return ... end, nil, 2, nil))
      assert.same({ 3, nil, 2, nil }, { n, a, b, c })
    end)

    it("runs until all that was spawned is done, not only its function", function()
      local seen = {}
      marea.run(function()
        marea.spawn(function()
          marea.sleep(0.02)
          marea.spawn(function() marea.sleep(0.01) seen[#seen + 1] = "inner" end)
          seen[#seen + 1] = "outer"
        end)
        seen[#seen + 1] = "main"
      end)
      assert.same({ "main", "outer", "inner" }, seen)
    end)

    it("raises its function's error as it is, and cancels the others", function()
      local thrown, other = setmetatable({}, { __tostring = function() return "mine" end }), nil
      local err = quick_failure(marea.run, function()
        other = marea.spawn(function() marea.sleep(5) end)
        marea.sleep(0)
        error(thrown)
      end)
      assert.equal(thrown, err)
      assert.equal("cancelled", other.status)
    end)

    it("raises a message with the traceback of the coroutine that died", function()
      local function culprit() error("broken here") end
      local err = failure(marea.run, function() marea.sleep(0) culprit() end)
      assert.matches("task_spec.lua:%d+: broken here", err)
      assert.matches("stack traceback:.*culprit", err)
    end)

    it("raises the first error nobody awaited, once all have ended", function()
      local ended = false
      local err = failure(marea.run, function()
        marea.spawn(function() error("first", 0) end)
        marea.spawn(function() marea.sleep(0.01) error("second", 0) end)
        marea.spawn(function() marea.sleep(0.03) ended = true end)
      end)
      assert.matches("^first", err)
      assert.is_true(ended)
      assert.matches("^second", failure(marea.run, function() end))
      marea.run(function() end)
    end)

    it("says nothing of an error that was awaited", function()
      marea.run(function()
        local t = marea.spawn(function() error("known", 0) end)
        assert.matches("^known", failure(t.await, t))
      end)
    end)

    it("can't be called inside a task", function()
      local err = failure(marea.run, function() marea.run(function() end) end)
      assert.matches("task_spec.lua:%d+: marea.run is running already", err)
    end)

    it("can't be called by a call that blocks inside of it", function()
      local err
      marea.run(function()
        local wrapped = coroutine.wrap(function() err = failure(marea.run, function() end) end)
        wrapped()
      end)
      assert.matches("running already", err)
    end)

    it("can be called again after it raised", function()
      failure(marea.run, function() error("x") end)
      assert.equal(3, marea.run(function() marea.sleep(0) return 3 end))
    end)

    it("says that nothing is left to wait for, and where it was waiting", function()
      local err = quick_failure(marea.run, function() marea.queue():get() end)
      assert.matches("^a task waits for something that can't happen", err)
      assert.matches("task_spec.lua:%d+", err)
    end)

    it("says so too when two tasks await each other, and ends them", function()
      local a, b
      local err = failure(marea.run, function()
        a = marea.spawn(function() b:await() end)
        b = marea.spawn(function() a:await() end)
      end)
      assert.matches("^2 tasks wait for something that can't happen", err)
      assert.equal("cancelled", a.status)
      assert.equal("cancelled", b.status)
    end)

    it("prefers its function's own error over that of those left stuck", function()
      local err = failure(marea.run, function()
        marea.spawn(function() marea.queue():get() end)
        marea.sleep(0)
        error("own", 0)
      end)
      assert.matches("^own", err)
    end)

    it("raises the cancellation of its function", function()
      local co_task
      local err = failure(marea.run, function()
        local q = marea.queue()
        marea.spawn(function() co_task:cancel() end)
        co_task = require("marea.loop").current()
        q:get()
      end)
      assert.is_true(is_cancelled(err))
    end)

    it("refuses what is not a function, at the caller's line", function()
      assert.matches("task_spec.lua:%d+: marea.run expects a function, got nil", failure(function()
        marea.run()
      end))
    end)
  end)

  describe("marea.spawn", function()
    it("starts the function when its creator next waits, in order", function()
      local seen = {}
      marea.run(function()
        for i = 1, 3 do marea.spawn(function(n) seen[#seen + 1] = n end, i) end
        assert.same({}, seen)
        marea.sleep(0)
        assert.same({ 1, 2, 3 }, seen)
      end)
    end)

    it("takes anything that can be called", function()
      local callable = setmetatable({}, { __call = function(_, x) return x * 2 end })
      marea.run(function() assert.equal(8, marea.spawn(callable, 4):await()) end)
    end)

    it("refuses the rest, at the caller's line", function()
      assert.matches("task_spec.lua:%d+: marea.spawn expects a function, got string", failure(function()
        marea.spawn("f")
      end))
    end)

    it("works outside of run: a blocking call drives the tasks meanwhile", function()
      local ran = false
      local t = marea.spawn(function() marea.sleep(0.01) ran = true end)
      marea.sleep(0.1)
      assert.is_true(ran)
      assert.equal("done", t.status)
    end)

    it("lets tasks be collected once they have ended", function()
      local seen = setmetatable({}, { __mode = "k" })
      marea.run(function()
        for i = 1, 20 do
          local t = marea.spawn(function() marea.sleep(i % 3 / 100) end)
          seen[t] = true
          if i % 5 == 0 then t:cancel() end
        end
      end)
      leaks.collect()
      assert.is_nil(next(seen))
    end)
  end)

  describe("task:await", function()
    it("returns all results, nils too, as often as it is called", function()
      marea.run(function()
        local t = marea.spawn(function() return nil, 2, nil end)
        for _ = 1, 2 do
          assert.equal(3, select("#", t:await()))
          assert.equal(2, (select(2, t:await())))
        end
      end)
    end)

    it("raises the task's error with the traceback of where it happened, each time", function()
      local function deep() error("at the bottom") end
      marea.run(function()
        local t = marea.spawn(function() marea.sleep(0) deep() end)
        local first = failure(t.await, t)
        assert.matches("task_spec.lua:%d+: at the bottom\nstack traceback:.*deep", first)
        assert.equal(first, failure(t.await, t))
        assert.equal("failed", t.status)
      end)
    end)

    it("raises any value that was raised as it is, false and nil too", function()
      marea.run(function()
        for _, value in ipairs({ 42, true, {} }) do
          local t = marea.spawn(function() error(value, 0) end)
          assert.equal(value, failure(t.await, t))
        end
        local no = marea.spawn(function() error(false) end)
        assert.is_false(failure(no.await, no))
        local none = marea.spawn(function() error(nil) end)
        assert.has_error(function() none:await() end)
        assert.equal("failed", none.status)
      end)
    end)

    it("adds where it happened to an error of ours, and leaves it the same table", function()
      local refused = server.shared():script({ { { status = 400, body = '{"error":{"message":"no"}}' } } })
      marea.run(function()
        local client = client_of(refused)
        local t = marea.spawn(function() error((select(2, client:ask "hola")), 0) end)
        local err = failure(t.await, t)
        assert.equal("bad_request", err.kind)
        assert.matches("task_spec.lua", err.traceback)
      end)
    end)

    it("serves any number of those who wait", function()
      marea.run(function()
        local t = marea.spawn(function() marea.sleep(0.01) return "x" end)
        local all = {}
        for i = 1, 5 do all[i] = marea.spawn(function() return t:await() end) end
        assert.same({ "x", "x", "x", "x", "x", n = 5 }, marea.all(all))
      end)
    end)

    it("of itself is an error", function()
      marea.run(function()
        local t
        t = marea.spawn(function() t:await() end)
        assert.matches("task_spec.lua:%d+: a task can't await itself", failure(t.await, t))
      end)
    end)

    it("outside of any task blocks until the task has ended", function()
      local t = marea.spawn(function() marea.sleep(0.02) return 7 end)
      assert.equal(7, t:await())
    end)

    it("outside of any task says that nothing can end the wait", function()
      local t = marea.spawn(function() marea.queue():get() end)
      assert.matches("nothing is left that could end this wait", failure(t.await, t))
      t:cancel()
    end)

    it("of a cancelled task raises the cancellation", function()
      marea.run(function()
        local t = marea.spawn(function() marea.sleep(5) end)
        marea.sleep(0)
        t:cancel()
        assert.is_true(is_cancelled(failure(t.await, t)))
      end)
    end)
  end)

  describe("status and tostring", function()
    it("follow the task: running, done, failed, cancelled", function()
      marea.run(function()
        local done = marea.spawn(function() end)
        local failed = marea.spawn(function() error("x", 0) end)
        local cancelled = marea.spawn(function() marea.sleep(5) end)
        assert.same({ "running", "running", "running" },
          { done.status, failed.status, cancelled.status })
        marea.sleep(0)
        cancelled:cancel()
        pcall(failed.await, failed)
        assert.same({ "done", "failed", "cancelled" },
          { done.status, failed.status, cancelled.status })
        assert.equal("marea.task (done)", tostring(done))
      end)
    end)
  end)

  describe("task:cancel", function()
    it("ends a task that sleeps, before it returns, and leaves no timer", function()
      marea.run(function()
        local err
        local t = marea.spawn(function() err = failure(marea.sleep, 5) error(err, 0) end)
        marea.sleep(0)
        assert.is_true(t:cancel())
        assert.equal("cancelled", t.status)
        assert.is_true(is_cancelled(err))
        assert.equal(0, require("marea.loop").engine():stats().timers)
      end)
    end)

    it("closes what the task had open before it returns", function()
      local f = silent()
      marea.run(function()
        local t = marea.spawn(function() client_of(f):ask "hola" end)
        marea.sleep(0.05)
        assert.equal(1, require("marea.loop").engine():stats().transfers)
        t:cancel()
        assert.equal(0, require("marea.loop").engine():stats().transfers)
        assert.is_not_nil(f.wait_event("eof", 1))
      end)
      assert.equal(1, #f.requests())
    end)

    it("closes a stream the task was reading, between its pieces too", function()
      local f = stalling()
      marea.run(function()
        local pieces = {}
        local t = marea.spawn(function()
          local stream = assert(client_of(f).chat.completions:create{ messages = MESSAGES, stream = true })
          for text in stream:text() do
            pieces[#pieces + 1] = text
            marea.sleep(5)
          end
        end)
        marea.sleep(0.1)
        assert.same({ "uno" }, pieces)
        t:cancel()
        assert.equal("cancelled", t.status)
        assert.equal(0, require("marea.loop").engine():stats().transfers)
        assert.is_not_nil(f.wait_event("eof", 1))
      end)
    end)

    it("gives the reader of a stream the error with what had come", function()
      local f = stalling()
      marea.run(function()
        local err
        local t = marea.spawn(function()
          local stream = assert(client_of(f).chat.completions:create{ messages = MESSAGES, stream = true })
          local ok
          ok, err = pcall(function() for _ in stream:text() do end end)
          assert.is_false(ok)
        end)
        marea.sleep(0.1)
        t:cancel()
        assert.is_true(is_cancelled(err))
        assert.equal("uno", err.partial.output_text)
      end)
    end)

    it("of a task that never began: it never sends anything", function()
      local f = replying()
      local began = false
      marea.run(function()
        local t = marea.spawn(function() began = true client_of(f):ask "hola" end)
        assert.is_true(t:cancel())
        assert.equal("cancelled", t.status)
        marea.sleep(0.05)
      end)
      assert.is_false(began)
      assert.same({}, f.requests())
      assert.same({}, f.events())
    end)

    it("of a task that has begun a request, before the loop turns: no socket is opened", function()
      local f = replying()
      marea.run(function()
        local t
        t = marea.spawn(function()
          t:cancel()
          client_of(f):ask "hola"
        end)
        assert.is_true(is_cancelled(failure(t.await, t)))
      end)
      assert.same({}, f.events())
    end)

    it("reaches the wait before a retry: it returns at once and nothing more is sent", function()
      local f = server.shared():script({ { { status = 503, headers = { ["retry-after"] = "5" } } } },
        { repeat_last = true })
      marea.run(function()
        local waiting = false
        local client = client_of(f, { on = { retry = function() waiting = true end } })
        local t = marea.spawn(function() client:ask "hola" end)
        while not waiting do marea.sleep(0.005) end
        local started = core.now()
        t:cancel()
        assert.is_true(core.now() - started < 0.1)
        assert.equal("cancelled", t.status)
        assert.equal(0, require("marea.loop").engine():stats().timers)
      end)
      assert.equal(1, #f.requests())
    end)

    it("reaches the connect", function()
      local f = server.shared():port_script({ { keep_open = true } }, { full = true })
      marea.run(function()
        local t = marea.spawn(function() client_of(f):ask "hola" end)
        marea.sleep(0.05)
        t:cancel()
        assert.equal("cancelled", t.status)
        assert.equal(0, require("marea.loop").engine():stats().transfers)
      end)
      f.forget()
    end)

    it("reaches an upload the server does not take", function()
      local f = server.shared():script({ {
        { early = true }, { stop_reading = true }, { sleep = 0.3 }, { start_reading = true },
        { keep_open = true } } })
      marea.run(function()
        local t = marea.spawn(function() client_of(f):ask(("x"):rep(16 * 1024 * 1024)) end)
        marea.sleep(0.1)
        t:cancel()
        assert.equal("cancelled", t.status)
        assert.equal(0, require("marea.loop").engine():stats().transfers)
      end)
    end)

    it("reaches the head and the body of an answer", function()
      local half = { { send = "HTTP/1.1 200 OK\r\ncontent-type: applic" }, { keep_open = true } }
      local body = { { send = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{" }, { keep_open = true } }
      for _, actions in ipairs({ half, body }) do
        local f = server.shared():script({ actions })
        marea.run(function()
          local t = marea.spawn(function() client_of(f):ask "hola" end)
          marea.sleep(0.05)
          t:cancel()
          assert.equal("cancelled", t.status)
        end)
        assert.is_not_nil(f.wait_event("eof", 1))
      end
    end)

    it("is false of a task that has ended, and changes nothing", function()
      marea.run(function()
        local t = marea.spawn(function() return 1 end)
        assert.equal(1, t:await())
        assert.is_false(t:cancel())
        assert.equal("done", t.status)
        assert.equal(1, t:await())
      end)
    end)

    it("twice is as once", function()
      marea.run(function()
        local caught = 0
        local t = marea.spawn(function()
          local ok, err = pcall(marea.sleep, 5)
          if not ok then caught = caught + 1 error(err, 0) end
        end)
        marea.sleep(0)
        assert.is_true(t:cancel())
        assert.is_false(t:cancel())
        assert.equal(1, caught)
      end)
    end)

    it("raises the reason it was given", function()
      marea.run(function()
        local reason = { "enough" }
        local t = marea.spawn(function() marea.sleep(5) end)
        marea.sleep(0)
        t:cancel(reason)
        assert.equal(reason, failure(t.await, t))
        assert.equal("cancelled", t.status)
      end)
    end)

    it("with any reason reaches a reader of a stream, and closes it", function()
      local f = stalling()
      marea.run(function()
        for _, reason in ipairs({ "enough", 5, true }) do
          local stream
          local t = marea.spawn(function()
            stream = assert(client_of(f).chat.completions:create{ messages = MESSAGES, stream = true })
            stream:result()
          end)
          repeat marea.sleep(0.01) until stream
          t:cancel(reason)
          assert.equal(reason, failure(t.await, t))
          assert.equal("cancelled", t.status)
          assert.equal("marea.stream (ended)", tostring(stream))
        end
      end)
    end)

    it("from inside the task itself raises where it next waits", function()
      marea.run(function()
        local after = false
        local t
        t = marea.spawn(function()
          assert.is_true(t:cancel())
          after = true
          marea.sleep(5)
          after = "too far"
        end)
        assert.is_true(is_cancelled(failure(t.await, t)))
        assert.is_true(after)
      end)
    end)

    it("lets one that never waits again be done", function()
      marea.run(function()
        local t
        t = marea.spawn(function() t:cancel() return "anyway" end)
        assert.equal("anyway", t:await())
      end)
    end)

    it("goes on raising at every wait of a task that catches it", function()
      local f = replying()
      marea.run(function()
        local errors = {}
        local t = marea.spawn(function()
          for i = 1, 3 do errors[i] = failure(marea.sleep, 5) end
          errors[4] = failure(client_of(f).ask, client_of(f), "hola")
          return "done"
        end)
        marea.sleep(0)
        t:cancel()
        assert.equal("done", t.status)
        assert.equal(4, #errors)
        for _, err in ipairs(errors) do assert.is_true(is_cancelled(err)) end
      end)
      assert.same({}, f.requests())
    end)

    it("keeps the error of a task that fails while it is cancelled", function()
      marea.run(function()
        local t = marea.spawn(function()
          pcall(marea.sleep, 5)
          error("in the cleanup", 0)
        end)
        marea.sleep(0)
        t:cancel()
        assert.equal("failed", t.status)
        assert.matches("in the cleanup", failure(t.await, t))
      end)
    end)

    it("of a task that awaits leaves the awaited one alone", function()
      marea.run(function()
        local inner = marea.spawn(function() marea.sleep(0.03) return "in" end)
        local outer = marea.spawn(function() return inner:await() end)
        marea.sleep(0)
        outer:cancel()
        assert.equal("cancelled", outer.status)
        assert.equal("in", inner:await())
      end)
    end)

    it("that races the end has one outcome", function()
      local f = replying()
      marea.run(function()
        local client = client_of(f)
        for i = 1, 40 do
          local outcomes = 0
          local t = marea.spawn(function()
            local ok, err = pcall(client.ask, client, "hola")
            outcomes = outcomes + 1
            if not ok then error(err, 0) end
            return "answered"
          end)
          marea.sleep(i / 10000)
          t:cancel()
          local ok, what = pcall(t.await, t)
          assert.equal(ok and "done" or "cancelled", t.status)
          if ok then assert.equal("answered", what)
          else assert.is_true(is_cancelled(what)) end
          assert.is_true(outcomes <= 1)
        end
      end)
    end)

    it("from a finalizer works", function()
      local f = silent()
      marea.run(function()
        local t = marea.spawn(function() client_of(f):ask "hola" end)
        marea.sleep(0.05)
        do require("marea.compat").on_collect(function() t:cancel() end) end
        leaks.collect()
        marea.sleep(0)
        assert.equal("cancelled", t.status)
      end)
      assert.is_not_nil(f.wait_event("eof", 1))
    end)

    it("of a parent from its child ends both", function()
      marea.run(function()
        local parent, child
        parent = marea.spawn(function()
          child = marea.spawn(function()
            marea.sleep(0)
            parent:cancel()
            marea.sleep(5)
          end)
          marea.all { child }
        end)
        pcall(parent.await, parent)
        pcall(child.await, child)
        assert.same({ "cancelled", "cancelled" }, { parent.status, child.status })
      end)
    end)
  end)

  it("raise a message through several awaits with one traceback, that of where it happened", function()
    local function culprit() error("boom") end
    local err = failure(marea.run, function()
      local function awaiting(f)
        local t = marea.spawn(f)
        return function() t:await() end
      end
      awaiting(awaiting(awaiting(function() marea.sleep(0) culprit() end)))()
    end)
    assert.matches("task_spec.lua:%d+: boom\nstack traceback:.*culprit", err)
    assert.equal(1, select(2, err:gsub("stack traceback:", "")), err)
  end)

  describe("marea.sleep", function()
    it("waits as long as said, and lets others run", function()
      local order = {}
      local started = core.now()
      marea.run(function()
        for _, s in ipairs({ 0.06, 0.02, 0.04 }) do
          marea.spawn(function() marea.sleep(s) order[#order + 1] = s end)
        end
      end)
      assert.same({ 0.02, 0.04, 0.06 }, order)
      local took = core.now() - started
      assert.is_true(took >= 0.06 and took < 2)
    end)

    it("takes zero, less than zero and a fraction", function()
      local started = core.now()
      for _, s in ipairs({ 0, -1, -math.huge, 0.001 }) do marea.sleep(s) end
      assert.is_true(core.now() - started < 0.5)
    end)

    it("refuses what is not a number, at the caller's line", function()
      assert.matches("^[^:]*task_spec.lua:%d+: marea.sleep: expected a number of seconds, got nil", failure(function()
        marea.sleep()
      end))
      assert.matches("^[^:]*task_spec.lua:%d+: marea.sleep: expected a number of seconds", failure(function()
        marea.sleep(0 / 0)
      end))
    end)
  end)

  describe("marea.all", function()
    it("gives the first result of each in order, nils too, however they end", function()
      marea.run(function()
        local results = marea.all {
          function() marea.sleep(0.03) return "slow", "unseen" end,
          function() return nil end,
          marea.spawn(function() marea.sleep(0.01) return "task" end),
        }
        assert.same({ "slow", nil, "task", n = 3 }, results)
      end)
    end)

    it("gives a task's result as often as it is in the list", function()
      marea.run(function()
        local once, ended = marea.spawn(function() marea.sleep(0.01) return 7 end), marea.spawn(function() return 8 end)
        marea.sleep(0.001)
        assert.same({ 7, 8, 7, 8, 7, n = 5 }, marea.all { once, ended, once, ended, once })
      end)
    end)

    it("of nothing is an empty list", function()
      assert.same({ n = 0 }, marea.all {})
      marea.run(function() assert.same({ n = 0 }, marea.all {}) end)
    end)

    it("raises the first error and has cancelled the rest by then", function()
      local f = silent()
      marea.run(function()
        local rest = marea.spawn(function() client_of(f):ask "hola" end)
        local err = quick_failure(marea.all, {
          rest,
          function() marea.sleep(0.05) error("wrong", 0) end,
          function() marea.sleep(5) end,
        })
        assert.matches("^wrong", err)
        assert.equal("cancelled", rest.status)
        assert.equal(0, require("marea.loop").engine():stats().transfers)
      end)
      assert.is_not_nil(f.wait_event("eof", 1))
    end)

    it("takes a cancelled one for a failed one", function()
      marea.run(function()
        local t = marea.spawn(function() marea.sleep(5) end)
        marea.spawn(function() t:cancel() end)
        assert.is_true(is_cancelled(failure(marea.all, { t, function() marea.sleep(5) end })))
      end)
    end)

    it("cancelled itself, cancels them all", function()
      marea.run(function()
        local tasks = {}
        for i = 1, 3 do tasks[i] = marea.spawn(function() marea.sleep(5) end) end
        local group = marea.spawn(function() marea.all(tasks) end)
        marea.sleep(0)
        group:cancel()
        for i = 1, 3 do assert.equal("cancelled", tasks[i].status) end
      end)
    end)

    it("starts nothing of a list that holds something else", function()
      local ran = false
      local err = failure(function() marea.all { function() ran = true end, 42 } end)
      assert.matches("task_spec.lua:%d+: marea.all, item 2 expects a function, got number", err)
      marea.sleep(0)
      assert.is_false(ran)
      assert.matches("task_spec.lua:%d+: marea.all expects a list", failure(function() marea.all() end))
    end)

    it("works outside of any task", function()
      assert.same({ 1, 2, n = 2 }, marea.all {
        function() marea.sleep(0.01) return 1 end, function() return 2 end })
    end)

    it("answers many requests at the same time", function()
      local f = replying()
      local client = client_of(f)
      local list = {}
      for i = 1, 20 do list[i] = function() return assert(client:ask "hola").output_text end end
      local results = marea.all(list)
      for i = 1, 20 do assert.equal("hola", results[i]) end
      assert.equal(20, #f.requests())
    end)
  end)

  describe("marea.race", function()
    it("returns all results of the first to end, and has cancelled the others", function()
      marea.run(function()
        local slow = marea.spawn(function() marea.sleep(5) end)
        local a, b = marea.race { slow, function() marea.sleep(0.01) return nil, "b" end }
        assert.is_nil(a)
        assert.equal("b", b)
        assert.equal("cancelled", slow.status)
      end)
    end)

    it("raises if the first to end failed", function()
      marea.run(function()
        local err = quick_failure(marea.race, {
          function() marea.sleep(5) end, function() error("lost", 0) end })
        assert.matches("^lost", err)
      end)
    end)

    it("takes one that has ended already", function()
      marea.run(function()
        local t = marea.spawn(function() return "ready" end)
        t:await()
        assert.equal("ready", marea.race { function() marea.sleep(5) end, t })
      end)
    end)

    it("refuses an empty list, at the caller's line", function()
      assert.matches("task_spec.lua:%d+: marea.race expects at least one task", failure(function()
        marea.race {}
      end))
    end)
  end)

  describe("marea.map", function()
    it("gives f each item and its index; the results in order, nils too", function()
      local results = marea.map({ 30, 10, 20 }, function(ms, i)
        marea.sleep(ms / 1000)
        if i ~= 2 then return ms + i end
      end)
      assert.same({ 31, nil, 23, n = 3 }, results)
    end)

    it("runs no more at once than it was told, and that many", function()
      local now, most = 0, 0
      marea.map({ 1, 2, 3, 4, 5, 6, 7 }, function()
        now = now + 1
        most = math.max(most, now)
        marea.sleep(0.005)
        now = now - 1
      end, { concurrency = 3 })
      assert.equal(3, most)
    end)

    it("raises the first error, starts no more and cancels the rest", function()
      local begun, cancelled = 0, 0
      marea.run(function()
        local err = failure(marea.map, { 1, 2, 3, 4, 5, 6 }, function(i)
          begun = begun + 1
          if i == 2 then marea.sleep(0.01) error("two", 0) end
          local ok, e = pcall(marea.sleep, 5)
          if not ok then cancelled = cancelled + 1 error(e, 0) end
        end, { concurrency = 3 })
        assert.matches("^two", err)
      end)
      assert.equal(3, begun)
      assert.equal(2, cancelled)
    end)

    it("of nothing is an empty list", function()
      assert.same({ n = 0 }, marea.map({}, function() end))
      assert.same({ n = 0 }, marea.map({}, function() end, { concurrency = 5 }))
    end)

    it("refuses what it can't use, at the caller's line", function()
      assert.matches("task_spec.lua:%d+: marea.map expects a list", failure(function()
        marea.map("x", print)
      end))
      assert.matches("task_spec.lua:%d+: marea.map expects a function", failure(function()
        marea.map({ 1 }, 2)
      end))
      for _, n in ipairs({ 0, 1.5, 0 / 0, "2" }) do
        assert.matches("^[^:]*task_spec.lua:%d+: marea.map, options, concurrency: expected a whole number of at least",
          failure(function() marea.map({ 1 }, print, { concurrency = n }) end))
      end
      assert.matches("^[^:]*task_spec.lua:%d+: marea.map, options: .*table", failure(function()
        marea.map({ 1 }, print, 5)
      end))
      assert.matches("^[^:]*task_spec.lua:%d+: marea.map, options: unknown option .concurency.", failure(function()
        marea.map({ 1 }, print, { concurency = 2 })
      end))
    end)
  end)

  describe("marea.timeout", function()
    it("returns what f returned, and passes arguments", function()
      local function count(...) return select("#", ...), ... end
      local n, a, b = count(marea.timeout(5, function(...) marea.sleep(0) return ... end, nil, "b"))
      assert.same({ 2, nil, "b" }, { n, a, b })
    end)

    it("returns nil and a timeout error when f takes longer, with what it had open closed", function()
      local f = silent()
      local started = core.now()
      local value, err = marea.timeout(0.1, function() return client_of(f):ask "hola" end)
      assert.is_nil(value)
      assert.equal("timeout", err.kind)
      assert.equal("total", err.phase)
      assert.is_true(core.now() - started >= 0.1 and core.now() - started < 2)
      assert.equal(0, require("marea.loop").engine():stats().transfers)
      assert.is_not_nil(f.wait_event("eof", 1))
    end)

    it("cancels f at the point where it waits; the caller alone hears of a timeout", function()
      local seen
      local value, err = marea.timeout(0.2, function()
        local _, inside = pcall(marea.sleep, 5)
        seen = inside
        error(inside, 0)
      end)
      assert.is_true(is_cancelled(seen), tostring(seen))
      assert.is_nil(value)
      assert.is_true(marea.is_error(err))
      assert.equal("timeout", err.kind)
    end)

    it("closes the tasks f was waiting for in a group", function()
      local f = silent()
      marea.run(function()
        local client = client_of(f)
        local _, err = marea.timeout(0.1, function()
          marea.map({ 1, 2, 3 }, function() client:ask "hola" end)
        end)
        assert.equal("timeout", err.kind)
        assert.equal(0, require("marea.loop").engine():stats().transfers)
      end)
    end)

    it("raises f's own error", function()
      assert.matches("^mine", failure(marea.timeout, 5, function() error("mine", 0) end))
    end)

    it("cancelled from outside, ends f and raises", function()
      marea.run(function()
        local inner
        local t = marea.spawn(function()
          marea.timeout(5, function()
            inner = require("marea.loop").current()
            marea.sleep(5)
          end)
        end)
        marea.sleep(0.01)
        t:cancel()
        assert.same({ "cancelled", "cancelled" }, { t.status, inner.status })
      end)
    end)

    it("may be nested: the shorter one speaks", function()
      marea.run(function()
        local outer, inner_value, inner_err = marea.timeout(5, function()
          return "outer", marea.timeout(0.02, function() marea.sleep(5) end)
        end)
        assert.equal("outer", outer)
        assert.is_nil(inner_value)
        assert.equal("timeout", inner_err.kind)
        local value, err = marea.timeout(0.02, function()
          return marea.timeout(5, function() marea.sleep(5) end)
        end)
        assert.is_nil(value)
        assert.equal("timeout", err.kind)
      end)
    end)

    it("reaches a task blocked under somebody else's coroutine", function()
      local value, err = marea.timeout(0.05, function()
        return coroutine.wrap(function() marea.sleep(5) return "slept" end)()
      end)
      assert.is_nil(value)
      assert.equal("timeout", err.kind)
    end)

    it("refuses what it can't use, at the caller's line", function()
      for _, seconds in ipairs({ print, 0 / 0, "1" }) do
        assert.matches("^[^:]*task_spec.lua:%d+: marea.timeout: expected a number of seconds", failure(function()
          marea.timeout(seconds, print)
        end))
      end
      assert.matches("task_spec.lua:%d+: marea.timeout expects a function", failure(function()
        marea.timeout(1)
      end))
    end)
  end)

  it("are told of, each before it begins, to all who want to know", function()
    local told = {}
    local function listener(name)
      return task.tell(function(t) told[#told + 1] = name .. " " .. t.status end)
    end
    local ends = { listener "one", listener "two" }
    marea.spawn(function() told[#told + 1] = "begins" end):await()
    ends[1]()
    marea.spawn(function() end):await()
    ends[2]()
    marea.spawn(function() end):await()
    assert.same({ "one running", "two running", "begins", "two running" }, told)
  end)

  it("goes on in a debug hook's and a collector's presence", function()
    local f = replying()
    local client = client_of(f)
    collecting(function()
      marea.run(function()
        local results = marea.all {
          function() return client:ask("hola").output_text end,
          function()
            local t = marea.spawn(function() marea.sleep(5) end)
            marea.sleep(0)
            t:cancel()
            return t.status
          end,
          function() return select(2, marea.timeout(0.01, function() marea.sleep(5) end)).kind end,
        }
        assert.same({ "hola", "cancelled", "timeout", n = 3 }, results)
      end)
    end)
  end)
end)
