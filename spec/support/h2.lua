-- SPDX-License-Identifier: MIT
-- Frames of HTTP/2 as bytes, for scripted servers that misbehave: no more of the
-- protocol than it takes to answer, refuse, reset and go away.

local h2 = {}

local DATA, HEADERS, RST_STREAM, SETTINGS, GOAWAY = 0, 1, 3, 4, 7
local END_STREAM, END_HEADERS, ACK = 1, 4, 1

h2.errors = {
  NO_ERROR = 0, PROTOCOL_ERROR = 1, INTERNAL_ERROR = 2, FLOW_CONTROL_ERROR = 3, REFUSED_STREAM = 7, CANCEL = 8,
  ENHANCE_YOUR_CALM = 11, HTTP_1_1_REQUIRED = 13,
}

local function number(n, bytes)
  local out = {}
  for i = bytes, 1, -1 do
    out[i] = string.char(n % 256)
    n = math.floor(n / 256)
  end
  return table.concat(out)
end

local function frame(kind, flags, stream, payload)
  return number(#payload, 3) .. string.char(kind, flags) .. number(stream, 4) .. payload
end

-- A field in the plainest of HPACK's forms: literal, without indexing.
local function field(name, value)
  return "\0" .. string.char(#name) .. name .. string.char(#value) .. value
end

---What a server says first.
function h2.hello()
  return frame(SETTINGS, 0, 0, "") .. frame(SETTINGS, ACK, 0, "")
end

---The head of an answer: `fields` are more than its type.
function h2.head(stream, status, fields)
  local block = { field(":status", tostring(status)), field("content-type", "application/json") }
  for name, value in pairs(fields or {}) do block[#block + 1] = field(name, value) end
  return frame(HEADERS, END_HEADERS, stream, table.concat(block))
end

function h2.data(stream, bytes, last)
  return frame(DATA, last and END_STREAM or 0, stream, bytes)
end

---A whole answer with status 200.
function h2.answer(stream, body)
  return h2.head(stream, 200) .. h2.data(stream, body, true)
end

---`code`: a name of h2.errors.
function h2.rst(stream, code)
  return frame(RST_STREAM, 0, stream, number(h2.errors[code], 4))
end

function h2.goaway(last, code)
  return frame(GOAWAY, 0, 0, number(last, 4) .. number(h2.errors[code], 4))
end

return h2
