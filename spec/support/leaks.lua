-- SPDX-License-Identifier: MIT
-- What a spec counts before and after, to show that nothing was left behind.

local leaks = {}

-- Lists through a pipe, whose own descriptors are in no one's table but ls's.
---Open file descriptors of this process.
---@return integer
function leaks.fds()
  local stat = assert(io.open("/proc/self/stat"))
  local pid = string.format("%d", stat:read("*n"))
  stat:close()
  local pipe = assert(io.popen("ls /proc/" .. pid .. "/fd | wc -l"))
  local count = tonumber(pipe:read("*l"))
  pipe:close()
  return count - 1
end

---Resident memory in KiB.
---@return integer
function leaks.rss_kb()
  for line in io.lines("/proc/self/status") do
    local kb = line:match("^VmRSS:%s*(%d+)")
    if kb then return tonumber(kb) end
  end
end

---Entries of the Lua registry, after a full collection.
---@return integer
function leaks.registry_size()
  collectgarbage()
  collectgarbage()
  local count = 0
  for _ in pairs(debug.getregistry()) do count = count + 1 end
  return count
end

---All of them at once, for a sweep: `leaks.snapshot()` before and after.
function leaks.snapshot()
  collectgarbage()
  collectgarbage()
  return {
    fds = leaks.fds(), registry = leaks.registry_size(),
    memory_kb = collectgarbage("count"),
  }
end

return leaks
