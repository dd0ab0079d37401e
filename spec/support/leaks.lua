-- SPDX-License-Identifier: MIT
-- What a spec counts before and after, to show that nothing was left behind.

local lfs = require("lfs")

local leaks = {}

-- Without a process of its own: started, it may look before the pipe's other end
-- is closed here.
---Open file descriptors of this process.
---@return integer
function leaks.fds()
  local count = 0
  for name in lfs.dir("/proc/self/fd") do
    if tonumber(name) then count = count + 1 end
  end
  return count - 1   -- lfs has the directory open
end

---Resident memory in KiB.
---@return integer
function leaks.rss_kb()
  local status = assert(io.open("/proc/self/status"))   -- closed, or it would count as a leak
  local kb = status:read("*a"):match("VmRSS:%s*(%d+)")
  status:close()
  return tonumber(kb)
end

---Collects all that nothing holds. LuaJIT's compiled code holds what it was
---compiled for, so it goes first.
function leaks.collect()
  local jit = rawget(_G, "jit")
  if jit then jit.flush() end
  collectgarbage()
  collectgarbage()
end

-- Left to itself the collector lets garbage grow to the size of all that the specs
-- before this one hold (in 5.4's generational mode, which the interpreter chooses,
-- at times without end), and the process with it.
---Keeps garbage small from now on.
---@return any before for `leaks.collect_as_before`
function leaks.collect_steadily()
  if _VERSION == "Lua 5.4" then return collectgarbage("incremental", 105, 400) end
  return collectgarbage("setpause", 105)
end

function leaks.collect_as_before(before)
  if _VERSION == "Lua 5.4" then collectgarbage(before)
  else collectgarbage("setpause", before) end
end

---Entries of the Lua registry, after a full collection.
---@return integer
function leaks.registry_size()
  leaks.collect()
  local count = 0
  for _ in pairs(debug.getregistry()) do count = count + 1 end
  return count
end

---All of them at once, for a sweep: `leaks.snapshot()` before and after.
function leaks.snapshot()
  leaks.collect()
  return {
    fds = leaks.fds(), registry = leaks.registry_size(),
    memory_kb = collectgarbage("count"),
  }
end

return leaks
