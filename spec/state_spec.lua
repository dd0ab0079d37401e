-- SPDX-License-Identifier: MIT
-- Lua states: closed with everything in flight, several in one process, loaded
-- from a coroutine that is gone, forked. What may end a process runs in one of
-- its own.

local calls = require("spec.support.calls")
local child = require("spec.support.child")
local server = require("spec.support.server")

local PIECE = server.chunk_json({ content = "uno" })
local LAST = server.chunk_json({ content = "dos", finish = "stop" })

-- What each piece of code may use.
local PREAMBLE = [[
  local base_url = ...
  local marea = require "marea"
  local client = marea.client { base_url = base_url, model = "m", limits = { concurrent = 4 } }
  local MESSAGES = { { role = "user", content = "hola" } }
  local function open()
    return assert(client.chat.completions:create { messages = MESSAGES, stream = true })
  end
]]

-- Runs code in a process of its own; nothing may be written, and it must end well.
local function ends_quietly(f, code)
  local output, status = child.code(PREAMBLE .. code, { f.base_url })
  assert.equal("", output)
  assert.equal(0, status)
end

local function unread()
  local chunk = server.chunk_json({ content = ("x"):rep(1000) })
  return server.shared():script({ {
    { status = 200, headers = { ["content-type"] = "text/event-stream" }, chunked = true },
    { chunk = ("data: " .. chunk .. "\n\n"):rep(500) }, { keep_open = true } } },
    { repeat_last = true })
end

local function refusing()
  return server.shared():script({ { { status = 503, headers = { ["retry-after"] = "60" } } } },
    { repeat_last = true })
end

-- name -> the server, and what is in flight when the state closes
local in_flight = {
  ["a request that is not answered"] = { calls.silent, [[
    marea.spawn(function() client:ask "hola" end)
    marea.sleep(0.05)
  ]] },
  ["a task that never began"] = { calls.silent, [[
    marea.spawn(function() client:ask "hola" end)
  ]] },
  ["a request that was only begun"] = { calls.silent, [[
    marea.spawn(function() client:ask "hola" end)
    marea.step(0)
  ]] },
  ["a stream between its pieces"] = { calls.stalling, [[
    STREAM = open()
    STREAM:next()
  ]] },
  ["a stream a task waits for"] = { calls.stalling, [[
    marea.spawn(function() open():result() end)
    marea.sleep(0.05)
  ]] },
  ["a stream in a generator"] = { calls.stalling, [[
    GENERATOR = coroutine.wrap(function() for text in open():text() do coroutine.yield(text) end end)
    GENERATOR()
  ]] },
  ["a stream that is paused, unread"] = { unread, [[
    STREAM = open()
    marea.sleep(0.05)
  ]] },
  ["a wait before a retry"] = { refusing, [[
    marea.spawn(function() client:ask "hola" end)
    marea.sleep(0.05)
  ]] },
  ["calls that wait for the limits"] = { calls.silent, [[
    for _ = 1, 8 do marea.spawn(function() client:ask "hola" end) end
    marea.sleep(0.05)
  ]] },
  ["an idle connection"] = { calls.replying, [[ assert(client:ask "hola") ]] },
  ["tasks that sleep, wait for each other and have failed"] = { calls.silent, [[
    local t = marea.spawn(marea.sleep, 60)
    marea.spawn(function() t:await() end)
    marea.spawn(function() marea.queue():get() end)
    marea.spawn(error, "unseen")
    marea.sleep(0.01)
  ]] },
}

