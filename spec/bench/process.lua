-- SPDX-License-Identifier: MIT
-- The processes of the benchmarks: the server, and programs whose cost is
-- measured, each in a process of its own.

local flat = require "flat"

local process = {}

process.OUT = "build/bench/"

local OUT = process.OUT
local TIME_LIMIT = 300
local RAISE = "ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); "

-- Where every client finds its modules; LuaJIT knows no LUA_CPATH_5_4. The shell
-- sets it, as an `env` before a command would be measured with the command.
local ENVIRONMENT = "unset LUA_PATH_5_4; export no_proxy=127.0.0.1"
  .. " LUA_PATH='./lua/?.lua;./lua/?/init.lua;./?.lua;;'"
  .. ' LUA_CPATH_5_4="./build/5.4/?.so;${LUA_CPATH:-;}" LUA_CPATH="./build/5.1/?.so;${LUA_CPATH:-;}"'
  .. ' NODE_PATH="build/bench/node_modules:$NODE_PATH"; '

--- What a command prints, and whether it ended well.
---@return string, boolean|nil
function process.capture(command)
  local pipe = assert(io.popen(ENVIRONMENT .. command))
  local text = pipe:read("a")
  return text, pipe:close()
end

local function read_file(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

process.read_file = read_file

--- Starts the server. It ends by itself when this end of its stdout closes.
---@return string url, file* pipe
function process.start_server()
  local pipe = assert(io.popen(RAISE .. "exec " .. OUT .. "server 0"))
  local line = pipe:read("l") or ""
  local port = line:match("listening (%d+)")
  if not port then error("the server didn't start", 0) end
  return "http://127.0.0.1:" .. port, pipe
end

--- One run of a command: what it cost and what it printed, or nil and why.
---@return table<string, number>|nil, string|nil
function process.run(command)
  local text, ok = process.capture(("%s exec timeout -k 5 %d %smeasure %s"
    .. " 2>%sstderr 3>%scost"):format(RAISE, TIME_LIMIT, OUT, command, OUT, OUT))
  if not ok then
    local line = read_file(OUT .. "stderr"):match("[^\n]+")
    return nil, line or "failed without a word, or took too long"
  end
  local run = flat.decode(text)
  for name, value in pairs(flat.decode(read_file(OUT .. "cost"))) do
    run[name] = value
  end
  return run
end

--- A function that gives what the answer at a URL holds, read slowly and once by
--- the floor.
function process.reader()
  local known = {}
  return function(url)
    if not known[url] then
      local text, ok = process.capture(OUT .. "floor truth " .. url)
      if not ok then error("no answer to compare with: " .. url, 0) end
      known[url] = flat.decode(text)
    end
    return known[url]
  end
end

--- How many descriptors a process may have here.
function process.descriptors()
  return tonumber((process.capture(RAISE .. "ulimit -n"))) or math.huge
end

return process
