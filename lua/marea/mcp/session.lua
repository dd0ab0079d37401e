-- SPDX-License-Identifier: MIT
-- The conversation with a Model Context Protocol server, whatever carries it:
-- requests and their answers, what each side tells the other, limits of time,
-- cancellation and progress. JSON-RPC 2.0.

local Error = require "marea.error"
local json = require "marea.json"
local loop = require "marea.loop"
local task = require "marea.task"
local trace = require "marea.trace"

local session = {}
session.__index = session

--- Revisions of the protocol that are spoken, the newest first.
session.versions = { "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05" }

--- A session over a transport: see stdio.lua for what one must have.
---@param transport table
---@param options { told: fun(method: string, params: table), answers: table }
function session.new(transport, options)
  return setmetatable({ transport = transport, pending = {}, last_id = 0, told = options.told,
    answers = options.answers or {}, open = false, on_end = options.ended }, session)
end

---- what comes ---------------------------------------------------------------------------

local kinds = { [-32700] = "bad_request", [-32600] = "bad_request", [-32601] = "bad_request", [-32602] = "bad_request",
  [-32002] = "not_found", [-32001] = "timeout" }

local function as_error(fault)
  if type(fault) ~= "table" then fault = { message = tostring(fault) } end
  local details = fault.data
  return Error.new { kind = kinds[fault.code] or "server", code = fault.code, details = details,
    message = type(fault.message) == "string" and fault.message or "the server refused it" }
end

local function settle(self, id, result, err)
  local call = self.pending[id]
  if not call then return end
  self.pending[id] = nil
  call.over, call.result, call.err = true, result, err
  if call.waiter then loop.wake(call.waiter) end
end

local function take_progress(self, params)
  local call = self.pending[params.progressToken]
  if call and call.progress then task.spawn(call.progress, params) end
end

local function take_notice(self, method, params)
  if method == "notifications/progress" then return take_progress(self, params) end
  self.told(method, params)
end

local function answer(self, message)
  local f = self.answers[message.method]
  local reply = { jsonrpc = "2.0", id = message.id }
  if message.method == "ping" then reply.result = {}
  elseif not f then reply.error = { code = -32601, message = "not offered: " .. tostring(message.method) }
  else
    local ok, result, why = pcall(f, type(message.params) == "table" and message.params or {})
    if ok and type(result) == "table" then reply.result = result
    else reply.error = { code = -32603, message = tostring(not ok and result or why or "declined") } end
  end
  self.transport:send(reply)
end

local function take(self, message)
  local params = type(message.params) == "table" and message.params or {}
  if message.method == nil then
    if message.id == nil then return end
    local fault = message.error
    if fault ~= nil and fault ~= json.null then return settle(self, message.id, nil, as_error(fault)) end
    return settle(self, message.id, type(message.result) == "table" and message.result or {})
  end
  if message.id == nil then return take_notice(self, message.method, params) end
  task.background(answer, self, message)
end

-- A message, or, in older revisions, a list of them.
local function receive(self, message)
  if message[1] == nil then return take(self, message) end
  for _, one in ipairs(message) do
    if type(one) == "table" then take(self, one) end
  end
end

---- what goes ----------------------------------------------------------------------------

--- Tells the server something.
function session:tell(method, params)
  return self.transport:send { jsonrpc = "2.0", method = method, params = params }
end

local function give_up(self, call, why)
  self.pending[call.id] = nil
  self.transport:abandon(call.id)
  if call.method ~= "initialize" then
    self:tell("notifications/cancelled", { requestId = call.id, reason = why })
  end
end

-- Waits for the answer, for so many seconds at most. Returns as loop.suspend does.
local function await(call, seconds)
  local timer, id = loop.engine():timer(seconds)
  loop.watch(id, function()
    call.late = true
    if call.waiter then loop.wake(call.waiter) end
  end)
  local cancelled
  while not (call.over or call.late or cancelled) do
    call.waiter = loop.waiter()
    loop.changed()
    cancelled = loop.suspend(call.waiter)
  end
  call.waiter = nil
  loop.forget(id)
  timer:close()
  return cancelled
end

