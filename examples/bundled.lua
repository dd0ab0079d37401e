-- SPDX-License-Identifier: MIT
-- Starts the bundled provider, a script behind real HTTP (spec/provider), for
-- examples that nobody gave another.

local marea = require "marea"

local bundled = {}

-- It ends by itself when the process named with --parent is gone; where that
-- can't be told, it ends when asked.
local function own_pid()
  local stat = io.open("/proc/self/stat")
  if not stat then return nil end
  local pid = stat:read("*a"):match("^%d+")
  stat:close()
  return pid
end

---@param tree string the top of the tree
---@param delay_ms integer between words
---@param lua string|nil a Lua 5.4 with luv and cjson (default: lua5.4)
---@return { port: string, base_url: string, stop: fun() }
function bundled.start(tree, delay_ms, lua)
  local pid = own_pid()
  local command = ("'%s' '%s/spec/provider/main.lua' --delay-ms %d%s &"):format(
    lua or "lua5.4", tree, delay_ms, pid and " --parent " .. pid or "")
  local pipe = assert(io.popen(command))
  local port = (pipe:read("*l") or ""):match("^listening (%d+)")
  pipe:close()
  if not port then error("the bundled provider did not start: it needs lua5.4, luv and lua-cjson", 0) end
  local url = "http://127.0.0.1:" .. port
  return { port = port, base_url = url .. "/v1", stop = function()
    pcall(function() marea.client { base_url = url .. "/_control" }:request { path = "quit", body = {} } end)
  end }
end

return bundled
