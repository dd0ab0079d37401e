-- SPDX-License-Identifier: MIT
-- size.lua: what the C modules weigh once stripped, in KiB.

local function stripped_kib(module)
  local copy = os.tmpname()
  local path = assert(package.searchpath(module, package.cpath))
  assert(os.execute(("strip -o %s %s"):format(copy, path)))
  local file = assert(io.open(copy, "rb"))
  local size = file:seek("end")
  file:close()
  os.remove(copy)
  return size / 1024
end

local core, net = stripped_kib("marea.core"), stripped_kib("marea.net")
print(('{"core_kib":%.3f,"net_kib":%.3f,"kib":%.3f}'):format(core, net, core + net))
