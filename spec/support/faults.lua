-- SPDX-License-Identifier: MIT
-- What the specs of faults have in common: calls with a clock beside them,
-- replies cut in pieces, and the proof that nothing was left behind.

local socket = require("socket")
local leaks = require("spec.support.leaks")
local loop = require("marea.loop")
local marea = require("marea")
local server = require("spec.support.server")

local faults = {}

---How late, in seconds, what is due may come: the machine has other work too,
---and under valgrind all is slow: setting TLS up takes seconds there.
faults.LATE = os.getenv("MAREA_SANITIZED") and 30 or 0.6

faults.messages = { { role = "user", content = "Hola" } }

faults.SSE_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"

faults.COMPLETION = '{"id":"c1","object":"chat.completion","choices":[{"index":0,"message":'
  .. '{"role":"assistant","content":"hecho"},"finish_reason":"stop"}]}'

---A chunk of chunked coding.
function faults.chunk(data)
  return ("%x\r\n%s\r\n"):format(#data, data)
end

---An event with a piece of text, in a chunk of its own.
function faults.text(text, finish)
  return faults.chunk("data: " .. server.chunk_json({ content = text, finish = finish }) .. "\n\n")
end

faults.DONE = faults.chunk("data: [DONE]\n\n")

---A whole reply with a JSON body.
function faults.reply(body, headers)
  return "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n" .. (headers or "")
    .. "content-length: " .. #body .. "\r\n\r\n" .. body
end

---The action that answers well.
function faults.good()
  return { status = 200, body = faults.COMPLETION }
end

---A client of `place` that tries once, with more options.
function faults.client(place, options)
  local all = { base_url = place.base_url, model = "m", max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

---Asks; returns the result or nil, err, and how long it took.
function faults.ask(client, options, params)
  local all = { messages = faults.messages }
  for name, value in pairs(params or {}) do all[name] = value end
  local started = socket.gettime()
  local result, err = client.chat.completions:create(all, options)
  return result, err, socket.gettime() - started
end

---The bundled provider, once all that a call loads is there: what is counted
---afterwards belongs to the calls.
function faults.server()
  local shared = server.shared()
  assert(faults.ask(faults.client(shared:script({ faults.good() }))))
  return shared
end

---Reads a streamed answer with `next`: the text, the error, the time it took.
---A call that fails before there is a stream gives nil for the text.
function faults.read(client, options, on_event)
  local started = socket.gettime()
  local stream, err = client.chat.completions:create({ messages = faults.messages, stream = true }, options)
  if not stream then return nil, err, socket.gettime() - started end
  local parts, event = {}
  repeat
    event, err = stream:next()
    if event and event.text then parts[#parts + 1] = event.text end
    if event and on_event then on_event(event) end
  until not event
  return table.concat(parts), err, socket.gettime() - started
end

---"" if the engine holds nothing; else what it holds.
function faults.engine_holds()
  local list = {}
  for name, count in pairs(loop.engine():stats()) do
    if count ~= 0 then list[#list + 1] = name .. "=" .. count end
  end
  table.sort(list)
  return table.concat(list, " ")
end

---Open descriptors, once what is garbage is gone.
function faults.fds()
  collectgarbage()
  collectgarbage()
  return leaks.fds()
end

---A check for after_each: `guard:arm()` before, `guard:check(allowed)` after;
---`allowed` is how many idle connections the test may have put in the pool.
function faults.guard()
  local guard = {}     -- `over` is set by a test that closed the engine
  function guard.arm()
    loop.engine():turn(0)
    guard.before = faults.fds()
    guard.pooled = 0
  end
  function guard.check()
    if guard.over then return end
    loop.engine():turn(0)      -- what libcurl let go of is told to the driver
    local held = faults.engine_holds()
    if held ~= "" then error("the engine still holds " .. held, 2) end
    local more = faults.fds() - guard.before
    if more > guard.pooled then
      error(("%d descriptors more than before, %d expected at most"):format(more, guard.pooled), 2)
    end
  end
  return guard
end

return faults
