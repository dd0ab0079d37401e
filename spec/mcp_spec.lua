-- SPDX-License-Identifier: MIT
-- Servers of the Model Context Protocol as processes: what they offer, and what
-- happens when they do wrong. The server is spec/support/mcp_server.lua.

local agents = require("spec.support.agents")
local child = require("spec.support.child")
local core = require("marea.core")
local json = require("marea.json")
local marea = require("marea")
local tools_of = require("marea.mcp.tools")

local SERVER = "spec/support/mcp_server.lua"

local VALGRIND = os.getenv("MAREA_SANITIZED") and not (os.getenv("LD_PRELOAD") or ""):find("asan", 1, true)

local function options_of(mode, more)
  local all = { command = { "lua5.4", SERVER, mode } }
  for name, value in pairs(more or {}) do all[name] = value end
  return all
end

local function connect(mode, more)
  return assert(marea.mcp(options_of(mode, more)))
end

-- Whether a process is there, be it only as one that nobody waited for.
local function exists(pid)
  local f = io.open(("/proc/%d/stat"):format(pid))
  if f then f:close() end
  return f ~= nil
end

local function gone(pid, seconds)
  local over = core.now() + (seconds or 5)
  while exists(pid) and core.now() < over do marea.sleep(0.01) end
  return not exists(pid)
end

