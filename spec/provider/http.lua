-- SPDX-License-Identifier: MIT
-- HTTP/1.x over a connection: heads are parsed as soon as they are complete,
-- bodies only when a handler asks, so that a script may answer while the
-- client is still uploading.

local http = {}

local MAX_HEAD = 1024 * 1024
local KEPT_BODY = 64 * 1024 * 1024

local reasons = {
  [200] = "OK", [400] = "Bad Request", [401] = "Unauthorized",
  [402] = "Payment Required", [403] = "Forbidden", [404] = "Not Found",
  [405] = "Method Not Allowed", [408] = "Request Timeout", [409] = "Conflict",
  [413] = "Content Too Large", [422] = "Unprocessable Entity",
  [429] = "Too Many Requests", [500] = "Internal Server Error",
  [502] = "Bad Gateway", [503] = "Service Unavailable",
  [504] = "Gateway Timeout", [524] = "A Timeout Occurred",
}

local function read_head(conn)
  local from = 1
  while #conn.input <= MAX_HEAD do
    local _, stop = conn.input:find("\r\n\r\n", from, true)
    if stop then
      local head = conn.input:sub(1, stop)
      conn.input = conn.input:sub(stop + 1)
      return head
    end
    from = math.max(1, #conn.input - 2)
    if not conn:fill() then return nil end
  end
end

local function parse_head(head)
  local method, target, version, rest =
    head:match("^(%S+) (%S+) HTTP/(1%.[01])\r\n(.*)$")
  if not method then return nil end
  local list, map = {}, {}
  for name, value in rest:gmatch("([^\r\n:]+):[ \t]*([^\r\n]*)\r\n") do
    list[#list + 1] = { name, value }
    map[name:lower()] = value
  end
  return {
    method = method, target = target, version = version, head = head,
    headers = list, header = map, path = target:match("^[^?#]*"),
  }
end

local function wants_close(request)
  local connection = (request.header.connection or ""):lower()
  if request.version == "1.0" then
    return not connection:find("keep-alive", 1, true)
  end
  return connection:find("close", 1, true) ~= nil
end

-- The next request's head, its body still unread; nil when there is none.
function http.read_request(conn)
  local head = read_head(conn)
  local request = head and parse_head(head)
  if not request then
    if head then http.respond(conn, { close = true }, 400, "not HTTP") end
    return nil
  end
  request.close = wants_close(request)
  return request
end

local function collector(request, keep)
  local parts = {}
  request.body_bytes = 0
  return function(piece)
    request.body_bytes = request.body_bytes + #piece
    if request.body_bytes <= keep then parts[#parts + 1] = piece end
  end, parts
end

local function read_line(conn)
  while true do
    local line, rest = conn.input:match("^([^\n]*)\r\n(.*)$")
    if line then
      conn.input = rest
      return line
    end
    if not conn:fill() then return nil end
  end
end

local function skip_trailers(conn)
  local line
  repeat line = read_line(conn) until not line or line == ""
  return line ~= nil
end

local function ignore() end

local function read_chunked(conn, sink)
  while true do
    local line = read_line(conn)
    local size = line and tonumber(line:match("^%x+") or "", 16)
    if not size then return false end
    if size == 0 then return skip_trailers(conn) end
    if not conn:take(size, sink) or not conn:take(2, ignore) then
      return false
    end
  end
end

local function read_payload(conn, request, sink)
  local coding = request.header["transfer-encoding"]
  if coding and coding:lower():find("chunked", 1, true) then
    return read_chunked(conn, sink)
  end
  local length = tonumber(request.header["content-length"] or 0) or 0
  return conn:take(length, sink)
end

-- Reads the body once; of a body over `keep` bytes only the start is kept.
-- False when the client went away before it was whole.
function http.read_body(conn, request, keep)
  if request.body then return request.whole end
  local sink, parts = collector(request, keep or KEPT_BODY)
  request.whole = read_payload(conn, request, sink)
  request.body = table.concat(parts)
  return request.whole
end

function http.invite_body(conn, request)
  local expect = request.header.expect
  if expect and expect:lower() == "100-continue" then
    conn:write("HTTP/1.1 100 Continue\r\n\r\n")
  end
end

-- `headers` is a list of { name, value } or a map.
local function header_lines(headers)
  local lines = {}
  if headers[1] then
    for i, pair in ipairs(headers) do lines[i] = pair[1] .. ": " .. pair[2] end
    return lines
  end
  for name, value in pairs(headers) do
    lines[#lines + 1] = name .. ": " .. tostring(value)
  end
  table.sort(lines)
  return lines
end

function http.head(status, headers)
  local lines = header_lines(headers)
  local reason = reasons[status] or "Unknown"
  table.insert(lines, 1, "HTTP/1.1 " .. status .. " " .. reason)
  return table.concat(lines, "\r\n") .. "\r\n\r\n"
end

local function add_common(list, request)
  if request.id then list[#list + 1] = { "x-request-id", request.id } end
  for _, pair in ipairs(request.extra or {}) do list[#list + 1] = pair end
  if request.close then list[#list + 1] = { "connection", "close" } end
end

function http.respond(conn, request, status, body, headers)
  local list = {
    { "content-type", "application/json" }, { "content-length", #body },
  }
  for _, pair in ipairs(headers or {}) do
    if pair[1] == "content-type" then list[1] = pair
    else list[#list + 1] = pair end
  end
  add_common(list, request)
  return conn:write(http.head(status, list) .. body)
end

-- Begins a stream, of events unless told what else; returns a function that
-- sends one piece of it, and one that ends it. HTTP/1.0 knows no chunks: there
-- the close is the end.
function http.stream(conn, request, kind)
  local chunked = request.version ~= "1.0"
  local list = {
    { "content-type", kind or "text/event-stream; charset=utf-8" },
    { "cache-control", "no-cache" },
  }
  request.close = request.close or not chunked
  if chunked then list[#list + 1] = { "transfer-encoding", "chunked" } end
  add_common(list, request)
  conn:write(http.head(200, list))
  local function send(data)
    return conn:write(chunked and http.chunk(data) or data)
  end
  local function finish()
    return not chunked or conn:write("0\r\n\r\n")
  end
  return send, finish
end

function http.chunk(data)
  return string.format("%x\r\n%s\r\n", #data, data)
end

local function unescape(text)
  text = text:gsub("+", " ")
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

-- The query parameters of the request, decoded once.
function http.query(request)
  if request.query then return request.query end
  local query = {}
  for name, value in (request.target:match("%?(.*)$") or "")
    :gmatch("([^&=]+)=?([^&]*)") do
    query[unescape(name)] = unescape(value)
  end
  request.query = query
  return query
end

return http
