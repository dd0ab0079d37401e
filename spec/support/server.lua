-- SPDX-License-Identifier: MIT
-- Starts the bundled provider as a process of its own and talks to its control
-- channel. The channel is plain blocking luasocket, so that nothing of marea
-- is involved in arranging, or in judging, what marea does. A started server
-- ends by itself when this process is gone.

local cjson = require("cjson")
local socket = require("socket")

local server = {}
local methods = {}
local mt = { __name = "spec.server", __index = methods }

local SOURCE = debug.getinfo(1, "S").source:match("^@(.*)$")
local MAIN = SOURCE:gsub("support/server%.lua$", "provider/main.lua")

local function own_pid()
  local stat = assert(io.open("/proc/self/stat"))
  local pid = stat:read("*n")
  stat:close()
  return string.format("%d", pid)
end

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

-- What we have open must not live on in the server: fds 3 to 9 are closed.
local function command(options)
  local words = { "lua5.4", quote(MAIN), "--parent", own_pid() }
  if options.key then
    words[#words + 1] = "--key " .. quote(options.key)
  end
  for _, word in ipairs(options.args or {}) do
    words[#words + 1] = quote(word)
  end
  for fd = 3, 9 do words[#words + 1] = fd .. ">&-" end
  return table.concat(words, " ") .. " &"
end

local function read_reply(connection)
  local status = assert(connection:receive("*l")):match("^HTTP/1%.1 (%d+)")
  local length
  repeat
    local line = assert(connection:receive("*l"))
    length = length or line:lower():match("^content%-length: (%d+)")
  until line == ""
  return tonumber(status), assert(connection:receive(tonumber(length)))
end

-- cjson reads every number as a float; ports and counts are integers.
local function integers(value)
  if type(value) == "number" and math.tointeger then
    return math.tointeger(value) or value
  elseif type(value) == "table" then
    for key, item in pairs(value) do value[key] = integers(item) end
  end
  return value
end

local function call(self, method, name, body)
  local connection = assert(socket.connect("127.0.0.1", self.port))
  connection:setoption("tcp-nodelay", true)
  connection:settimeout(10)
  body = body and cjson.encode(body) or ""
  assert(connection:send(method .. " /_control/" .. name .. " HTTP/1.1\r\n"
    .. "host: control\r\nconnection: close\r\ncontent-length: " .. #body
    .. "\r\n\r\n" .. body))
  local status, reply = read_reply(connection)
  connection:close()
  reply = integers(cjson.decode(reply))
  if status ~= 200 then error("control: " .. tostring(reply.error), 3) end
  return reply
end

---@class spec.server
---@field port integer
---@field url string
---@field base_url string
---@field pid integer

---Starts a server. Options: `key` (the only API key it accepts), `args` (more
---command line words).
---@return spec.server
function server.start(options)
  local pipe = assert(io.popen(command(options or {})))
  local port = (pipe:read("*l") or ""):match("^listening (%d+)")
  pipe:close()
  assert(port, "the bundled provider did not start")
  local self = setmetatable({ port = tonumber(port) }, mt)
  self.url = "http://127.0.0.1:" .. port
  self.base_url = self.url .. "/v1"
  self.pid = self:stats().pid
  return self
end

-- busted loads every module anew for each file: only the registry outlives it.
local SHARED = "spec.support.server"

---The one server of this process.
---@return spec.server
function server.shared()
  local registry = debug.getregistry()
  registry[SHARED] = registry[SHARED] or server.start()
  return registry[SHARED]
end

-- What a script's owner can ask for, by path or by port.
local function handle(self, id, fields)
  fields.id = id
  function fields.requests() return call(self, "GET", "requests?id=" .. id) end
  function fields.accounts() return call(self, "GET", "accounts?id=" .. id) end
  function fields.events() return call(self, "GET", "events?id=" .. id) end
  function fields.signal(name)
    return call(self, "POST", "signal", { id = id, name = name })
  end
  function fields.forget() return call(self, "POST", "forget", { id = id }) end
  -- Polls for the first event of a kind (and number); nil after `seconds`.
  function fields.wait_event(kind, seconds, number)
    local deadline = socket.gettime() + (seconds or 2)
    repeat
      local seen = 0
      for _, event in ipairs(fields.events()) do
        if event.type == kind then seen = seen + 1 end
        if event.type == kind and seen == (number or 1) then return event end
      end
      socket.sleep(0.01)
    until socket.gettime() > deadline
    return nil
  end
  return fields
end

local function definition(replies, options)
  local message = { replies = replies }
  for name, value in pairs(options or {}) do message[name] = value end
  return message
end

---Registers a script: a list of replies, each a list of actions (or one).
---Options: `repeat_last`, `serve` (what no reply is left for goes to the
---bundled provider), `keep_body` (bytes of a request body to keep), `accounts`
---(by key: what each may do at the bundled provider, see its accounts.lua).
function methods:script(replies, options)
  local id = call(self, "POST", "script", definition(replies, options)).id
  local url = self.url .. "/s/" .. id
  return handle(self, id, { url = url, base_url = url .. "/v1",
    port = self.port })
end

---Opens a port whose connections run a script from their accept on: a list of
---actions, or a list of such lists, one a connection (the last one repeats).
---Options: `accept = false` (nobody takes the connection), `full = true`
---(connecting itself hangs), `backlog`, `repeat_last`.
function methods:port_script(actions, options)
  local several = actions[1] and actions[1][1] ~= nil
  local replies = several and actions or { actions }
  local reply = call(self, "POST", "port", definition(replies, options))
  local url = "http://127.0.0.1:" .. reply.port
  return handle(self, reply.id, { port = reply.port, url = url,
    base_url = url .. "/v1" })
end

function methods:stats()
  return call(self, "GET", "stats")
end

---The server's monotonic clock, the one of all recorded times.
function methods:now()
  return call(self, "GET", "now").at
end

function methods:stop()
  if self.stopped then return end
  self.stopped = true
  pcall(call, self, "POST", "quit", {})
  local registry = debug.getregistry()
  if registry[SHARED] == self then registry[SHARED] = nil end
end

---An event stream's bytes from a list of JSON texts, `[DONE]` at the end
---unless `done` is false.
function server.sse(events, done)
  local lines = {}
  for i, data in ipairs(events) do lines[i] = "data: " .. data .. "\n\n" end
  if done ~= false then lines[#lines + 1] = "data: [DONE]\n\n" end
  return table.concat(lines)
end

local function delta_of(fields)
  local parts = {}
  for _, name in ipairs({ "role", "content", "reasoning_content", "refusal" })
  do
    if fields[name] ~= nil then
      parts[#parts + 1] = ('"%s":%s'):format(name, cjson.encode(fields[name]))
    end
  end
  if fields.tool_calls then
    parts[#parts + 1] = '"tool_calls":' .. fields.tool_calls
  end
  return "{" .. table.concat(parts, ",") .. "}"
end

---One wire chunk as JSON text. Fields: `role`, `content`, `reasoning_content`,
---`refusal`, `tool_calls` (JSON text), `delta` (JSON text, instead of those),
---`finish`, `index`, `id`, `model`, `usage` (JSON text), `choices` (JSON text).
function server.chunk_json(fields)
  local finish = fields.finish and cjson.encode(fields.finish) or "null"
  local choices = fields.choices
    or ('[{"index":%d,"delta":%s,"finish_reason":%s}]'):format(
      fields.index or 0, fields.delta or delta_of(fields), finish)
  local usage = fields.usage and ',"usage":' .. fields.usage or ""
  return '{"id":"' .. (fields.id or "chatcmpl-1")
    .. '","object":"chat.completion.chunk","created":1750000000,"model":"'
    .. (fields.model or "bundled-echo") .. '","choices":' .. choices
    .. usage .. "}"
end

return server