describe("a server that is a process", function()
  local server
  after_each(function()
    if server then server:close() end
    server = nil
  end)

  it("offers its tools, all pages of them, to an agent", function()
    server = connect("well", { prefix = "x_" })
    assert.equal("2025-11-25", server.version)
    assert.equal("spec", server.info.name)
    assert.equal("Be good.", server.instructions)
    local tools = assert(server:tools())
    assert.equal(11, #tools)
    assert.equal("x_echo", tools[1].name)
    assert.equal("echo", tools[1].remote)
    local client = agents.client { agents.calling { { "x_echo", { text = "hola" } }, { "x_fail" } }, "done" }
    local result = assert(marea.agent { client = client, tools = tools }:run "go")
    assert.same({ "hola", "Error: it can't" }, agents.results(result.messages))
    assert.equal("string", client.requests[1].tools[1]["function"].parameters.properties.text.type)
  end)

  it("answers calls, prompts and resources", function()
    server = connect()
    assert.equal("hola", assert(server:call("echo", { text = "hola" })).content[1].text)
    assert.is_true(assert(server:call("fail")).isError)
    local _, err = server:call("none")
    assert.equal("bad_request", err.kind)
    assert.equal(-32602, err.code)
    assert.equal("greet", assert(server:prompts())[1].name)
    assert.same({ { role = "user", content = "Greet Ada" } }, server:prompt("greet", { who = "Ada" }))
    assert.equal("spec://a", assert(server:resources())[1].uri)
    assert.same({ "the text", "text/plain" }, { (server:read "spec://a"), (select(2, server:read "spec://a")) })
    assert.same({ "\0\1\2", "image/png" }, { (server:read "spec://blob"), (select(2, server:read "spec://blob")) })
    assert.equal("not_found", select(2, server:read "spec://none").kind)
    assert.equal("bad_request", select(2, server:request "what/ever").kind)
  end)

  it("gives one value where it succeeds", function()
    server = connect()
    assert.equal(1, select("#", server:call("echo", { text = "hola" })))
    assert.equal(1, select("#", server:request "tools/list"))
    assert.equal(1, select("#", server:tools()))
    assert.equal(1, select("#", server:tools()))
  end)

  it("answers many calls at once, each its own", function()
    server = connect()
    local list = {}
    for i = 1, 50 do list[i] = ("%d "):rep(100):format(("i"):rep(100):gsub("i", "1"):byte(1, 100)) .. i end
    local answers = marea.run(function()
      return marea.map(list, function(text) return server:call("echo", { text = text }).content[1].text end)
    end)
    for i = 1, 50 do assert.equal(list[i], answers[i]) end
    assert.equal(3000000, #server:call("huge").content[1].text)
    assert.equal(2000000, #server:call("echo", { text = ("e"):rep(2000000) }).content[1].text)
  end)

  it("never holds the loop", function()
    server = connect()
    marea.run(function()
      local ticks, over = 0, false
      marea.spawn(function()
        while not over do
          marea.sleep(0.002)
          ticks = ticks + 1
        end
      end)
      server:call("mute", {}, { timeout = 0.1 })
      over = true
      assert.is_true(ticks >= 10)
    end)
  end)

  it("tells its progress, in order and before the answer", function()
    server = connect()
    marea.run(function()
      local seen = {}
      local function note(p) seen[#seen + 1] = ("%d/%d"):format(p.progress, p.total) end
      local result = server:call("progress", {}, { progress = note })
      assert.equal("done", result.content[1].text)
      assert.same({ "1/3", "2/3", "3/3" }, seen)
    end)
  end)

  it("says when its tools change, and the list given out changes with them", function()
    local told, logged = nil, nil
    server = connect("well", { on = { tools = function(tools) told = #tools end,
      log = function(params) logged = params.data end } })
    local tools = server:tools()
    marea.run(function()
      server:call "change"
      local over = core.now() + 5
      while not told and core.now() < over do marea.sleep(0.005) end
    end)
    assert.equal(12, told)
    assert.equal("new-tool", tools[12].name)
    assert.equal("changed", logged)
  end)

  it("is answered what it asks", function()
    server = connect("well", { answers = { ["roots/list"] = function() return { roots = {} } end } })
    assert.equal('q1 {"roots":{}}; q2 {}; q3 error -32601', (server:call("ask").content[1].text:gsub("%.0", "")))
  end)

  -- What goes wrong, one by one.

  it("is cancelled a call that takes too long, and goes on", function()
    server = connect()
    local _, err = server:call("mute", {}, { timeout = 0.05 })
    assert.equal("timeout", err.kind)
    assert.equal("hola", server:call("echo", { text = "hola" }).content[1].text)
    assert.is_truthy(server:call("sleep").content[1].text:find("^%d+"))    -- it was told
  end)

  it("is told when a task that calls is cancelled", function()
    server = connect()
    marea.run(function()
      local task = marea.spawn(function() server:call("mute") end)
      marea.sleep(0.02)
      task:cancel()
      assert.equal("cancelled", task.status)
      assert.is_truthy(server:call("sleep").content[1].text:find("^%d+"))
    end)
  end)

  it("fails what waits for it at once when it dies, and can be started again", function()
    local ended
    server = connect("well", { env = { SPEC_KEY = "sk-very-secret" }, on = { ended = function(err) ended = err end } })
    local pid = server.pid
    local tools = server:tools()
    marea.run(function()
      local started = core.now()
      local mute = marea.spawn(function() return select(2, server:call("mute")) end)
      local _, err = server:call "die"
      assert.is_true(core.now() - started < 3)
      for _, one in ipairs { err, mute:await() } do
        assert.equal("connection", one.kind)
        assert.is_truthy(tostring(one):find("ended with status 3", 1, true), tostring(one))
        assert.is_truthy(tostring(one):find("something broke", 1, true))
        assert.is_nil(tostring(one):find("sk-very-secret", 1, true))
      end
    end)
    assert.equal("connection", ended.kind)
    assert.is_truthy(server.stderr:find("something broke, the key is [...]", 1, true))
    assert.equal("connection", select(2, server:call "echo").kind)
    assert.is_true(gone(pid))
    assert.equal(server, assert(server:restart()))
    assert.equal(11, #tools)
    assert.equal("hola", assert(server:call("echo", { text = "hola" })).content[1].text)
  end)

  it("says which signal ended it", function()
    server = connect()
    marea.run(function()
      local task = marea.spawn(function() return select(2, server:call("mute")) end)
      marea.sleep(0.02)
      os.execute("kill -9 " .. server.pid)
      assert.is_truthy(tostring(task:await()):find("signal 9", 1, true))
    end)
  end)

  it("that ends is heard out at once, however long its lines were", function()
    local started = os.clock()
    for _, noise in ipairs { "x", " ", "x ", "\\r" } do
      local said = ("i=0; while [ $i -lt 12 ]; do printf '%s' >&2; i=$((i+1)); done; ")
        :format(noise:rep(math.floor(4000 / #noise)))
      local _, err = marea.mcp { command = { "sh", "-c", said .. "printf 'x\\nlast words\\n  \\n' >&2; exit 3" } }
      assert.equal("connection", err.kind)
      assert.truthy(err.message:find("it said last: last words", 1, true), err.message)
    end
    assert.is_true(os.clock() - started < (VALGRIND and 60 or 4))
  end)

  it("may say other things on its output, and any amount on its stderr", function()
    server = connect()
    assert.equal("after garbage", server:call("garbage").content[1].text)
    assert.equal("after the flood", server:call("flood").content[1].text)
    marea.sleep(0.05)
    assert.equal(64 * 1024, #server.stderr)
    assert.is_truthy(server.stderr:find("x4000\n$"))
  end)

  it("may write that there is no error", function()
    server = connect()
    assert.equal("fine", assert(server:call("null_error")).content[1].text)
  end)

  it("may list what is none: it is left out", function()
    server = connect "odd"
    assert.is_nil(server.instructions)
    assert.same({}, server.info)
    local tools = assert(server:tools())
    assert.same({ 1, "fine" }, { #tools, tools[1].name })
    assert.equal('\n[image, 3 bytes]\n[audio, 0 bytes]\n[resource, 0 bytes]\n[resource:]\n"x"\nt', tools[1].run {})
    local prompts, resources = assert(server:prompts()), assert(server:resources())
    assert.same({ 1, "p", 1, "spec://a" }, { #prompts, prompts[1].name, #resources, resources[1].uri })
    assert.same({ { role = "user", content = "" }, { role = "user", content = "a" },
      { role = "assistant", content = "b" } }, (server:prompt "any"))
  end)

  it("says a resource's contents, or is an error where they are none", function()
    server = connect "odd"
    assert.same({ "\0\1\2" }, { (server:read "spec://untyped"), (select(2, server:read "spec://untyped")) })
    for uri, kind in pairs { ["spec://broken"] = "decode", ["spec://nothing"] = "not_found",
      ["spec://number"] = "not_found", ["spec://null"] = "not_found" } do
      local data, err = server:read(uri)
      assert.is_nil(data)
      assert.is_true(marea.is_error(err), uri)
      assert.equal(kind, err.kind)
    end
  end)

  local failures = {
    { "that is not there", { command = { "no-such-program-here" } }, "not_found", "can't be started" },
    { "that ends at once", options_of "exit", "connection", "ended with status 3" },
    { "that never answers", options_of("silent", { timeout = { start = 0.1 } }), "timeout", "initialize" },
    { "that only makes noise", options_of "noise", "protocol", "were not JSON" },
    { "of another revision", options_of "version 1999-01-01", "protocol", "1999-01-01" },
    { "in a directory that is not there", options_of("well", { cwd = "/no/such" }), "not_found", "can't be started" },
  }
  for _, case in ipairs(failures) do
    it("is an error in words where it is one " .. case[1], function()
      local found, err = marea.mcp(case[2])
      assert.is_nil(found)
      -- valgrind's fork hides from posix_spawn why it failed
      if tostring(err):find("status 127", 1, true) and VALGRIND then return end
      assert.equal(case[3], err.kind, tostring(err))
      assert.is_truthy(tostring(err):find(case[4], 1, true), tostring(err))
    end)
  end

  it("speaks older revisions, too", function()
    server = connect "version 2024-11-05"
    assert.equal("2024-11-05", server.version)
  end)

  it("ends with close, which is harmless twice, and leaves no process behind", function()
    server = connect()
    local pid = server.pid
    marea.run(function()
      local task = marea.spawn(function() return select(2, server:call("mute")) end)
      marea.sleep(0.02)
      server:close()
      server:close()
      assert.equal("cancelled", task:await().kind)
      assert.is_true(gone(pid))
    end)
    assert.equal("cancelled", select(2, server:call "echo").kind)
  end)

  it("ends, with what it started, also where it doesn't want to", function()
    local _, err = marea.mcp(options_of("deaf", { timeout = { start = 0.05 } }))
    assert.equal("timeout", err.kind)
    local pipe = io.popen("pgrep -f 'mcp_server.lua [d]eaf'")
    local pid = pipe:read("*n")
    pipe:close()
    assert.is_true(pid ~= nil)
    assert.is_true(gone(pid, 8))
  end)

  it("ends with the last who knew of it", function()
    local pid
    do
      local one = connect()
      pid = one.pid
    end
    local over = core.now() + 5
    while exists(pid) and core.now() < over do
      collectgarbage()
      marea.sleep(0.01)
    end
    assert.is_false(exists(pid))
  end)

  it("leaves a host's other children to the host", function()
    local pipe = io.popen("sleep 0.05; exit 7")
    server = connect()
    server:close()
    marea.sleep(0.1)
    local _, how, code = pipe:close()
    if _VERSION ~= "Lua 5.1" then assert.same({ "exit", 7 }, { how, code }) end
  end)

  it("is told nothing through a shell or an argument list", function()
    server = assert(marea.mcp { command = { "lua5.4", SERVER, "$(touch /tmp/marea-shell); `id`" },
      env = { SPEC_KEY = "sk-very-secret" } })
    local f = assert(io.open(("/proc/%d/cmdline"):format(server.pid)))
    local line = f:read("*a")
    f:close()
    assert.equal(("lua5.4\0%s\0$(touch /tmp/marea-shell); `id`\0"):format(SERVER), line)
  end)

  it("gets nothing of what we have open", function()
    local f = assert(io.open(SERVER))
    server = connect()
    local pipe = io.popen(("ls -l /proc/%d/fd"):format(server.pid))
    local open = pipe:read("*a")
    pipe:close()
    f:close()
    local own = 0
    for _ in open:gmatch("mcp_server%.lua") do own = own + 1 end
    assert.is_true(own <= 1)          -- the interpreter's own
    assert.is_nil(open:find("eventpoll", 1, true))
  end)

  -- The same conversation, killed in the middle, on each kind of loop.
  local drivers = {
    { "of its own", "marea.run(talk)" },
    { "of luv's", "local uv = require 'luv' marea.attach(uv) marea.spawn(talk) uv.run()" },
    { "in steps", "local t = marea.spawn(talk) while t.status == 'running' do marea.step(0.002) end" },
    { "that polls a descriptor", [[
      local t = marea.spawn(talk)
      local select = require("socket").select
      local fd = marea.fd()
      local ready = { getfd = function() return fd end, dirty = function() return false end }
      while t.status == "running" do
        select({ ready }, nil, marea.next_timeout() or 5)
        marea.step()
      end]] },
  }
  for _, case in ipairs(drivers) do
    it("works on a loop " .. case[1], function()
      local output, status = child.code(([[
        local marea = require "marea"
        local function talk()
          local one = assert(marea.mcp { command = { "lua5.4", "%s" } })
          local text = ("y"):rep(300000)
          assert(one:call("echo", { text = text }).content[1].text == text)
          local _, err = one:call "die"
          assert(err.kind == "connection", err)
          assert(one:restart())
          io.write(one:call("echo", { text = "through" }).content[1].text)
          one:close()
        end
        %s]]):format(SERVER, case[2]))
      assert.equal("through", output)
      assert.equal(0, status)
    end)
  end

  it("raises at the line of who wrote it wrongly", function()
    local cases = { { {}, "give `command` or `url`" }, { { command = {} }, "a list of words" },
      { { command = { 3 } }, "command[1]" }, { { command = { "x" }, url = "http://x" }, "give `command` or `url`" },
      { { command = { "x" }, nonsense = 1 }, "unknown option" },
      { { command = { "x" }, on = { nonsense = print } }, "unknown option" } }
    for _, case in ipairs(cases) do
      local ok, err = pcall(function() local _ = marea.mcp(case[1]) end)
      assert.is_false(ok)
      assert.is_truthy(tostring(err):find("^[^:]*mcp_spec%.lua:%d+: "), err)
      assert.is_truthy(err:find(case[2], 1, true), err)
    end
  end)
end)

describe("what a server says of a tool's arguments", function()
  local function offered(input_schema)
    local listed = { { name = "t", inputSchema = json.decode(input_schema) } }
    return json.encode(tools_of.from({}, listed, {})[1].parameters, { sort = true })
  end

  for _, given in ipairs {
    '{"dependencies":{},"properties":{"q":{"type":"string"}},"type":"object"}',
    '{"dependencies":{"q":["r"]},"properties":{"q":{"type":"string"}},"type":"object"}',
    '{"example":{"q":"x"},"id":"http://x","properties":{"q":{"type":"string"}},"strict":true,"type":"object"}',
    '{"properties":{"q":{"type":"string"}},"type":["object"]}',
    '{"required":["q"],"type":"object"}', '{"type":"object"}',
  } do
    it("is offered as it is: " .. given, function()
      assert.equal(given, offered(given))
    end)
  end

  local mended = {
    { "{}", '{"type":"object"}' },
    { '{"properties":{"q":{}}}', '{"properties":{"q":{}},"type":"object"}' },
    { '{"properties":{"q":{}},"type":null}', '{"properties":{"q":{}},"type":"object"}' },
    { '{"type":"string"}', '{"type":"object"}' },
    { '{"type":["string",null]}', '{"type":"object"}' },
    { "[]", '{"type":"object"}' }, { "3", '{"type":"object"}' }, { "null", '{"type":"object"}' },
  }
  for _, case in ipairs(mended) do
    it("is of an object, be it any: " .. case[1], function()
      assert.equal(case[2], offered(case[1]))
    end)
  end
end)
