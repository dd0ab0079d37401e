-- SPDX-License-Identifier: MIT
-- The seam between the engine and a loop is real: here the engine runs on a
-- trivial driver over select, written in this file, and on a loop that belongs
-- to luv. Attaching to luv is for good, so each of those runs in a process of
-- its own.

local marea = require("marea")
local loop = require("marea.loop")
local socket = require("socket")
local child = require("spec.support.child")
local server = require("spec.support.server")

local FOREVER = 60

---- a driver on plain select ------------------------------------------------------

-- luasocket selects anything that has a number and nothing buffered.
local function selectable(fd)
  return { fd = fd, getfd = function() return fd end, dirty = function() return false end }
end

local function take_wants(self, engine)
  local fd, read, write = engine:wanted()
  while fd do
    self.readers[fd] = read and selectable(fd) or nil
    self.writers[fd] = write and selectable(fd) or nil
    fd, read, write = engine:wanted()
  end
end

local function list_of(watched)
  local list = {}
  for _, item in pairs(watched) do list[#list + 1] = item end
  return list
end

local function select_turn(self, engine, seconds)
  take_wants(self, engine)
  local due = engine:due()
  local readers, writers = list_of(self.readers), list_of(self.writers)
  if #readers + #writers == 0 and not due and not seconds then return false end
  local readable, writable = socket.select(readers, writers,
    math.min(due or FOREVER, seconds or FOREVER))
  local ready = {}
  for _, item in ipairs(readable) do ready[item.fd] = { true, false } end
  for _, item in ipairs(writable) do
    ready[item.fd] = { ready[item.fd] ~= nil, true }
  end
  for fd, events in pairs(ready) do engine:socket(fd, events[1], events[2]) end
  engine:expire()
  return true
end

local function select_driver()
  local self = { name = "select", readers = {}, writers = {}, turns = 0 }
  function self.changed(engine) take_wants(self, engine) end
  self.adopt = self.changed
  function self.turn(engine, seconds)
    self.turns = self.turns + 1
    return select_turn(self, engine, seconds)
  end
  function self.watched()
    return #list_of(self.readers) + #list_of(self.writers)
  end
  return self
end

local HEAD = { status = 200, headers = { ["content-type"] = "text/event-stream" }, chunked = true }

local function held_stream(first, rest)
  return { HEAD, { chunk = "data: " .. server.chunk_json { content = first } .. "\n\n" },
    { wait_signal = "go" },
    { chunk = server.sse { server.chunk_json { content = rest, finish = "stop" } } },
    { last_chunk = true } }
end

local messages = { { role = "user", content = "Hola" } }

local function read(client)
  local pieces, stream = {}, assert(client.chat.completions:create { messages = messages, stream = true })
  for text in stream:text() do pieces[#pieces + 1] = text end
  return table.concat(pieces)
end

-- A function that answers the request that has come by the listener's one
-- connection. Returns whether there was any.
local function answerer(listener)
  local connection
  listener:settimeout(0)
  return function()
    connection = connection or listener:accept()
    if not connection then return false end
    connection:settimeout(0)
    local line, length = connection:receive("*l"), 0
    if not line then return false end
    connection:settimeout(5)
    while line ~= "" do
      length = tonumber(line:match("^[Cc]ontent%-[Ll]ength: (%d+)")) or length
      line = assert(connection:receive("*l"))
    end
    assert(connection:receive(length))
    local body = '{"choices":[{"index":0,"message":{"role":"assistant","content":"uno"},"finish_reason":"stop"}]}'
    assert(connection:send(("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s")
      :format(#body, body)))
    return true
  end
end

describe("a driver of one's own", function()
  local s, driver, client
  local ANSWER = 'A script, not a model, answers. You said: "Hola"'

  before_each(function()
    s = server.shared()
    client = marea.client { base_url = s.base_url, model = "m", max_retries = 0 }
    driver = select_driver()
    loop.drive(driver)
  end)

  after_each(function()
    loop.drive(nil)
    collectgarbage()
    collectgarbage()
    assert.equal(0, loop.engine():stats().transfers)
  end)

  it("carries a call", function()
    assert.equal(ANSWER, assert(client:ask("Hola")).output_text)
  end)

  it("carries a stream", function()
    assert.equal(ANSWER, read(client))
  end)

  it("carries fifty streams at once", function()
    local f = s:script({ held_stream("one", " two") }, { repeat_last = true })
    local held = marea.client { base_url = f.base_url, model = "m", max_retries = 0 }
    local begun, jobs = 0, {}
    for i = 1, 50 do
      jobs[i] = function()
        local stream = assert(held.chat.completions:create { messages = messages, stream = true })
        stream:next()
        begun = begun + 1
        if begun == 50 then f.signal("go") end   -- none goes on before all have begun
        return assert(stream:result()).output_text
      end
    end
    for _, text in ipairs(marea.run(marea.all, jobs)) do assert.equal("one two", text) end
    assert.equal(50, begun)
    assert.is_true(driver.turns > 0)
  end)

  it("need not turn for a request that is alone to be on its way", function()
    local listener = assert(socket.bind("127.0.0.1", 0))
    local _, port = listener:getsockname()
    local kept = marea.client { base_url = "http://127.0.0.1:" .. port .. "/v1", model = "m", max_retries = 0 }
    local turn, answer_one, there = driver.turn, answerer(listener), nil
    function driver.turn(engine)
      there[#there + 1] = answer_one()
      return turn(engine, 0.01)
    end
    for _ = 1, 2 do     -- the second on the connection of the first
      there = {}
      assert.equal("uno", assert(kept:ask("Hola")).output_text)
    end
    assert.is_true(there[1])
    listener:close()
  end)

  it("keeps the clocks", function()
    local f = s:script { { { keep_open = true } } }
    local silent = marea.client { base_url = f.base_url, model = "m", max_retries = 0,
      timeout = { first_byte = 0.2 } }
    local from = socket.gettime()
    local answer, err = silent:ask("Hola")
    local took = socket.gettime() - from
    assert.is_nil(answer)
    assert.equal("timeout", err.kind)
    assert.equal("first_byte", err.phase)
    assert.is_true(took >= 0.19 and took < 1.5, "took " .. took)
  end)

  it("is told of a refused connection", function()
    local nobody = assert(socket.bind("127.0.0.1", 0))
    local _, port = nobody:getsockname()
    nobody:close()
    local refused = marea.client { base_url = "http://127.0.0.1:" .. port .. "/v1", model = "m",
      max_retries = 0 }
    local answer, err = refused:ask("Hola")
    assert.is_nil(answer)
    assert.equal("connection", err.kind)
  end)

  it("sleeps as long as asked, in order", function()
    local order = {}
    marea.run(function()
      for _, seconds in ipairs { 0.06, 0.02, 0.04 } do
        marea.spawn(function()
          marea.sleep(seconds)
          order[#order + 1] = seconds
        end)
      end
    end)
    assert.same({ 0.02, 0.04, 0.06 }, order)
  end)

  it("watches nothing once all is done, also what was cut short", function()
    local f = s:script { { HEAD, { keep_open = true } } }
    marea.run(function()
      local cut = marea.client { base_url = f.base_url, model = "m" }
      local task = marea.spawn(read, cut)
      read(client)
      task:cancel()
    end)
    loop.turn(0)
    assert.equal(0, driver.watched())
    assert.is_false(driver.turn(loop.engine()))
  end)

  it("says when nothing can ever happen", function()
    assert.has_error(function()
      marea.run(function() marea.queue(1):get() end)
    end)
  end)

  it("takes over what is under way, and hands it back", function()
    loop.drive(nil)
    local f = s:script { held_stream("one", " two"), held_stream("three", " four") }
    local held = marea.client { base_url = f.base_url, model = "m" }
    local stream = assert(held.chat.completions:create { messages = messages, stream = true })
    assert.equal("one", stream:next().text)
    loop.drive(driver)
    local second = assert(held.chat.completions:create { messages = messages, stream = true })
    assert.equal("three", second:next().text)
    f.signal("go")
    local from = socket.gettime()
    assert.equal("one two", assert(stream:result()).output_text)
    loop.drive(nil)
    assert.equal("three four", assert(second:result()).output_text)
    assert.is_true(socket.gettime() - from < 2)
  end)
end)

---- luv ---------------------------------------------------------------------------

local PRELUDE = [[
  local base_url = ...
  local uv = require "luv"
  local marea = require "marea"
  local messages = { { role = "user", content = "Hola" } }
  local client = marea.client { base_url = base_url, model = "m", max_retries = 0,
    headers = { ["x-delay-ms"] = "10" } }
  local function open(c)
    return assert((c or client).chat.completions:create { messages = messages, stream = true })
  end
  local function read(c)
    local pieces = {}
    for text in open(c):text() do pieces[#pieces + 1] = text end
    return table.concat(pieces)
  end
  local function show(...) io.write(table.concat({ ... }, " "), "\n") end
  local function after(ms, f)
    local timer = uv.new_timer()
    timer:start(ms, 0, function() timer:close() f() end)
  end
]]

-- Twelve words and their end, so many milliseconds apart.
local function paced(delay)
  local events = {}
  for word in ('A script, not a model, answers. You said: "Hola"'):gmatch("%S+%s?") do
    events[#events + 1] = server.chunk_json({ content = word })
  end
  events[#events + 1] = server.chunk_json({ content = "", finish = "stop" })
  events[#events + 1] = "[DONE]"
  return server.shared():script({ { { sse = events, delay = delay / 1000 } } }, { repeat_last = true })
end

describe("on luv's loop", function()
  local s
  local TEXT = 'A script, not a model, answers. You said: "Hola"'
  setup(function() s = server.shared() end)

  local function run(code, base_url)
    return child.code(PRELUDE .. code, { base_url or s.base_url })
  end

  local function gives(expected, code, base_url)
    local output, status = run(code, base_url)
    assert.equal(expected, output)
    assert.equal(0, status)
  end

  it("tasks, streams and the user's own timers run side by side, and the loop ends", function()
    gives(TEXT .. "\n" .. TEXT .. "\nticked\n", [[
      marea.attach(uv)
      local ticks, done = 0, 0
      local timer = uv.new_timer()
      timer:start(5, 5, function()
        ticks = ticks + 1
        if done == 2 then timer:close() end
      end)
      for _ = 1, 2 do
        marea.spawn(function()
          show(read())
          done = done + 1
        end)
      end
      uv.run()
      show(ticks > 10 and "ticked" or "only " .. ticks .. " ticks")
    ]])
  end)

  it("fifty streams run at once", function()
    local f = s:script({ held_stream("one", " two") }, { repeat_last = true })
    gives("50 50\n", [[
      marea.attach(uv)
      local root, id = base_url:match("^(http://[^/]+)/s/([^/]+)")
      local control = marea.client { base_url = root .. "/_control" }
      local begun, good = 0, 0
      for _ = 1, 50 do
        marea.spawn(function()
          local stream = open()
          stream:next()
          begun = begun + 1
          if begun == 50 then assert(control:request { path = "signal", body = { id = id, name = "go" } }) end
          if stream:result().output_text == "one two" then good = good + 1 end
        end)
      end
      uv.run()
      show(begun, good)
    ]], f.base_url)
  end)

  it("the library may have been in use before, with streams under way", function()
    gives(TEXT .. "\n" .. TEXT .. "\n", [[
      show(client:ask("Hola").output_text)
      local stream = open()
      local first = stream:next().text
      marea.attach(uv)
      marea.spawn(function() show(stream:result().output_text) end)
      uv.run()
    ]])
  end)

  it("the host's loop may be running already", function()
    gives("attached\n" .. TEXT .. "\n", [[
      after(1, function()
        marea.attach(uv)
        marea.spawn(function() show(read()) end)
        show("attached")
      end)
      uv.run()
    ]])
  end)

  it("tasks spawned before begin to run", function()
    gives(TEXT .. "\n", [[
      marea.spawn(function() show(read()) end)
      marea.attach(uv)
      uv.run()
    ]])
  end)

  it("a call that would block in a callback says so, and how to make it", function()
    gives("true\ntrue\n" .. TEXT .. "\n", [[
      marea.attach(uv)
      after(1, function()
        local ok, message = pcall(client.ask, client, "Hola")
        show(tostring(not ok and tostring(message):find("would block") ~= nil
          and tostring(message):find("marea.spawn", 1, true) ~= nil))
        local ran = pcall(marea.run, function() return client:ask("Hola") end)
        show(tostring(not ran))
        marea.spawn(function() show(client:ask("Hola").output_text) end)
      end)
      uv.run()
    ]])
  end)

  it("calls outside any task, and marea.run, drive a loop that isn't running", function()
    gives(TEXT .. "\n" .. TEXT .. "\n" .. TEXT .. "\n", [[
      marea.attach(uv)
      show(client:ask("Hola").output_text)
      show(read())
      show(marea.run(read))
    ]])
  end)

  it("a call inside a generator in a task drives the loop too", function()
    gives(TEXT .. "\n", [[
      marea.attach(uv)
      marea.run(function()
        local generator = coroutine.wrap(function() coroutine.yield(client:ask("Hola").output_text) end)
        show(generator())
      end)
    ]])
  end)

  it("an error nobody awaited comes out of marea.run, not of a callback", function()
    gives("caught\n", [[
      marea.attach(uv)
      local ok, message = pcall(marea.run, function()
        marea.spawn(function() marea.sleep(0.01) error("lost") end)
        marea.sleep(0.05)
      end)
      show(not ok and tostring(message):find("lost") and "caught" or "no error")
    ]])
  end)

  it("an error nobody awaited is not swallowed when the host runs the loop", function()
    local output, status = run [[
      marea.attach(uv)
      marea.spawn(function() marea.sleep(0.01) error("lost") end)
      uv.run()
    ]]
    assert.is_truthy(output:find("lost", 1, true), output)
    assert.is_not.equal(0, status)
  end)

  it("clocks and refusals are errors like anywhere", function()
    local f = s:script { { { keep_open = true } } }
    gives("timeout idle-or-first true\nconnection\n", [[
      marea.attach(uv)
      marea.spawn(function()
        local from = uv.hrtime()
        local _, err = client:ask("Hola", nil, nil)
      end):cancel()
      local quick = client:with { timeout = { first_byte = 0.2 } }
      marea.spawn(function()
        local from = uv.hrtime()
        local _, err = quick:ask("Hola")
        local seconds = (uv.hrtime() - from) / 1e9
        show(err.kind, err.phase == "first_byte" and "idle-or-first" or tostring(err.phase),
          tostring(seconds > 0.19 and seconds < 2))
        local refused = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m", max_retries = 0 }
        show(select(2, refused:ask("Hola")).kind)
      end)
      uv.run()
    ]], f.base_url)
  end)

  it("a stream left to the collector doesn't keep the loop alive", function()
    local f = s:script({ { HEAD, { chunk = server.sse({ server.chunk_json { content = "a" } }, false) },
      { keep_open = true } } }, { repeat_last = true })
    gives("first a\nended at once\n", [[
      marea.attach(uv)
      local from
      marea.spawn(function() show("first", open():next().text) end)
      after(400, function()      -- what libcurl still had to look after is over
        collectgarbage()
        collectgarbage()
        from = uv.hrtime()
      end)
      collectgarbage("stop")
      uv.run()
      show(uv.hrtime() - from < 1e9 and "ended at once" or "ended late")
    ]], f.base_url)
    assert.is_truthy(f.wait_event("eof", 2) or f.wait_event("reset", 0.1))
  end)

  it("a task cancelled from a callback has closed what it had open", function()
    local f = s:script { { HEAD, { keep_open = true } } }
    gives("cancelled 0\nended\n", [[
      marea.attach(uv)
      local task = marea.spawn(function() open():result() end)
      after(50, function()
        task:cancel()
        show(task.status, tostring(require("marea.loop").engine():stats().transfers))
      end)
      uv.run()
      show("ended")
    ]], f.base_url)
  end)

  it("may be stopped in the middle, and run again", function()
    gives("stopped\nstopped\nstopped\n" .. TEXT .. "\n", [[
      marea.attach(uv)
      local done
      marea.spawn(function()
        show(read())
        done = true
      end)
      for _ = 1, 3 do
        after(30, function() uv.stop() end)
        uv.run()
        show(done and "done" or "stopped")
      end
      uv.run()
    ]], paced(20).base_url)
  end)

  it("that its host runs by hand, a turn now and then, is good enough", function()
    gives(TEXT .. "\ntrue\n", [[
      marea.attach(uv)
      local done, turns = false, 0
      marea.spawn(function()
        show(read())
        done = true
      end)
      while not done do
        uv.run("nowait")
        uv.sleep(5)
        turns = turns + 1
      end
      show(tostring(turns > 5))
    ]])
  end)

  it("that its host never runs is driven by whoever waits", function()
    gives(TEXT .. "\n" .. TEXT .. "\n", [[
      marea.attach(uv)
      local task = marea.spawn(read)
      show(task:await())
      local tasks = { marea.spawn(read) }
      show(marea.all(tasks)[1])
    ]])
  end)

  it("that its host never runs, and nobody waits for, is left in peace at the end", function()
    gives("", [[
      marea.attach(uv)
      for _ = 1, 3 do marea.spawn(read) end
    ]])
  end)

  it("a host that runs scheduled work later is not kept busy meanwhile", function()
    gives("true\n" .. TEXT .. "\n", [[
      local scheduled = {}
      vim = { schedule = function(f) scheduled[#scheduled + 1] = f end }
      marea.attach(uv)
      marea.spawn(function() show(client:ask("Hola").output_text) end)
      local rounds, late, shown = 0, uv.new_timer(), false
      local count = uv.new_prepare()
      count:start(function() rounds = rounds + 1 end)
      late:start(100, 20, function()
        if not shown then show(tostring(rounds < 100)) end
        shown = true
        local list = scheduled
        scheduled = {}
        for _, f in ipairs(list) do f() end
        if #list == 0 then late:close() count:close() end
      end)
      uv.run()
    ]])
  end)

  it("a program may end with everything in flight", function()
    local f = s:script({ { HEAD, { chunk = server.sse({ server.chunk_json { content = "a" } }, false) },
      { keep_open = true } } }, { repeat_last = true })
    for _, order in ipairs { 'require "luv"', 'require "marea"' } do
      for _, last in ipairs { "", "os.exit(0, true)" } do
        local output, status = child.code(order .. PRELUDE .. [[
          marea.attach(uv)
          local stream = open()
          show(stream:next().text)
          for _ = 1, 3 do marea.spawn(read) end
          after(20, function() uv.stop() end)
          uv.run()
        ]] .. last, { f.base_url })
        assert.equal("a\n", output)
        assert.equal(0, status)
      end
    end
  end)

  it("attaching twice to one loop is harmless; to another, or to none, is an error", function()
    gives("true\ntrue\ntrue\ntrue\n", [[
      local function fails(f, ...)
        local ok, message = pcall(f, ...)
        return tostring(not ok and message or "it worked")
      end
      local message = fails(function() marea.attach(42) end)
      show(tostring(message:find("marea.attach expects luv") ~= nil))
      marea.attach(uv)
      marea.attach(uv)
      local other = setmetatable({}, { __index = uv })
      other.new_poll = uv.new_poll
      show(tostring(fails(function() marea.attach(other) end):find("another loop") ~= nil))
      show(tostring(fails(function() marea.step() end):find("host's loop") ~= nil))
      show(tostring(fails(function() marea.fd() end):find("host's loop") ~= nil))
    ]])
  end)
end)
