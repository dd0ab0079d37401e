-- SPDX-License-Identifier: MIT
-- Compressed answers, whole, broken and malicious.

local faults = require("spec.support.faults")
local server = require("spec.support.server")

local function gzip(text)
  local path = os.tmpname()
  local file = assert(io.open(path, "wb"))
  file:write(text)
  file:close()
  local pipe = assert(io.popen("gzip -nc9 <" .. path))
  local bytes = pipe:read("*a")
  pipe:close()
  os.remove(path)
  return bytes
end

local function hex(bytes)
  return ("%x\r\n"):format(#bytes) .. bytes .. "\r\n"
end

describe("a compressed answer", function()
  local s
  local guard = faults.guard()

  setup(function() s = faults.server() end)

  before_each(guard.arm)
  after_each(guard.check)

  -- Sent chunked and well framed, whatever the bytes are.
  local function send(bytes, encoding, kind)
    return { { send = "HTTP/1.1 200 OK\r\ncontent-type: " .. (kind or "application/json") .. "\r\ncontent-encoding: "
      .. encoding .. "\r\ntransfer-encoding: chunked\r\n\r\n" .. hex(bytes) .. "0\r\n\r\n" } }
  end

  local function ask(bytes, encoding, options)
    local f = s:script({ send(bytes, encoding or "gzip") })
    local result, err = faults.ask(faults.client(f, options))
    return result, err, f
  end

  it("is asked for, and decoded", function()
    guard.pooled = 1
    local result, err, f = ask(gzip(faults.COMPLETION))
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    assert.truthy(f.requests()[1].head:lower():find("accept%-encoding:[^\r\n]*gzip"))
  end)

  describe("of a stream", function()
    local function asked(headers)
      local events = server.sse { server.chunk_json { content = "uno", finish = "stop" } }
      local f = s:script({ { status = 200, headers = { ["content-type"] = "text/event-stream" }, body = events } })
      guard.pooled = 1
      assert.equal("uno", (faults.read(faults.client(f, { headers = headers }))))
      return f.requests()[1].head:lower():match("\r\naccept%-encoding: ([^\r]*)")
    end

    it("is not asked for: its events are to come one by one", function()
      assert.is_nil(asked())
    end)

    it("is asked for by who wants it so", function()
      assert.equal("gzip", asked { ["Accept-encoding"] = "gzip" })
    end)
  end)

  it("is decoded in a stream too, cut anywhere", function()
    guard.pooled = 1
    local events = {}
    for i = 1, 40 do events[i] = server.chunk_json { content = "palabra " .. i .. " ", finish = i == 40 and "stop" } end
    local body = gzip(server.sse(events))
    local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
      .. "content-length: " .. #body .. "\r\n\r\n" }, { send_each = body, size = 3 } } })
    local got, err = faults.read(faults.client(f))
    assert.is_nil(err)
    assert.truthy(got:find("^palabra 1 palabra 2 .* palabra 40 $"))
  end)

  -- A gzip stream of blocks that are stored as they are: what is sent can be read.
  local function stored(bytes)
    local n = #bytes
    local lo, hi = n % 256, math.floor(n / 256)
    return string.char(0, lo, hi, 255 - lo, 255 - hi) .. bytes
  end

  it("gives each event of a stream when it comes, not at the end", function()
    local head = "\31\139\8\0\0\0\0\0\0\3"
    local function event(text, finish)
      return "data: " .. server.chunk_json { content = text, finish = finish } .. "\n\n"
    end
    local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-encoding: gzip\r\n"
      .. "transfer-encoding: chunked\r\n\r\n" .. hex(head .. stored(event("uno"))) }, { wait_signal = "one" },
      { send = hex(stored(event("dos"))) }, { wait_signal = "two" },
      { send = hex(stored(event("tres", "stop") .. "data: [DONE]\n\n")) }, { wait_close = 2 } } })
    local next_signal = { uno = "one", dos = "two" }
    local got, err = faults.read(faults.client(f, { timeout = { idle = 5 } }), nil, function(e)
      if next_signal[e.text] then f.signal(next_signal[e.text]) end
    end)
    assert.is_nil(err)
    assert.equal("unodostres", got)
  end)

  it("that stops in the middle is an error, though its framing is whole", function()
    local bytes = gzip(faults.COMPLETION)
    for _, n in ipairs { 5, 12, math.floor(#bytes / 2), #bytes - 12 } do
      guard.pooled = 1
      local result, err = ask(bytes:sub(1, n))
      assert.is_nil(result)
      assert.is_true(err.kind == "truncated" or err.kind == "decode" or err.kind == "protocol", err.kind)
    end
  end)

  it("that stops in the middle of a stream is never a good end", function()
    guard.pooled = 1
    local events = {}
    for i = 1, 200 do events[i] = server.chunk_json { content = ("%d "):format(i * 7919 % 1000) } end
    local bytes = gzip(server.sse(events))
    local f = s:script({ send(bytes:sub(1, math.floor(#bytes / 2)), "gzip", "text/event-stream") })
    local _, err = faults.read(faults.client(f))
    assert.is_true(err ~= nil)
    assert.is_true(err.kind == "truncated" or err.kind == "decode", err.kind)
  end)

  it("that nothing but its framing ends is asked not to be compressed, and refused if it is", function()
    local text = gzip(("some text, "):rep(50))
    for _, bytes in ipairs { text, text:sub(1, 40) } do
      local f = s:script({ send(bytes, "gzip", "text/plain"), send(bytes, "gzip", "audio/mpeg") })
      local client = faults.client(f)
      guard.pooled = 1
      local result, err = client:request { path = "x" }
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      assert.truthy(err.message:find("compressed", 1, true))
      result, err = client.audio.speech:create { input = "x", voice = "v" }
      assert.is_nil(result)
      assert.equal("protocol", err.kind)
      for _, request in ipairs(f.requests()) do
        assert.truthy(request.head:lower():find("\r\naccept%-encoding: identity\r\n"), request.head)
      end
    end
  end)

  it("that is JSON is decoded though nobody asked for it", function()
    guard.pooled = 1
    local f = s:script({ send(gzip('{"a":[1]}'), "gzip") })
    local result, err = faults.client(f):request { path = "x" }
    assert.is_nil(err)
    assert.same({ 1 }, result.a)
  end)

  it("whose bytes are no gzip is a decode error", function()
    local result, err = ask("this is no gzip at all, though it is long enough")
    assert.is_nil(result)
    assert.equal("decode", err.kind)
  end)

  it("in an unknown coding is an error, not bytes taken for JSON", function()
    local result, err = ask(gzip(faults.COMPLETION), "zopfli-9000")
    assert.is_nil(result)
    assert.equal("decode", err.kind)
  end)

  it("in the identity coding is what it is", function()
    guard.pooled = 1
    local result, err = ask(faults.COMPLETION, "identity")
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
  end)

  it("compressed twice, and said so, is decoded twice; six times is refused", function()
    guard.pooled = 1
    local result, err = ask(gzip(gzip(faults.COMPLETION)), "gzip, gzip")
    assert.is_nil(err)
    assert.equal("hecho", result.output_text)
    local bytes = faults.COMPLETION
    for _ = 1, 6 do bytes = gzip(bytes) end
    result, err = ask(bytes, "gzip, gzip, gzip, gzip, gzip, gzip")
    assert.is_nil(result)
    assert.equal("decode", err.kind)
  end)

  it("in two members is never silently half", function()
    guard.pooled = 1
    local half = math.floor(#faults.COMPLETION / 2)
    local result, err = ask(gzip(faults.COMPLETION:sub(1, half)) .. gzip(faults.COMPLETION:sub(half + 1)))
    if result then assert.equal("hecho", result.output_text)
    else assert.is_string(err.kind) end
  end)

  it("that is a bomb is stopped by what it becomes, not by what was sent", function()
    local bomb = gzip('{"choices":"' .. ("0"):rep(50 * 1024 * 1024) .. '"}')
    assert.is_true(#bomb < 100 * 1024)
    collectgarbage()
    local before = require("spec.support.leaks").rss_kb()
    local result, err = ask(bomb, "gzip", { max_body_size = 1024 * 1024 })
    assert.is_nil(result)
    assert.equal("too_large", err.kind)
    local grown = require("spec.support.leaks").rss_kb() - before
    assert.is_true(grown < 16 * 1024, "grew by " .. grown .. " KiB")
  end)

  it("that is a bomb in a stream's event is stopped too", function()
    local bomb = gzip("data: " .. ("0"):rep(20 * 1024 * 1024) .. "\n\n")
    local f = s:script({ send(bomb, "gzip", "text/event-stream") })
    local _, err = faults.read(faults.client(f, { max_event_size = 1024 * 1024 }))
    assert.equal("too_large", err.kind)
  end)
end)