-- The trace goes along where the protocol has a place for it.
local function with_meta(params, call)
  local context = trace.headers()
  if not call.progress and not context then return params end
  local out, meta = {}, {}
  for key, value in pairs(params) do out[key] = value end
  for key, value in pairs(params._meta or {}) do meta[key] = value end
  for key, value in pairs(context or {}) do meta[key] = value end
  if call.progress then meta.progressToken = call.id end
  out._meta = meta
  return out
end

local function ask(self, method, params, options)
  self.last_id = self.last_id + 1
  local call = { id = self.last_id, method = method, progress = options.progress }
  self.pending[call.id] = call
  local message = { jsonrpc = "2.0", id = call.id, method = method, params = with_meta(params, call) }
  local sent, err = self.transport:send(message, function(why) settle(self, call.id, nil, why) end)
  if not sent then
    self.pending[call.id] = nil
    return nil, err
  end
  local cancelled = await(call, options.timeout)
  if call.over and call.err then return nil, call.err end
  if call.over then return call.result end
  give_up(self, call, cancelled and "cancelled" or "timed out")
  if cancelled then error(cancelled, 0) end
  return nil, Error.new { kind = "timeout", phase = "total",
    message = ("%s was not answered within %g s"):format(method, options.timeout) }
end

--- Asks the server something. Returns the result; or nil and an error.
---@param method string
---@param params table
---@param options { timeout: number, progress: fun(progress: table)|nil }
function session:request(method, params, options)
  if not self.open then
    return nil, self.fault or Error.new { kind = "connection", message = "the connection to the server is closed" }
  end
  return trace.span("mcp", { method = method, params = params, session = self }, ask, self, method, params, options)
end

---- beginning and end ---------------------------------------------------------------------

local function end_all(self, err)
  self.open, self.fault = false, err
  local ids = {}
  for id in pairs(self.pending) do ids[#ids + 1] = id end
  for _, id in ipairs(ids) do settle(self, id, nil, err) end
end

local function is_spoken(version)
  for _, known in ipairs(session.versions) do
    if known == version then return true end
  end
end

local capability_of = { ["sampling/createMessage"] = "sampling", ["elicitation/create"] = "elicitation",
  ["roots/list"] = "roots" }

local function capabilities(answers)
  local out = {}
  for method in pairs(answers) do
    if capability_of[method] then out[capability_of[method]] = {} end
  end
  return out
end

local function greet(self, about, seconds)
  local result, err = self:request("initialize", { protocolVersion = session.versions[1], clientInfo = about,
    capabilities = capabilities(self.answers) }, { timeout = seconds })
  if not result then return nil, err end
  if not is_spoken(result.protocolVersion) then
    local message = "the server speaks revision %s of the protocol; here are %s"
    return nil, Error.new { kind = "protocol",
      message = message:format(tostring(result.protocolVersion), table.concat(session.versions, ", ")) }
  end
  self.version = result.protocolVersion
  self.capabilities = type(result.capabilities) == "table" and result.capabilities or {}
  self.server = type(result.serverInfo) == "table" and result.serverInfo or {}
  self.instructions = type(result.instructions) == "string" and result.instructions or nil
  if self.transport.agreed then self.transport:agreed(self.version) end
  local told
  told, err = self:tell("notifications/initialized")
  if not told then return nil, err end
  if self.transport.listen then self.transport:listen() end
  return self
end

--- Begins: connects and agrees on a revision, within so many seconds.
---@return table|nil, marea.error|nil
function session:start(about, seconds)
  local ok, err = self.transport:open(function(message) receive(self, message) end, function(fault)
    end_all(self, fault)
    if self.on_end then self.on_end(fault) end
  end)
  if not ok then return nil, err end
  self.open, self.fault = true, nil
  local done, greeted
  done, greeted, err = pcall(greet, self, about, seconds)
  if done and greeted then return self end
  local fault = self.fault
  self:close()
  if not done then error(greeted, 0) end
  return nil, fault or err
end

--- Ends it. What waits for an answer gets `cancelled`.
function session:close()
  if self.open then
    end_all(self, Error.new { kind = "cancelled", message = "the connection to the server was closed" })
  end
  self.transport:close()
end

return session
