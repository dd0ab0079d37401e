-- SPDX-License-Identifier: MIT
-- A foreign server program for a spec: it lives in a temporary directory, and
-- ends, directory and all, at `stop` or when this process is gone.

local socket = require("socket")

local daemon = {}
local methods = {}
local mt = { __name = "spec.daemon", __index = methods }

local function own_pid()
  local stat = assert(io.open("/proc/self/stat"))
  local pid = stat:read("*n")
  stat:close()
  return string.format("%d", pid)
end

local function read_line(command)
  local pipe = assert(io.popen(command))
  local line = pipe:read("*l")
  pipe:close()
  return line
end

---A new directory under /tmp.
function daemon.directory()
  return assert(read_line("mktemp -d /tmp/marea-spec.XXXXXX"), "mktemp failed")
end

---Ports of 127.0.0.1 that were free a moment ago.
function daemon.free_ports(count)
  local probes, ports = {}, {}
  for i = 1, count do
    probes[i] = assert(socket.bind("127.0.0.1", 0))
    ports[i] = tonumber((select(2, probes[i]:getsockname())))
  end
  for i = 1, count do probes[i]:close() end
  return ports
end

---One such port.
function daemon.free_port()
  return daemon.free_ports(1)[1]
end

function daemon.write(path, text)
  local file = assert(io.open(path, "w"))
  assert(file:write(text))
  file:close()
end

local function wait_for_port(port, seconds)
  local deadline = socket.gettime() + seconds
  repeat
    local connection = socket.connect("127.0.0.1", port)
    if connection then
      connection:close()
      return true
    end
    socket.sleep(0.02)
  until socket.gettime() > deadline
end

-- The shell that starts it stays and watches us; what we have open stays here.
local WATCH = [[sh -c '%s & child=$!; echo $child > %s/child
while kill -0 %s && kill -0 $child && [ -d %s ]; do sleep 0.3; done
kill $child; rm -rf %s' 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- </dev/null >%s/output 2>&1 &]]

---Starts `command` (without quotes) in `dir`; waits until `port` answers.
function daemon.start(dir, command, port)
  os.execute(WATCH:format(command, dir, own_pid(), dir, dir, dir))
  if not wait_for_port(port, 5) then
    error("did not start: " .. command .. ": " .. tostring(daemon.read(dir .. "/output")), 3)
  end
  return setmetatable({ dir = dir, port = port }, mt)
end

---What `start(...)` gives, which picks a port: somebody else may take it first.
function daemon.insist(start, ...)
  for try = 1, 3 do
    local ok, self = pcall(start, ...)
    if ok then return self end
    if try == 3 then error(self, 3) end
  end
end

---A whole file, "" if there is none.
function daemon.read(path)
  local file = io.open(path, "rb")
  if not file then return "" end
  local text = file:read("*a")
  file:close()
  return text
end

function methods:log(name)
  return daemon.read(self.dir .. "/" .. name)
end

---Ends it so that it can't say good-bye.
function methods:kill()
  os.execute(("kill -9 $(cat %s/child)"):format(self.dir))
end

function methods:stop()
  if self.stopped then return end
  self.stopped = true
  os.execute(("kill $(cat %s/child) 2>/dev/null; rm -rf %s"):format(self.dir, self.dir))
end

return daemon