describe("a Lua state", function()
  for name, case in pairs(in_flight) do
    it("can be closed with " .. name, function()
      ends_quietly(case[1](), case[2])
    end)
  end

  it("can be closed from inside a task, by os.exit", function()
    for _, call in ipairs({ "os.exit(0)", "os.exit(0, true)" }) do
      ends_quietly(calls.stalling(), [[
        marea.run(function()
          marea.spawn(function() open():result() end)
          marea.sleep(0.05)
          ]] .. call .. [[

        end)
      ]])
    end
  end)

  it("ends with the error that came out of run, and its traceback", function()
    local output, status = child.code(PREAMBLE .. [[
      marea.run(function()
        marea.spawn(function() client:ask "hola" end)
        marea.sleep(0.05)
        error("the end")
      end)
    ]], { calls.silent().base_url })
    assert.equal(1, status)
    assert.matches("the end", output)
    assert.matches("stack traceback", output)
  end)

  it("can call in finalizers that run while it closes, or is told why not", function()
    local output, status = child.code(PREAMBLE .. [[
      local on_collect = require("marea.compat").on_collect
      KEPT = on_collect(function()
        local ok, err = pcall(client.ask, client, "hola")
        io.write(ok and "called" or tostring(err))
      end)
      assert(client:ask "hola")
    ]], { calls.replying().base_url })
    assert.equal(0, status)
    assert.is_true(output == "called" or output:find("marea is closed", 1, true) ~= nil, output)
  end)

  it("can call in such finalizers whatever was made before them and after", function()
    local output, status = child.code(PREAMBLE .. [[
      local on_collect = require("marea.compat").on_collect
      assert(client:ask "hola")
      KEPT = on_collect(function()
        for _, call in ipairs { client.ask, client.request } do
          local what = call == client.ask and "hola" or { path = "chat/completions", body = "{}" }
          local ok, err = pcall(call, client, what)
          local told = tostring(err):find("marea is closed", 1, true)
          io.write(ok and "called " or told and "told " or tostring(err))
        end
      end)
      assert(client:request { path = "chat/completions", body = "{}" })   -- its template is younger than KEPT
    ]], { calls.replying().base_url })
    assert.equal(0, status)
    for word in output:gmatch("%S+") do assert.is_true(word == "called" or word == "told", output) end
  end)

  it("loads its parts once, though finalizers need them while they load", function()
    ends_quietly(calls.stalling(), [[
      local on_collect = require("marea.compat").on_collect
      local searched, finalized = {}, 0
      local function need_all()
        finalized = finalized + 1
        pcall(client.ask, client, "hola", nil, { timeout = 0.001 })
      end
      table.insert(package.searchers or package.loaders, 1, function(name)
        if not name:find "^marea" then return end
        searched[name] = (searched[name] or 0) + 1
        on_collect(need_all)
        for _ = 1, 20000 do local _ = {} end     -- the collector runs, if it may
      end)
      local _, err = client:ask("hola", nil, { timeout = 0.01 })
      assert(err.kind == "timeout" and marea.is_error(err))
      for _ = 1, 3 do collectgarbage() end
      assert(finalized > 0 and next(searched))
      for name, times in pairs(searched) do assert(times == 1, name) end
    ]])
  end)

  it("may be loaded into from a coroutine that is collected", function()
    ends_quietly(calls.replying(), [[
      for name in pairs(package.loaded) do
        if name:find("^marea") then package.loaded[name] = nil end
      end
      marea, client = nil, nil
      local fresh
      do
        local co = coroutine.create(function()
          fresh = require "marea"
          fresh.spawn(function() fresh.sleep(0.01) end)
        end)
        assert(coroutine.resume(co))
      end
      for _ = 1, 5 do collectgarbage() end
      local again = fresh.client { base_url = base_url, model = "m" }
      assert(again:ask("hola").output_text == "hola")
      for _ = 1, 5 do collectgarbage() end
      fresh.run(function() assert(again:ask("hola").output_text == "hola") end)
    ]])
  end)

  it("may load the library again: each copy has a loop of its own", function()
    ends_quietly(calls.replying(), [[
      for _ = 1, 5 do
        for name in pairs(package.loaded) do
          if name:find("^marea") then package.loaded[name] = nil end
        end
        local fresh = require "marea"
        assert(fresh ~= marea)
        local other = fresh.client { base_url = base_url, model = "m" }
        assert(other:ask("hola").output_text == "hola")
        assert(client:ask("hola").output_text == "hola")
      end
      collectgarbage()
      collectgarbage()
      assert(client:ask("hola").output_text == "hola")
    ]])
  end)

  it("gets no global, and nothing is written", function()
    local output, status = child.code([[
      local known = {}
      for name in pairs(_G) do known[name] = true end
      setmetatable(_G, {
        __newindex = function(_, name) error("global set: " .. tostring(name), 2) end,
        __index = function(_, name) error("global read: " .. tostring(name), 2) end,
      })
      local marea = require "marea"
      local client = marea.client { base_url = (...), model = "m" }
      marea.run(function()
        assert(client:ask("hola").output_text == "hola")
        local stream = assert(client.chat.completions:create {
          messages = { { role = "user", content = "hola" } }, stream = false })
        assert(stream.output_text == "hola")
        pcall(marea.timeout, 0.01, marea.sleep, 1)
      end)
      for name in pairs(_G) do assert(known[name], name) end
    ]], { calls.replying().base_url })
    assert.equal("", output)
    assert.equal(0, status)
  end)

  it("of another thread of the process has a loop of its own", function()
    local output, status = child.code([[
      local base_url = ...
      local uv = require "luv"
      local function work(url, n)
        local marea = require "marea"
        local client = marea.client { base_url = url, model = "m" }
        marea.run(function()
          local list = {}
          for i = 1, n do list[i] = function() return assert(client:ask "hola").output_text end end
          for _, text in ipairs(marea.all(list)) do assert(text == "hola") end
        end)
        io.write("done\n")
      end
      local threads = {}
      for i = 1, 3 do threads[i] = uv.new_thread(work, base_url, 5) end
      work(base_url, 5)
      for i = 1, 3 do threads[i]:join() end
    ]], { calls.replying().base_url })
    assert.equal(("done\n"):rep(4), output)
    assert.equal(0, status)
  end)

  it("keeps its registry, its memory and its descriptors after many calls", function()
    local output, status = child.code(PREAMBLE .. [[
      package.path = "./?.lua;" .. package.path
      local leaks = require "spec.support.leaks"
      local function work(n)
        for i = 1, n do
          assert(client:ask "hola")
          marea.run(function()
            local t = marea.spawn(function() client:ask "hola" end)
            if i % 2 == 0 then marea.sleep(0) end
            t:cancel()
          end)
        end
      end
      work(50)
      local before = leaks.snapshot()
      work(300)
      local after = leaks.snapshot()
      -- an answer that comes before its task is cancelled leaves a connection to be used again
      assert(after.fds <= before.fds + 1, "descriptors: " .. after.fds - before.fds)
      assert(after.registry <= before.registry + 2, "registry")
      assert(after.memory_kb < before.memory_kb + 64, "memory: " .. after.memory_kb - before.memory_kb)
    ]], { calls.replying().base_url })
    assert.equal("", output)
    assert.equal(0, status)
  end)

  it("keeps no memory of ever new paths", function()
    local output, status = child.code(PREAMBLE .. [[
      local function work(from, to)
        for i = from, to do assert(client.models:retrieve(("m"):rep(30) .. i)) end
        collectgarbage()
        collectgarbage()
        return collectgarbage("count")
      end
      local before = work(1, 50)
      local growth = work(51, 3050) - before
      assert(growth < 300, "KiB more: " .. growth)
    ]], { calls.replying().base_url })
    assert.equal("", output)
    assert.equal(0, status)
  end)

  it("that is blocked in a call ends at one Ctrl-C", function()
    local started = require("marea.core").now()
    local output, status = child.code(PREAMBLE .. [[
      local pid = io.open("/proc/self/stat"):read("*l"):match("^%d+")
      os.execute("(sleep 0.3; kill -INT " .. pid .. ") >/dev/null 2>&1 &")
      client:ask "hola"
      io.write "it went on"
    ]], { calls.silent().base_url })
    assert.is_true(require("marea.core").now() - started < 2.3)
    assert.truthy(output:find("interrupted", 1, true), output)
    assert.is_nil(output:find("it went on", 1, true), output)
    assert.equal(1, status)
  end)

  local posix = pcall(require, "posix") and require("posix")
  if posix and posix.fork then
    it("that was forked says so on a loop it was attached to, too", function()
      local output, status = child.code(PREAMBLE .. [[
        local posix, uv = require "posix", require "luv"
        marea.attach(uv)
        assert(client:ask "hola")
        local pid = posix.fork()
        if pid == 0 then
          local ok, err = pcall(client.ask, client, "hola")
          assert(not ok and tostring(err):find("forked", 1, true), tostring(err))
          os.exit(0)
        end
        local _, how, code = posix.wait(pid)
        assert(how == "exited" and code == 0, tostring(how) .. " " .. tostring(code))
        assert(client:ask "hola")
      ]], { calls.replying().base_url })
      assert.equal("", output)
      assert.equal(0, status)
    end)

    it("that was forked refuses to go on, and leaves the parent's streams alone", function()
      local f = server.shared():script({ {
        { sse = { PIECE }, open = true }, { wait_signal = "forked" },
        { chunk = "data: " .. LAST .. "\n\ndata: [DONE]\n\n" }, { last_chunk = true } } })
      local output, status = child.code(PREAMBLE .. [[
        local posix = require "posix"
        local stream = open()
        assert(stream:next().text == "uno")
        local pid = posix.fork()
        if pid == 0 then
          local ok, err = pcall(client.ask, client, "hola")
          assert(not ok and tostring(err):find("forked", 1, true), tostring(err))
          ok, err = pcall(stream.result, stream)
          assert(not ok and tostring(err):find("forked", 1, true), tostring(err))
          stream:close()
          collectgarbage()
          collectgarbage()
          os.exit(0, true)
        end
        local _, how, code = posix.wait(pid)
        assert(how == "exited" and code == 0, tostring(how) .. " " .. tostring(code))
        io.write("forked\n")
        io.flush()
        local socket = require "socket"
        local port, id = base_url:match(":(%d+)/s/([^/]+)")
        local c = assert(socket.connect("127.0.0.1", tonumber(port)))
        local body = '{"id":"' .. id .. '","name":"forked"}'
        c:send("POST /_control/signal HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: "
          .. #body .. "\r\n\r\n" .. body)
        c:receive("*a")
        io.write(assert(stream:result()).output_text, "\n")
      ]], { f.base_url })
      assert.equal("forked\nunodos\n", output)
      assert.equal(0, status)
    end)
  end
end)
