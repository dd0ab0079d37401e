-- SPDX-License-Identifier: MIT
-- The reference server of the Model Context Protocol, by both transports. It comes
-- from npm (`make build/npm`), and needs Node: where either is not there, this is
-- pending.

local child = require("spec.support.child")
local core = require("marea.core")
local form = require("spec.support.form")
local hosts = require("spec.support.hosts")
local marea = require("marea")
local socket = require("socket")

local MAIN = "build/npm/node_modules/@modelcontextprotocol/server-everything/dist/index.js"

local function is_there()
  local f = io.open(MAIN)
  if f then f:close() end
  return f ~= nil and (os.execute "node --version >/dev/null 2>&1") ~= nil
    and io.popen("node --version 2>/dev/null"):read("*l") ~= nil
end

local function free_port()
  local s = assert(socket.bind("127.0.0.1", 0))
  local _, port = s:getsockname()
  s:close()
  return port
end

-- Starts it; returns its address, and what ends it.
local function serve()
  local port = free_port()
  local pipe = io.popen(("PORT=%d node %s streamableHttp >/dev/null 2>&1 3>&- 4>&- 5>&- 6>&- 7>&- & echo $!"):format(
    port, MAIN))
  local pid = pipe:read("*n")
  pipe:close()
  local over = core.now() + 30
  repeat
    local s = socket.connect("127.0.0.1", port)
    if s then s:close() else socket.sleep(0.05) end
  until s or core.now() > over
  return ("http://127.0.0.1:%d/mcp"):format(port), function() os.execute("kill " .. ("%d"):format(pid)) end
end

local function names(list)
  local out = {}
  for _, one in ipairs(list) do out[one.name or one.uri] = one end
  return out
end

local function exercise(server)
  assert.equal("2025-11-25", server.version)
  local tools = names(assert(server:tools()))
  assert.is_table(tools["get-sum"].parameters.properties.a)
  assert.is_truthy(assert(tools["get-sum"].run { a = 2, b = 40 }):find("42", 1, true))
  assert.equal("Echo: hola", assert(server:call("echo", { message = "hola" })).content[1].text)
  assert.is_truthy(tools["get-tiny-image"].run({}):find("[image image/png, ", 1, true))
  assert.is_table(assert(server:call("get-structured-content", { location = "New York" })).structuredContent)
  local prompts = names(assert(server:prompts()))
  assert.is_table(prompts["args-prompt"])
  assert.is_truthy(assert(server:prompt("args-prompt", { city = "Lugo" }))[1].content:find("Lugo", 1, true))
  local resources = assert(server:resources())
  assert.is_true(#assert(server:resource_templates()) > 0)
  assert.is_true(#assert(server:read(resources[1].uri)) > 0)
  assert.is_nil((server:read "no://such/thing"))
  assert.is_true(server:subscribe(resources[1].uri))
  marea.run(function()
    local steps = 0
    local result = assert(server:call("trigger-long-running-operation", { duration = 0.2, steps = 4 },
      { progress = function() steps = steps + 1 end }))
    assert.is_truthy(result.content[1].text:find("completed", 1, true))
    assert.equal(4, steps)
    local _, err = server:call("trigger-long-running-operation", { duration = 30, steps = 2 }, { timeout = 0.1 })
    assert.equal("timeout", err.kind)
    assert.equal("Echo: on", assert(server:call("echo", { message = "on" })).content[1].text)
  end)
end

local check = is_there() and it or pending

describe("the reference server", function()
  check("does all it offers as a process, dies, and is started again", function()
    local server = assert(marea.mcp { command = { "node", MAIN, "stdio" } })
    exercise(server)
    marea.run(function()
      local task = marea.spawn(function()
        return select(2, server:call("trigger-long-running-operation", { duration = 30, steps = 2 }))
      end)
      marea.sleep(0.05)
      local started = core.now()
      os.execute("kill -9 " .. server.pid)
      assert.equal("connection", task:await().kind)
      assert.is_true(core.now() - started < 3)
    end)
    assert(server:restart())
    assert.equal("Echo: anew", assert(server:call("echo", { message = "anew" })).content[1].text)
    server:close()
  end)

  check("does all it offers over HTTP", function()
    local address, stop = serve()
    local ok, err = pcall(function()
      local server = assert(marea.mcp { url = address })
      exercise(server)
      server:close()
    end)
    stop()
    assert(ok, err)
  end)
end)

describe("what comes from npm", function()
  -- make's words for what it would do in a tree where nothing of npm is yet
  local function would_do(specs)
    local dir = form.directory()
    for _, name in ipairs { "Makefile", ".ci", "csrc", "lua", "spec" } do
      os.execute(("ln -s %s/%s %s"):format(hosts.tree(), name, dir.path))
    end
    local output, status = child.command(("make -n -C %s test LUAS=5.4 SPEC=%q"):format(dir.path, specs),
      { MAKEFLAGS = false, MAKELEVEL = false })
    dir.remove()
    assert.equal(0, status, output)
    return output
  end

  it("is fetched for its spec and for all specs, and for no others", function()
    assert.is_truthy(would_do("spec/json_spec.lua spec/mcp_reference_heavy_spec.lua"):find "npm install")
    assert.is_truthy(would_do(""):find "npm install")
    assert.is_nil(would_do("spec/json_spec.lua spec/mcp_spec.lua"):find "npm install")
  end)
end)
