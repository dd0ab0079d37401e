-- SPDX-License-Identifier: MIT
-- The runtime: who gets what, in which order, what comes back, and that nothing
-- that goes wrong is lost.

local agents = require("spec.support.agents")
local marea = require("marea")

local function in_run(name, f)
  it(name, function() marea.run(f) end)
end

-- Raises at a line of this file.
local function blamed(text, f)
  local ok, err = pcall(f)
  assert.is_false(ok)
  assert.is_truthy(tostring(err):find("^[^:]*runtime_spec%.lua:%d+: "), err)
  assert.is_truthy(err:find(text, 1, true), err)
end

-- A handler that notes what it hears, under its id.
local function noting(heard, answer)
  return function(_, id)
    return function(message)
      heard[#heard + 1] = id .. ":" .. tostring(message)
      return answer and answer(message)
    end
  end
end

describe("a runtime", function()
  in_run("sends to one by its name and returns what the handler does", function()
    local rt, made = marea.runtime(), {}
    rt:register("adder", function(key, id)
      made[#made + 1] = key .. " " .. id
      local sum = 0
      return function(n)
        sum = sum + n
        return sum, "more"
      end
    end)
    assert.equal(2, rt:send("adder/x", 2))
    assert.same({ 5, "more" }, { rt:send("adder/x", 3) })
    assert.equal(1, rt:send("adder/y/z", 1))
    assert.same({ "x adder/x", "y/z adder/y/z" }, made)
    assert.same({ "adder/x", "adder/y/z" }, rt:agents())
  end)

  it("works outside of marea.run", function()
    local rt = marea.runtime()
    rt:register("echo", function() return { handle = function(_, message) return message end } end)
    assert.equal("hi", rt:send("echo/1", "hi"))
    assert.is_true(rt:wait())
  end)

  in_run("publishes to all whose type subscribes, exact or by prefix, each once", function()
    local rt, heard = marea.runtime(), {}
    for _, name in ipairs { "a", "b", "c", "d" } do rt:register(name, noting(heard)) end
    rt:subscribe("news.sport", "a")
    rt:subscribe("news.*", "a")
    rt:subscribe("news.*", "b")
    local undo = rt:subscribe("*", "c")
    rt:subscribe("news", "d")
    assert.equal(3, rt:publish("news.sport/madrid", 1))
    assert(rt:wait())
    assert.same({ "a/madrid:1", "b/madrid:1", "c/madrid:1" }, heard)
    undo()
    assert.equal(2, rt:publish("news.sport/lugo", 2))
    assert(rt:wait())
    assert.equal("b/lugo:2", heard[5])
  end)

  in_run("says when nobody hears", function()
    local lost = {}
    local rt = marea.runtime { on = { unheard = function(e) lost[#lost + 1] = e.topic .. "=" .. e.message end } }
    rt:register("a", noting {})
    local undo = rt:subscribe("t", "a")
    undo()
    assert.equal(0, rt:publish("t/1", "x"))
    assert.same({ "t/1=x" }, lost)
  end)

  in_run("keeps each recipient's order, one at a time, and lets recipients run side by side", function()
    local rt, log, inside, most = marea.runtime(), {}, {}, 0
    rt:register("w", function(key)
      return function(n)
        assert(not inside[key])
        inside[key] = true
        local now = 0
        for _ in pairs(inside) do now = now + 1 end
        most = math.max(most, now)
        marea.sleep(n % 3 == 0 and 0.004 or 0)
        inside[key] = nil
        log[key] = (log[key] or "") .. n .. " "
      end
    end)
    rt:subscribe("t", "w")
    for n = 1, 20 do
      for _, key in ipairs { "x", "y", "z" } do rt:publish("t/" .. key, n) end
    end
    assert(rt:wait())
    local want = ""
    for n = 1, 20 do want = want .. n .. " " end
    assert.same({ x = want, y = want, z = want }, log)
    assert.is_true(most > 1)
  end)

  in_run("gives the error of a handler to who sent", function()
    local rt = marea.runtime()
    rt:register("bad", function() return function(m)
      if m == 1 then error("no luck", 0) end
      return nil, "not today"
    end end)
    local answer, err = rt:send("bad/1", 1)
    assert.is_nil(answer)
    assert.is_truthy(tostring(err):find("no luck", 1, true))
    assert.is_true(marea.is_error(err))
    assert.same({ n = 2, nil, "not today" }, { n = select("#", rt:send("bad/1", 2)), rt:send("bad/1", 2) })
    assert.is_true(rt:wait())
  end)

  in_run("says what a handler raised in a line; where is in the traceback", function()
    local rt = marea.runtime()
    rt:register("bad", function() return function(m) error(m) end end)
    local _, err = rt:send("bad/1", "boom")
    assert.equal("validation: boom", tostring(err))
    assert.is_truthy(err.traceback:find("runtime_spec.lua:%d+: boom\nstack traceback:"))
    _, err = rt:send("bad/1", { code = 7 })
    assert.equal('validation: {"code":7}', tostring(err))
    assert.is_nil(err.traceback)
  end)

  -- What a subscriber raises comes out somewhere.
  local function failing(options)
    local rt = marea.runtime(options)
    rt:register("bad", function() return function(m) error("bad " .. m, 0) end end)
    rt:subscribe("t", "bad")
    return rt
  end

  it("lets a subscriber's error out of marea.run", function()
    local ok, err = pcall(marea.run, function() failing():publish("t/1", 1) end)
    assert.is_false(ok)
    assert.is_truthy(tostring(err):find("bad 1", 1, true))
  end)

  in_run("or out of wait, with all of them, and goes on", function()
    local rt = failing()
    rt:publish("t/1", 1)
    rt:publish("t/1", 2)
    local ok, err, all = rt:wait()
    assert.is_nil(ok)
    assert.is_truthy(tostring(err):find("bad 1", 1, true))
    assert.equal(2, #all)
    assert.equal("bad/1", all[2].id)
    assert.equal("t/1", all[2].topic)
    assert.is_true(rt:wait())
  end)

  in_run("or gives it to a hook", function()
    local seen = {}
    local rt = failing { on = { failed = function(f) seen[#seen + 1] = f.id .. " " .. f.message end } }
    rt:publish("t/1", 7)
    assert.is_true(rt:wait())
    assert.same({ "bad/1 7" }, seen)
  end)

  in_run("says what is wrong with a factory", function()
    local rt = marea.runtime()
    rt:register("none", function() end)
    rt:register("raises", function() error("no key", 0) end)
    assert.is_truthy(tostring(select(2, rt:send("none/1", 1))):find("made no handler", 1, true))
    assert.is_truthy(tostring(select(2, rt:send("raises/1", 1))):find("no key", 1, true))
  end)

  in_run("lets handlers send and publish under their own name, and never hears itself", function()
    local rt, heard = marea.runtime(), {}
    rt:register("a", function() return function(m, context)
      if m == "go" then
        context:publish("t/1", "said")
        return context:send("b/1", "asked")
      end
      heard[#heard + 1] = "a " .. m
    end end)
    rt:register("b", function() return function(m, context)
      heard[#heard + 1] = ("b %s from %s"):format(m, context.sender)
      return context.id
    end end)
    rt:subscribe("t", "a")
    rt:subscribe("t", "b")
    assert.equal("b/1", rt:send("a/1", "go"))
    assert(rt:wait())
    assert.same({ "b said from a/1", "b asked from a/1" }, heard)
  end)

  -- Two that wait for each other are told so.
  in_run("breaks a circle of sends", function()
    local rt = marea.runtime()
    rt:register("a", function() return function() return rt:send("b/1", 1) end end)
    rt:register("b", function() return function() return rt:send("a/1", 1) end end)
    rt:register("self", function() return function(_, context) return context:send("self/1", 1) end end)
    local _, err = rt:send("a/1", 1)
    assert.is_truthy(tostring(err):find("b/1 -> a/1 -> b/1", 1, true), tostring(err))
    _, err = rt:send("self/1", 1)
    assert.is_truthy(tostring(err):find("without end", 1, true))
  end)

  in_run("breaks a circle of two that began apart", function()
    local rt = marea.runtime()
    local function other(to) return function() return function(m, context)
      if m == "stop" then return "ok" end
      marea.sleep(0.01)
      local answer, err = context:send(to, "stop")
      return answer or tostring(err)
    end end end
    rt:register("a", other "b/1")
    rt:register("b", other "a/1")
    local answers = marea.all { function() return rt:send("a/1", "x") end, function() return rt:send("b/1", "x") end }
    table.sort(answers)
    assert.equal("ok", answers[1])
    assert.is_truthy(answers[2]:find("without end", 1, true))
  end)

  -- What a handler's tasks do, it does: they are waited for in these ways.
  local ways = {
    { "marea.all", function(f) return marea.all { f }[1] end },
    { "marea.timeout", function(f) return marea.timeout(60, f) end },
    { "a task that is awaited", function(f) return marea.spawn(f):await() end },
    { "an agent's tool", function(f)
      local answer
      local tool = agents.tool("act", function()
        answer = f()
        return "done"
      end)
      assert(marea.agent { client = agents.client { agents.calling { { "act" } }, "ok" }, tools = { tool } }:run "go")
      return answer
    end },
  }
  for _, way in ipairs(ways) do
    local within = way[2]

    in_run("has handlers speak under their own name also in " .. way[1], function()
      local rt, heard = marea.runtime(), {}
      rt:register("a", function() return function(m, context)
        heard[#heard + 1] = ("a heard %s of %s"):format(m, context.topic or context.sender)
        if m ~= "go" then return end
        within(function() return rt:publish("t/1", "said") end)
        return within(function() return rt:send("b/1", "asked") end)
      end end)
      rt:register("b", function() return function(_, context) return context.sender end end)
      rt:subscribe("t", "a")
      assert.equal("a/1", rt:send("a/1", "go"))
      assert(rt:wait())
      assert.equal(1, #heard)
    end)

    in_run("breaks a circle of sends in " .. way[1], function()
      local rt = marea.runtime()
      local function asks(id)
        return function() return function()
          return within(function()
            local answer, err = rt:send(id, 1)
            return answer or tostring(err)
          end)
        end end
      end
      rt:register("a", asks "b/1")
      rt:register("b", asks "a/1")
      rt:register("self", asks "self/1")
      assert.is_truthy(rt:send("a/1", 1):find("b/1 -> a/1 -> b/1", 1, true))
      assert.is_truthy(rt:send("self/1", 1):find("without end", 1, true))
    end)
  end

  in_run("sees no circle in what a handler's task sends that nobody waits for", function()
    local rt, heard = marea.runtime(), {}
    rt:register("a", function() return function(m, context)
      heard[#heard + 1] = m .. (context.sender and " from " .. context.sender or "")
      if m ~= "go" then return true end
      marea.spawn(function() assert(rt:send("a/1", "later")) end)
      marea.spawn(function() assert(context:send("a/1", "too")) end)
      marea.spawn(function() assert(rt:send("b/1", "other")) end)
      marea.sleep(0.01)
    end end)
    rt:register("b", function() return function(m) return rt:send("a/1", "of " .. m) end end)
    rt:send("a/1", "go")
    assert(rt:wait())
    table.sort(heard)
    assert.same({ "go", "later from a/1", "of other from b/1", "too from a/1" }, heard)
  end)

  in_run("doesn't take what comes of a message for its sender's doing", function()
    local rt, heard = nil, 0
    rt = marea.runtime { on = { failed = function() rt:publish("alarm/1", "bad") end } }
    rt:register("a", function() return function(_, context)
      if not context.topic then return rt:publish("t/1", 1) end
      assert(context.sender == nil)
      heard = heard + 1
    end end)
    rt:register("bad", function() return function() error("bad", 0) end end)
    rt:subscribe("t", "bad")
    rt:subscribe("alarm", "a")
    rt:send("a/1", "go")
    assert(rt:wait())
    assert.equal(1, heard)
  end)

  in_run("bounds each inbox: who sends waits for room", function()
    local rt = marea.runtime { max_queue = 2 }
    local gate, handled = marea.queue(), 0
    rt:register("slow", function() return function()
      gate:get()
      handled = handled + 1
    end end)
    rt:subscribe("t", "slow")
    local sent = 0
    local task = marea.spawn(function()
      for _ = 1, 6 do
        rt:publish("t/1", 1)
        sent = sent + 1
        marea.sleep(0)
      end
    end)
    marea.sleep(0.02)
    assert.equal(3, sent)             -- one at work, two that wait
    for _ = 1, 6 do gate:put(1) end
    task:await()
    assert(rt:wait())
    assert.equal(6, handled)
  end)

  in_run("says so where a handler would wait for room in its own inbox", function()
    local rt = marea.runtime { max_queue = 1 }
    local result
    rt:register("a", function() return function(m, context)
      if m ~= 1 then return end
      rt:register("b", function() return function() return marea.sleep(0.01) end end)
      rt:subscribe("t", "b")
      marea.spawn(function() rt:send("a/1", 2) end)
      marea.sleep(0.002)
      local ok, err = context:send("a/1", 3)
      result = ok or tostring(err)
    end end)
    rt:send("a/1", 1)
    assert(rt:wait())
    assert.is_truthy(result:find("without end", 1, true))
  end)

  in_run("lets interceptors see, change and drop", function()
    local rt, seen = marea.runtime(), {}
    rt:register("echo", function() return function(m) return m end end)
    rt:subscribe("t", "echo")
    local undo = rt:intercept(function(e)
      seen[#seen + 1] = e.kind
      if e.kind == "send" and e.message == "drop" then return false, "spam" end
      if e.kind == "answer" then return e.message .. "!" end
      if e.kind == "send" then return e.message .. "?" end
    end)
    assert.equal("a?!", rt:send("echo/1", "a"))
    local answer, err = rt:send("echo/1", "drop")
    assert.is_nil(answer)
    assert.is_truthy(tostring(err):find("spam", 1, true))
    assert.equal(1, rt:publish("t/1", "p"))
    undo()
    assert.equal("a", rt:send("echo/1", "a"))
    assert.same({ "send", "answer", "send", "publish" }, seen)
  end)

  in_run("lets go of who is idle, and makes it anew", function()
    local rt, log = marea.runtime(), {}
    rt:register("a", function(key)
      log[#log + 1] = "made " .. key
      return { handle = function() return key end, close = function() log[#log + 1] = "closed " .. key end }
    end, { idle = 0.02 })
    rt:send("a/1", 1)
    rt:send("a/1", 1)
    marea.sleep(0.1)
    assert.same({}, rt:agents())
    rt:send("a/1", 1)
    rt:stop()
    assert.same({ "made 1", "closed 1", "made 1", "closed 1" }, log)
  end)

  in_run("cancels what is handled where its sender is cancelled", function()
    local rt, how = marea.runtime(), nil
    rt:register("slow", function() return function()
      local _, err = pcall(marea.sleep, 60)
      how = err.kind
      error(err, 0)
    end end)
    local answer, err = marea.timeout(0.02, function() return rt:send("slow/1", 1) end)
    assert.is_nil(answer)
    assert.equal("timeout", err.kind)
    assert.equal("cancelled", how)
    assert.is_true(rt:wait())
  end)

  in_run("never handles what its sender gave up while it waited", function()
    local rt, heard = marea.runtime(), {}
    rt:register("slow", function() return function(m)
      heard[#heard + 1] = m
      marea.sleep(0.03)
    end end)
    local first = marea.spawn(function() rt:send("slow/1", "first") end)
    marea.sleep(0)
    marea.timeout(0.005, function() return rt:send("slow/1", "second") end)
    first:await()
    assert(rt:wait())
    assert.same({ "first" }, heard)
  end)

  in_run("stops: what runs is cancelled, what waits is refused, nothing more is taken", function()
    local rt = marea.runtime()
    rt:register("slow", function() return function() marea.sleep(60) end end)
    local tasks = {}
    for i = 1, 3 do tasks[i] = marea.spawn(function() return select(2, rt:send("slow/1", i)) end) end
    marea.sleep(0.01)
    rt:stop()
    for i = 1, 3 do assert.equal("cancelled", tasks[i]:await().kind) end
    assert.equal("cancelled", select(2, rt:publish("t/1", 1)).kind)
  end)

  in_run("stops when idle", function()
    local rt, n = marea.runtime(), 0
    rt:register("a", function() return { handle = function(_, m, context)
      n = n + 1
      if m > 0 then context:publish("t/" .. m, m - 1) end
    end } end)
    rt:subscribe("t", "a")
    rt:publish("t/9", 5)
    assert.is_true(rt:stop_when_idle())
    assert.equal(6, n)
    assert.same({}, rt:agents())
  end)

  it("raises at the line of who wrote a call wrongly", function()
    local rt = marea.runtime()
    local function f() return function() end end
    blamed("expected a name", function() rt:send("nobody", 1) end)
    blamed("no type of agents is called", function() rt:send("no/1", 1) end)
    blamed("expected a topic", function() rt:publish(3, 1) end)
    blamed("no type of agents", function() rt:subscribe("t", "no") end)
    blamed("expected a function", function() rt:register("a", 3) end)
    rt:register("a", f)
    blamed("registered already", function() rt:register("a", f) end)
    blamed("beginning of one", function() rt:subscribe("a*b", "a") end)
    blamed("unknown option", function() marea.runtime { x = 1 } end)
    blamed("call it with a colon", function() rt.publish("t/1", 1) end)
  end)
end)
