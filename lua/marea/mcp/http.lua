-- SPDX-License-Identifier: MIT
-- A Model Context Protocol server over HTTP ("streamable HTTP"): each message of
-- ours is a POST, answered by JSON or by a stream of events; what the server says
-- unasked comes by the stream of a GET, where it offers one.

local client = require "marea.client"
local Error = require "marea.error"
local fault = require "marea.fault"
local json = require "marea.json"
local loop = require "marea.loop"
local redact = require "marea.redact"
local request = require "marea.request"
local task = require "marea.task"
local url = require "marea.url"

local http = {}
local methods = {}
local metatable = { __index = methods }

local GOODBYE = 2                              -- seconds for the last word to a server
local FIRST_PAUSE, LAST_PAUSE = 0.5, 60        -- before it is listened to again
local NO_CLOCKS = { first_byte = false, idle = false, event = false }   -- the limits are the session's

--- A transport: { url = }, and what a client takes.
function http.new(options)
  local made = client.new { base_url = url.origin(options.url) or options.url, api_key = options.api_key,
    headers = options.headers, ca_file = options.ca_file, proxy = options.proxy, timeout = NO_CLOCKS, max_retries = 0 }
  local path = options.url:gsub("#.*$", ""):match("^%a[%w+.-]*://[^/?]*/*(.*)$")
  return setmetatable({ client = made, path = path or "", name = redact.url(options.url), tasks = {} }, metatable)
end

-- What each request says of the conversation it is part of.
local function headers_of(self)
  return { ["Mcp-Session-Id"] = self.session_id, ["MCP-Protocol-Version"] = self.version }
end

local function exchange(self, method, body, accept, timeout)
  return client.exchange(self.client, { method = method, path = self.path, accept = accept }, body,
    { headers = headers_of(self), timeout = timeout })
end

---- answers -----------------------------------------------------------------------------

-- One by one, as they come.
local function read_events(answer, receive)
  local transfer = answer.transfer
  transfer:read_as("events")
  while true do
    local text, value = transfer:pull()
    if text == false and type(value) == "table" then receive(value)
    elseif text == nil and not transfer:wait() then
      loop.changed()
      local cancelled = loop.wait(answer.transfer:id())
      if cancelled then error(cancelled, 0) end
    elseif text == nil and transfer:done() then
      text, value = transfer:rest()
      if text == false and type(value) == "table" then receive(value) end
      return
    end
  end
end

local function read_json(answer, call, receive)
  local cancelled = request.read_whole(answer)
  if cancelled then error(cancelled, 0) end
  local broken = fault.of_transfer(call, answer)
  if broken then return broken end
  if not answer.body:find("%S") then return end
  local value = json.decode(answer.body)
  if type(value) ~= "table" then return fault.of_answer(call, answer, "decode", "the server's answer is not JSON") end
  receive(value)
end

-- Returns the error it ended with, if it did.
local function read(answer, call, receive)
  if answer:media_type() ~= "text/event-stream" then return read_json(answer, call, receive) end
  read_events(answer, receive)
  return fault.of_transfer(call, answer)
end

local function let_go_of(answer, f, ...)
  local ok, err = pcall(f, answer, ...)
  request.let_go(answer)
  if not ok then error(err, 0) end
  return err
end

---- sending -----------------------------------------------------------------------------

-- A session the server no longer knows has ended.
local function judge(self, err)
  if err.status == 404 and self.session_id then
    self.session_id = nil
    task.background(self.ended, err)
  end
  return err
end

-- Returns why there was no answer, if there was none.
local function post(self, message)
  local answer, call = exchange(self, "POST", json.encode(message), "application/json, text/event-stream")
  if not answer then return judge(self, call) end
  self.session_id = answer:headers()["mcp-session-id"] or self.session_id
  return let_go_of(answer, read, call, self.receive)
end

-- An answer that ends without saying anything is none.
local function post_request(self, message, fail)
  local ok, err = pcall(post, self, message)
  self.tasks[message.id] = nil
  if not Error.is(err) then
    err = Error.new { kind = "truncated", message = ok and "the server's answer holds none" or tostring(err) }
  end
  fail(err)
end

--- Sends a message. A request's failure is told to `fail`, if no answer came.
---@return true|nil, marea.error|nil
function methods:send(message, fail)
  if fail then
    self.tasks[message.id] = task.background(post_request, self, message, fail)
  elseif message.method == "notifications/initialized" then
    local err = post(self, message)
    if err then return nil, err end
  else task.background(post, self, message) end
  loop.changed()
  return true
end

--- Nothing more is expected for this request.
function methods:abandon(id)
  local one = self.tasks[id]
  self.tasks[id] = nil
  if one then one:cancel() end
end

---- listening ---------------------------------------------------------------------------

-- Returns whether to go on.
local function listen_once(self)
  local answer, err = exchange(self, "GET", nil, "text/event-stream")
  if not answer then return not err.status or err.status >= 500 end
  if answer:media_type() ~= "text/event-stream" then
    request.let_go(answer)
    return false
  end
  self.pause = FIRST_PAUSE
  let_go_of(answer, read_events, self.receive)
  return true
end

local function listen(self)
  self.pause = FIRST_PAUSE
  while listen_once(self) do
    task.sleep(self.pause)
    self.pause = math.min(self.pause * 2, LAST_PAUSE)
  end
end

--- Hears what the server says unasked, where it offers that.
function methods:listen()
  self.listener = task.background(listen, self)
end

---- beginning and end -------------------------------------------------------------------

function methods:open(receive, ended)
  self.receive, self.ended, self.session_id, self.version = receive, ended, nil, nil
  return true
end

--- Both sides know the revision now.
function methods:agreed(version)
  self.version = version
end

local function say_goodbye(self)
  local answer = exchange(self, "DELETE", nil, "application/json", { total = GOODBYE })
  if answer then request.let_go(answer) end
end

--- Ends it: what is under way is closed, and the server is told.
function methods:close()
  for id in pairs(self.tasks) do self:abandon(id) end
  if self.listener then self.listener:cancel() end
  self.listener = nil
  if self.session_id then pcall(say_goodbye, self) end
  self.session_id = nil
end

return http
