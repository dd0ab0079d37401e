-- SPDX-License-Identifier: MIT
-- What the soak's servers do, at random, and what may come of each: the kinds of
-- error, and whether all may go well. The random numbers are the caller's.

local faults = require("spec.support.faults")
local server = require("spec.support.server")

local world = {}

local WORDS = { "mar", "ola", "sal", "luna", "ñandú", "日本", "\\n", "x" }

-- An answer in so many pieces, as a stream and as a whole.
local function answer(choose)
  local events, text = {}, {}
  for i = 1, choose(30) do
    text[i] = WORDS[choose(#WORDS)]
    events[i] = 'data: {"id":"c","choices":[{"index":0,"delta":{"content":"' .. text[i] .. '"}}]}\n\n'
  end
  events[#events + 1] = 'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
  return events, table.concat(text)
end

local function streamed(choose)
  local events, text = answer(choose)
  local out = { faults.SSE_HEAD }
  for _, event in ipairs(events) do out[#out + 1] = faults.chunk(event) end
  out[#out + 1] = "0\r\n\r\n"
  return table.concat(out), text
end

local function whole(choose)
  local _, text = answer(choose)
  return faults.reply('{"id":"c","object":"chat.completion","choices":[{"index":0,"message":'
    .. '{"role":"assistant","content":"' .. text .. '"},"finish_reason":"stop"}]}'), text
end

-- Bytes in pieces of some size: at once, or so many at a time.
local function pieces(choose, bytes)
  local size = ({ #bytes, 1, 7, 100 })[choose(4)]
  if size == #bytes or #bytes == 0 then return { send = bytes } end
  return { send_each = bytes, size = size }
end

local ends = { { fin = true }, { rst = true }, { half_close = true } }

local function cut(make)
  return function(choose)
    local bytes, text = make(choose)
    local at = choose(#bytes) - 1
    return { pieces(choose, bytes:sub(1, at)), ends[choose(#ends)] }, text
  end
end

local function plain(action)
  return function() return { action }, nil end
end

local function reply_of(status, body, headers)
  return plain { status = status, body = body, headers = headers }
end

local function good(make)
  return function(choose)
    local bytes, text = make(choose)
    return { pieces(choose, bytes) }, text
  end
end

-- Holds at any byte until the client gives up.
local function stall(make)
  return function(choose)
    local bytes, text = make(choose)
    return { { send = bytes:sub(1, choose(#bytes) - 1) }, { keep_open = true } }, text
  end
end

local function broken_stream(event)
  return function()
    return { { send = faults.SSE_HEAD .. faults.text("uno") .. faults.chunk(event) .. "0\r\n\r\n" } }
  end
end

local GZIP = "\31\139\8\0\0\0\0\0\0\3"

-- name = { how it is made, kinds that may come of it (ok: all may go well),
-- whether it is for streams, for others, or (nil) for both }
world.kinds = {
  good_stream = { good(streamed), { ok = true }, "stream" },
  good_whole = { good(whole), { ok = true }, "whole" },
  cut_stream = { cut(streamed), { ok = true, truncated = true, connection = true, protocol = true }, "stream" },
  cut_whole = { cut(whole), { ok = true, truncated = true, connection = true, protocol = true }, "whole" },
  stalled_stream = { stall(streamed), { ok = true, timeout = true }, "stream" },
  stalled_whole = { stall(whole), { ok = true, timeout = true }, "whole" },
  silence = { plain { keep_open = true }, { timeout = true } },
  reset = { plain { rst = true }, { connection = true } },
  closed = { plain { fin = true }, { connection = true } },
  bad_request = { reply_of(400, '{"error":{"message":"no"}}'), { bad_request = true } },
  unauthorized = { reply_of(401, "{}"), { authentication = true } },
  not_found = { reply_of(404, "<html><title>no</title>"), { not_found = true } },
  rate_limit = { reply_of(429, '{"error":{"code":"rate_limit"}}', { ["retry-after-ms"] = "1" }),
    { rate_limit = true } },
  server = { reply_of(503, "busy", { ["retry-after-ms"] = "1" }), { server = true } },
  redirect = { reply_of(302, "{}", { location = "http://127.0.0.1:1/" }), { protocol = true } },
  empty = { reply_of(200, ""), { protocol = true } },
  page = { reply_of(200, "<html>", { ["content-type"] = "text/html" }), { protocol = true } },
  no_json = { reply_of(200, '{"choices":[', { ["content-type"] = "application/json" }), { decode = true } },
  error_200 = { reply_of(200, '{"error":{"message":"no"}}'), { server = true, stream = true } },
  no_http = { plain { send = "SSH-2.0-x\r\n\r\n" }, { protocol = true, connection = true, truncated = true } },
  bad_chunk = { function()
    return { { send = faults.SSE_HEAD .. faults.text("uno") .. "zz\r\nx\r\n" }, { fin = true } }
  end, { protocol = true, truncated = true }, "stream" },
  bad_event = { broken_stream("data: {\n\n"), { decode = true }, "stream" },
  error_event = { broken_stream('event: error\ndata: {"error":{"message":"no"}}\n\n'), { stream = true }, "stream" },
  unended = { broken_stream(": nothing more\n\n"), { truncated = true }, "stream" },
  gzip = { plain { send = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-encoding: gzip\r\n"
    .. "content-length: 20\r\n\r\n" .. GZIP .. ("x"):rep(10) }, { decode = true, truncated = true, protocol = true } },
  flood = { plain { send = "HTTP/1.1 200 OK\r\n" .. ("x-a: " .. ("b"):rep(1000) .. "\r\n"):rep(400) .. "\r\n" },
    { too_large = true } },
}

local names = {}
for name in pairs(world.kinds) do names[#names + 1] = name end
table.sort(names)

---@class soak.place where something is done: a client's base_url, and what may come of it
---@field name string
---@field base_url string
---@field allowed table<string, boolean>
---@field text string|nil what is sent, of which a reader gets a beginning
---@field wants string|nil "stream" or "whole"

---Opens a place with some fault, and returns it.
---@return soak.place
function world.open(s, choose)
  local name = names[choose(#names)]
  local kind = world.kinds[name]
  local actions, text = kind[1](choose)
  local script = s:script({ actions }, { repeat_last = true })
  if text then text = text:gsub("\\n", "\n") end
  return { name = name, base_url = script.base_url, allowed = kind[2], wants = kind[3], text = text,
    forget = script.forget, server = server }
end

world.names = names

return world
