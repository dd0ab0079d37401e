-- SPDX-License-Identifier: MIT
-- A busted helper (see `make test-gc`): a collection begins as soon as the last
-- one has ended, so that one is always under way, and hurries.

-- LuaJIT's compiled code hardly gets past a collector that hurries more.
local function force()
  collectgarbage("setpause", 100)
  collectgarbage("setstepmul", rawget(_G, "jit") and 400 or 1000)
end

force()
require("busted").subscribe({ "file", "start" }, function()
  force()
  return nil, true
end)
