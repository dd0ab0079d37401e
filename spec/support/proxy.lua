-- SPDX-License-Identifier: MIT
-- A real proxy, tinyproxy, with or without a password.

local daemon = require("spec.support.daemon")

local proxy = {}

local CONFIG = [[
Port %d
Listen 127.0.0.1
Allow 127.0.0.1
Timeout 30
MaxClients 50
LogFile "%s/proxy.log"
LogLevel Connect
PidFile "%s/proxy.pid"
%s
]]

---Starts one. With `user` and `password` it wants them.
---Returns the daemon, with `log_text()` for what it was asked.
function proxy.start(user, password)
  local dir, port = daemon.directory(), daemon.free_port()
  local auth = user and ("BasicAuth %s %s"):format(user, password) or ""
  daemon.write(dir .. "/proxy.conf", CONFIG:format(port, dir, dir, auth))
  local self = daemon.start(dir, ("exec tinyproxy -d -c %s/proxy.conf"):format(dir), port)
  self.url = "http://127.0.0.1:" .. port
  function self.log_text() return self:log("proxy.log") end
  return self
end

return proxy
