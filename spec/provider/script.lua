-- SPDX-License-Identifier: MIT
-- Scripted replies: a list of replies, each a list of actions on the raw
-- connection. A script is reached by path (/s/<id>/...), one reply a request,
-- or by a port of its own, one reply a connection, started at accept. Every
-- request and every event of its connections is recorded under its id.

local uv = require("luv")
local accounts = require("provider.accounts")
local conn_module = require("provider.conn")
local http = require("provider.http")
local json = require("provider.json")

local script = {}

local scripts = {}
local actions = {}
local BLOCK = 64 * 1024

local function record(run, request)
  local requests = run.script.requests
  request.entry = {
    method = request.method, target = request.target, head = request.head,
    headers = json.list(request.headers), connection = run.conn.number,
    port = run.conn.port, at = conn_module.now(), body = "", body_bytes = 0,
    whole = false,
  }
  requests[#requests + 1] = request.entry
end

local function read_body(run, request)
  http.read_body(run.conn, request, run.script.keep_body)
  local entry = request.entry
  entry.body, entry.body_bytes = request.body, request.body_bytes
  entry.whole = request.whole
  return request.whole
end

function actions.send(run, bytes)
  return run.conn:write(bytes)
end

function actions.send_each(run, bytes, action)
  local size = action.size or 1
  for from = 1, #bytes, size do
    if not run.conn:write(bytes:sub(from, from + size - 1)) then
      return false
    end
    if not run.conn:sleep(action.delay or 0) then return false end
  end
  return true
end

-- A chunked body, cut in four places a quarter of it apart: one byte further (or
-- `stride`) with each request, so that a quarter of them cut it everywhere.
function actions.cut(run, bytes, action)
  local at, quarter = run.script.cut or 0, math.ceil(#bytes / 4)
  run.script.cut = (at + (action.stride or 1)) % math.max(quarter, 1)
  local parts, from = {}, 1
  for to = at, #bytes + quarter, math.max(quarter, 1) do
    local part = bytes:sub(from, to)
    if part ~= "" then parts[#parts + 1] = http.chunk(part) end
    from = to + 1
  end
  return run.conn:write(action.head .. table.concat(parts) .. (action.open and "" or "0\r\n\r\n"))
end

function actions.sleep(run, seconds)
  return run.conn:sleep(seconds)
end

function actions.early()
  return true
end

-- In a port's script every call waits for the connection's next request.
function actions.wait_request(run)
  if not run.request or (run.request.body and run.by_port) then
    run.request = http.read_request(run.conn)
    if not run.request then return false end
    record(run, run.request)
  end
  return read_body(run, run.request)
end

function actions.wait_head(run)
  run.request = http.read_request(run.conn)
  if not run.request then return false end
  record(run, run.request)
  return true
end

function actions.wait_bytes(run, count)
  local parts = {}
  local whole = run.conn:take(count, function(piece)
    parts[#parts + 1] = piece
  end)
  local requests = run.script.requests
  requests[#requests + 1] = {
    raw = table.concat(parts), connection = run.conn.number,
    port = run.conn.port, at = conn_module.now(),
  }
  return whole
end

local function read_exactly(conn, count)
  local parts = {}
  local whole = conn:take(count, function(piece) parts[#parts + 1] = piece end)
  return whole and table.concat(parts)
end

-- Reads frames of HTTP/2 until a request is whole: one whose last frame of
-- headers or data ends its stream.
function actions.wait_h2(run)
  if not run.h2 and not read_exactly(run.conn, 24) then return false end
  run.h2 = true
  while true do
    local head = read_exactly(run.conn, 9)
    if not head then return false end
    local length, kind, flags, stream = string.unpack(">I3BBI4", head)
    if not read_exactly(run.conn, length) then return false end
    if kind <= 1 and flags & 1 == 1 then
      local requests = run.script.requests
      requests[#requests + 1] = { stream = stream, connection = run.conn.number, at = conn_module.now() }
      return true
    end
  end
end

function actions.half_close(run)
  run.conn:half_close()
  return true
end

function actions.fin(run)
  run.conn:finish()
  return false
end

function actions.rst(run)
  run.conn:reset()
  return false
end

-- The script goes on after it, whether the client closed or not.
function actions.wait_close(run, seconds)
  if not run.conn:wait_close(seconds) then
    run.conn:event("wait_close_timeout")
  end
  return true
end

function actions.keep_open(run)
  run.conn:wait_close()
  return false
end

-- Sent in blocks, each only when the kernel has taken the one before.
function actions.repeat_send(run, bytes, action)
  local left, each = action.count or 1, 1
  if not action.delay then each = math.max(1, math.floor(BLOCK / #bytes)) end
  while left > 0 do
    local now = math.min(left, each)
    if not run.conn:write(bytes:rep(now)) then return false end
    left = left - now
    if not run.conn:sleep(action.delay or 0) then return false end
  end
  return true
end

function actions.chunk(run, bytes)
  return run.conn:write(http.chunk(bytes))
end

function actions.last_chunk(run)
  return run.conn:write("0\r\n\r\n")
end

local function with_default(headers, name, value)
  local list = {}
  for index, content in pairs(headers or {}) do
    local key = index
    if type(content) == "table" then key, content = content[1], content[2] end
    if key:lower() == name then return headers end
    list[#list + 1] = { key, tostring(content) }
  end
  if headers and headers[1] then
    for i, pair in ipairs(headers) do list[i] = { pair[1], pair[2] } end
  end
  list[#list + 1] = { name, value }
  return list
end

function actions.status(run, status, action)
  local headers = action.headers
  if action.chunked then
    headers = with_default(headers, "transfer-encoding", "chunked")
    return run.conn:write(http.head(status, headers))
  end
  local body = action.body or ""
  headers = with_default(headers, "content-length", #body)
  if action.body and body:match("^%s*[%[{]") then
    headers = with_default(headers, "content-type", "application/json")
  end
  return run.conn:write(http.head(status, headers) .. body)
end

function actions.sse(run, events, action)
  local conn = run.conn
  local headers = with_default(action.headers, "content-type",
    "text/event-stream")
  headers = with_default(headers, "transfer-encoding", "chunked")
  if not conn:write(http.head(200, headers)) then return false end
  for _, data in ipairs(events) do
    if not conn:write(http.chunk("data: " .. data .. "\n\n"))
      or not conn:sleep(action.delay or 0) then
      return false
    end
  end
  return action.open or conn:write("0\r\n\r\n")
end

function actions.record(run, name)
  run.conn:event("mark", nil, name)
  return true
end

-- Waits for POST /_control/signal with this name (or goes on if it came).
function actions.wait_signal(run, name)
  local signals = run.script.signals
  while not signals[name] do
    run.script.waiting[run.conn] = true
    local here = run.conn:wait_signal()
    run.script.waiting[run.conn] = nil
    if not here then return false end
  end
  return true
end

function actions.stop_reading(run)
  run.conn:stop_reading()
  return true
end

function actions.start_reading(run)
  run.conn:start_reading()
  return true
end

-- The bundled provider answers this request; on a port of its own, this one
-- and all that follow on the connection.
function actions.serve(run)
  if not run.by_port then
    script.serve(run.conn, run.request, run.path, run.script.world)
    return true
  end
  while actions.wait_request(run) do
    script.serve(run.conn, run.request, run.request.path, run.script.world)
    if run.request.close then break end
  end
  return false
end

local function name_of(action)
  for name in pairs(action) do
    if actions[name] then return name end
  end
  error("unknown action: " .. json.encode(action), 0)
end

local function prepare(reply)
  if next(reply) ~= nil and reply[1] == nil then reply = { reply } end
  local steps = {}
  for i, action in ipairs(reply) do
    local name = name_of(action)
    steps[i] = { run = actions[name], name = name, value = action[name],
      action = action }
  end
  return steps
end

local registered = 0

-- `definition`: id, replies, repeat_last, serve, keep_body, accounts.
function script.register(definition)
  registered = registered + 1
  local replies = {}
  for i, reply in ipairs(definition.replies or {}) do
    replies[i] = prepare(reply)
  end
  local id = definition.id or "script" .. registered
  scripts[id] = {
    id = id, replies = replies, next = 1, serve = definition.serve,
    repeat_last = definition.repeat_last, keep_body = definition.keep_body,
    requests = {}, events = {}, signals = {}, waiting = {},
    world = accounts.world(definition.accounts),
  }
  return scripts[id]
end

function script.find(id)
  return scripts[id]
end

function script.forget(id)
  local found = scripts[id]
  if found and found.listener then found.listener:close() end
  for _, socket in ipairs(found and found.sockets or {}) do socket:close() end
  scripts[id] = nil
end

function script.signal(id, name)
  local found = scripts[id]
  found.signals[name] = true
  local woken = {}
  for conn in pairs(found.waiting) do woken[#woken + 1] = conn end
  for _, conn in ipairs(woken) do conn:signal() end
end

local function next_reply(found)
  local reply = found.replies[found.next]
  if reply then found.next = found.next + 1 end
  return reply or (found.repeat_last and found.replies[#found.replies])
end

local function play(run, steps)
  for _, step in ipairs(steps) do
    if not step.run(run, step.value, step.action) then break end
  end
  if run.conn.half_closed then run.conn:close() end
end

-- Answers a request whose path begins with /s/<id>.
function script.handle(conn, request, id, path)
  local found = scripts[id]
  if not found then return http.respond(conn, request, 404, "no such script") end
  conn:log_to(found.events)
  local run = { conn = conn, request = request, path = path, script = found }
  record(run, request)
  local steps = next_reply(found)
  local early = steps and steps[1] and steps[1].name == "early"
  if found.serve then http.invite_body(conn, request) end
  if not early and not read_body(run, request) then return end
  if found.serve and not steps then return actions.serve(run) end
  if not steps then
    return http.respond(conn, request, 500, "script exhausted")
  end
  play(run, steps)
  if not conn.closed then read_body(run, request) end
end

local function run_port(conn, found)
  conn:log_to(found.events)
  local steps = next_reply(found)
  if not steps then return conn:close() end
  play({ conn = conn, script = found, by_port = true, path = "/" }, steps)
  if not conn.closed then conn:finish() end
end

-- Kernel accepts as far as the backlog goes, nobody ever takes a connection.
-- With `full` the backlog is used up beforehand: connecting hangs.
local function open_deaf(found, definition)
  local socket = require("socket")
  local listener = assert(socket.tcp4())
  assert(listener:bind("127.0.0.1", 0))
  assert(listener:listen(definition.full and 0 or definition.backlog or 16))
  local _, port = listener:getsockname()
  found.sockets = { listener }
  for _ = 1, definition.full and 4 or 0 do
    local filler = assert(socket.tcp4())
    filler:settimeout(0)
    filler:connect("127.0.0.1", port)
    table.insert(found.sockets, filler)
  end
  return tonumber(port)
end

local function open_listening(found, definition)
  local listener = uv.new_tcp()
  assert(listener:bind("127.0.0.1", 0))
  local port = listener:getsockname().port
  assert(listener:listen(definition.backlog or 1024, function()
    conn_module.accept(listener, port, function(conn) run_port(conn, found) end)
  end))
  found.listener = listener
  return port
end

-- Opens a port with a script of its own; returns the script and the port.
function script.open_port(definition)
  if definition.repeat_last == nil then definition.repeat_last = true end
  local found = script.register(definition)
  if definition.accept == false or definition.full then
    return found, open_deaf(found, definition)
  end
  return found, open_listening(found, definition)
end

return script
