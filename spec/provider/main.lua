-- SPDX-License-Identifier: MIT
-- The bundled OpenAI-compatible provider: a deterministic script behind real
-- HTTP, for the demo, the examples and the specs. A process of its own, which
-- uses nothing of marea, so that what it receives is judged independently.
--
--   lua5.4 spec/provider/main.lua [--port N] [--key KEY] [--delay-ms N]
--                                 [--parent PID]
--
-- Its first line of output is `listening <port>`. It ends on SIGTERM, or when
-- the process PID is gone. At /v1 it takes any key; at /nan/v1, /nanogpt/api/v1
-- and so on (see scenarios/) it is as strict as that provider's page.

local here = arg[0]:match("^(.*)/[^/]*$") or "."
package.path = here .. "/../?.lua;" .. package.path

local uv = require("luv")
local api = require("provider.api")
local calls = require("provider.calls")
local conn = require("provider.conn")
local routes = require("provider.routes")

local BACKLOG = 4096
local options = { port = "0", host = "127.0.0.1" }

local function usage(message)
  io.stderr:write(message, "\n",
    "usage: main.lua [--port N] [--host H] [--key KEY] [--delay-ms N] ",
    "[--parent PID]\n")
  os.exit(2)
end

local known = {
  ["--port"] = "port", ["--host"] = "host", ["--key"] = "key",
  ["--delay-ms"] = "delay", ["--parent"] = "parent",
}

for i = 1, #arg, 2 do
  local name = known[arg[i]] or usage("unknown option " .. arg[i])
  options[name] = arg[i + 1] or usage(arg[i] .. " needs a value")
end

-- A zombie is gone too, though a signal would still find it.
local function alive(pid)
  local stat = io.open("/proc/" .. pid .. "/stat")
  local state = stat and stat:read("*a"):match("^.*%) (%a)")
  if stat then stat:close() end
  return state ~= nil and state ~= "Z" and state ~= "X"
end

-- Started through a shell, our direct parent may be that shell, gone at once;
-- so the process named is watched itself unless it is our parent.
local function watch(pid)
  local direct = uv.os_getppid() == tonumber(pid)
  uv.new_timer():start(500, 500, function()
    if direct and uv.os_getppid() ~= tonumber(pid) or not alive(pid) then
      os.exit(0)
    end
  end)
end

local function listen()
  local listener = uv.new_tcp()
  assert(listener:bind(options.host, tonumber(options.port)))
  local port = listener:getsockname().port
  assert(listener:listen(BACKLOG, function()
    conn.accept(listener, port, routes.serve)
  end))
  return port
end

api.key = options.key
calls.delay = (tonumber(options.delay) or 0) / 1000
if options.parent then watch(options.parent) end
uv.new_signal():start("sigterm", function() os.exit(0) end)
uv.new_signal():start("sigpipe", function() end)

io.stdout:write("listening ", listen(), "\n")
io.stdout:flush()
uv.run()
