-- SPDX-License-Identifier: MIT
-- A bare HTTP client on luasocket: what a spec uses to look at the wire itself.

local cjson = require("cjson")
local socket = require("socket")

local raw = {}

---A connected TCP socket with a timeout, in seconds.
function raw.connect(port, timeout)
  local client = assert(socket.connect("127.0.0.1", port))
  client:setoption("tcp-nodelay", true)
  client:settimeout(timeout or 5)
  return client
end

---Everything until the other side closes; then how it ended: "closed" (a FIN
---or a reset, see `raw.was_reset`) or "timeout".
function raw.read_all(client)
  local parts = {}
  while true do
    local data, err, partial = client:receive(8192)
    parts[#parts + 1] = data or partial
    if not data then return table.concat(parts), err end
  end
end

---Waits until there is something to read and says if it is a reset. Must be
---asked before anything reads the error away.
function raw.was_reset(client, timeout)
  socket.select({ client }, nil, timeout or 5)
  return client:getoption("error") == "closed"
end

---The bytes of a request; a body gets a content-length.
function raw.bytes(method, target, body, headers)
  local lines = { method .. " " .. target .. " HTTP/1.1", "host: localhost" }
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  if body then lines[#lines + 1] = "content-length: " .. #body end
  return table.concat(lines, "\r\n") .. "\r\n\r\n" .. (body or "")
end

local function read_chunks(client)
  local chunks = {}
  while true do
    local size = tonumber((assert(client:receive("*l"))), 16)
    local data = size > 0 and assert(client:receive(size)) or nil
    assert(client:receive(2) == "\r\n", "chunk not ended by CRLF")
    if not data then return table.concat(chunks), chunks end
    chunks[#chunks + 1] = data
  end
end

---One reply from the connection: status, headers (lower case), body, and for a
---chunked one the list of chunks.
function raw.read_reply(client)
  local status = assert(client:receive("*l")):match("^HTTP/1%.1 (%d+)")
  local reply = { status = tonumber(status), headers = {} }
  while true do
    local line = assert(client:receive("*l"))
    if line == "" then break end
    local name, value = line:match("^([^:]+):%s*(.*)$")
    reply.headers[name:lower()] = value
  end
  if reply.headers["transfer-encoding"] == "chunked" then
    reply.body, reply.chunks = read_chunks(client)
  else
    local length = tonumber(reply.headers["content-length"])
    reply.body = length > 0 and assert(client:receive(length)) or ""
  end
  return reply
end

---Asks on a connection of its own and reads the reply.
function raw.request(port, method, target, body, headers)
  local client = raw.connect(port)
  assert(client:send(raw.bytes(method, target, body, headers)))
  local reply = raw.read_reply(client)
  client:close()
  return reply
end

---The JSON texts of an event stream.
function raw.events(body)
  local list = {}
  for data in body:gmatch("data: ([^\n]*)\n\n") do list[#list + 1] = data end
  return list
end

---What the deltas of a streamed completion say in one field, joined.
function raw.joined(body, field)
  local parts = {}
  for _, data in ipairs(raw.events(body)) do
    local chunk = data ~= "[DONE]" and cjson.decode(data)
    local choice = chunk and chunk.choices[1]
    local piece = choice and choice.delta[field]
    if type(piece) == "string" then parts[#parts + 1] = piece end
  end
  return table.concat(parts)
end

return raw
