-- SPDX-License-Identifier: MIT
-- Whose cost is measured: marea on two Luas, and other people's clients, where
-- they are installed. Each has a command, to which a workload adds arguments.

local clients = {}

local PEERS = "spec/bench/peers/"

local function marea(name, label, command, version)
  return {
    name = name, label = label, core = ("build/%s/marea/core.so"):format(version),
    command = command,
  }
end

clients.marea = {
  marea("lua54", "Lua 5.4", "lua5.4", "5.4"),
  marea("luajit", "LuaJIT", "luajit", "5.1"),
}

-- Debian's binding has a version to tell, the newer one too.
local LUA_CURL = [[require "cjson" local ok, c = pcall(require, "cURL")
  if not ok then c = require "curl" end print("Lua-cURL " .. c._VERSION)]]

local function lua_curl(name, label, command)
  return {
    name = name, label = "Lua-cURL, " .. label, family = "lua_curl",
    probe = ("%s -e '%s'"):format(command, LUA_CURL),
    command = ("%s %slua_curl.lua"):format(command, PEERS),
  }
end

clients.peers = {
  lua_curl("lua_curl", "Lua 5.4", "lua5.4"),
  lua_curl("lua_curl_jit", "LuaJIT", "luajit"),
  {
    name = "fetch_node", label = "fetch, Node", family = "node",
    probe = "node -p '\"Node \" + process.versions.node'",
    command = "node " .. PEERS .. "fetch.cjs",
  },
  {
    name = "openai_node", label = "openai, Node", family = "node",
    probe = "node -p '\"openai \" + require(\"openai/version\").VERSION'",
    command = "node " .. PEERS .. "openai.cjs",
  },
}

return clients
