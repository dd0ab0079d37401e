-- SPDX-License-Identifier: MIT
-- A real proxy, squid, that wants a user and a password.

local daemon = require("spec.support.daemon")

local squid = {}

local CONFIG = [[
http_port 127.0.0.1:%d
pid_filename none
cache deny all
access_log none
cache_log %s/cache.log
coredump_dir %s
shutdown_lifetime 0 seconds
auth_param basic program /usr/lib/squid/basic_ncsa_auth %s/passwords
auth_param basic children 1 startup=0 idle=1
acl known proxy_auth REQUIRED
http_access allow known
http_access deny all
]]

local function start(user, password)
  local dir, port = daemon.directory(), daemon.free_port()
  daemon.write(dir .. "/squid.conf", (CONFIG:gsub("%%d", port):gsub("%%s", dir)))
  -- it gives up root's rights, and must still reach its files
  local prepare = "chmod 777 %s; echo %s:$(openssl passwd -apr1 %s) > %s/passwords"
  assert(os.execute(prepare:format(dir, user, password, dir)))
  local self = daemon.start(dir, ("exec squid -N -f %s/squid.conf"):format(dir), port)
  self.url = "http://127.0.0.1:" .. port
  return self
end

---Starts one. Returns the daemon, with its `url`.
function squid.start(user, password)
  return daemon.insist(start, user, password)
end

return squid
