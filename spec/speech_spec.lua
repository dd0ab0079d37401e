-- SPDX-License-Identifier: MIT
-- Answers that are bytes: speech kept, streamed, saved; what is no speech; and
-- the same for any endpoint.

-- luacheck: ignore 512 (leaving a loop at once is the matter here)

local child = require("spec.support.child")
local form = require("spec.support.form")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local server = require("spec.support.server")

local PATIENCE = os.getenv("MAREA_SANITIZED") and 120 or 10   -- seconds that no test needs
local CLOSES = _VERSION >= "Lua 5.4"    -- does a `for` left by break close?
-- KiB that may be there beyond what is needed; a sanitizer keeps what was freed.
local SLACK = os.getenv("MAREA_SANITIZED") and 400000 or 16000
-- KB of an answer that is long: more than the sockets between hold, fewer where all is slow.
local LONG = os.getenv("MAREA_SANITIZED") and 15000 or 40000
local PARAMS = { input = "Bienvenido a NaN.", voice = "ef_dora" }

local function script(...)
  return server.shared():script({ ... })
end

local function client_of(f, options)
  local all = { base_url = f.base_url, model = "m", max_retries = 0, timeout = PATIENCE }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

-- A whole answer, whose body comes in these chunks; `more` instead of its end.
local function answer(chunks, kind, more)
  local actions = { { status = 200, chunked = true, headers = { ["content-type"] = kind or "audio/mpeg" } } }
  for _, bytes in ipairs(chunks) do actions[#actions + 1] = { chunk = bytes } end
  for _, action in ipairs(more or { { last_chunk = true } }) do actions[#actions + 1] = action end
  return actions
end

local PCM_HEAD = "HTTP/1.1 200 OK\r\ncontent-type: audio/pcm\r\ncontent-length: %d\r\n\r\n"

local OPEN = { { wait_close = 5 } }

local function speak(f, options, client_options)
  return client_of(f, client_options).audio.speech:create(PARAMS, options)
end

local function open(chunks, more, client_options)
  local f = script(answer(chunks, nil, more))
  return assert(speak(f, { stream = true }, client_options)), f
end

-- An open stream whose end the server notes.
local function watched(options)
  local stream, f = open({ "abc" }, { { wait_close = 5 }, { record = "gone" } }, options)
  return stream, function() return f.wait_event("mark", 3) ~= nil end
end

local function raised(f)
  local ok, err = pcall(f)
  assert.is_false(ok, "nothing was raised")
  return err
end

local function pieces(stream)
  local out = {}
  for piece in stream:bytes() do out[#out + 1] = piece end
  return table.concat(out), #out
end

describe("speech", function()
  it("is the audio and its type", function()
    local client = marea.client { base_url = server.shared().base_url, model = "kokoro" }
    local types = { mp3 = "audio/mpeg", wav = "audio/wav", flac = "audio/flac", aac = "audio/aac",
      pcm = "audio/pcm", opus = "audio/ogg" }
    for format, kind in pairs(types) do
      local result = assert(client.audio.speech:create { input = "Hola", voice = "v", response_format = format })
      assert.equal(kind, result.content_type)
      assert.equal(#result.data, result.size)
      assert.equal(200, result.response.status)
      assert.equal("", tostring(result))
      if format == "wav" then assert.matches("^RIFF....WAVEfmt ", result.data) end
    end
  end)

  it("keeps every byte", function()
    local bytes = {}
    for i = 0, 255 do bytes[#bytes + 1] = string.char(i) end
    bytes = table.concat(bytes):rep(1000)
    assert.is_true(assert(speak(script(answer { bytes, "\0", bytes }))).data == bytes .. "\0" .. bytes)
  end)

  it("is asked for with the parameters as JSON, any type accepted, uncompressed", function()
    local f = script(answer { "x" })
    assert(speak(f))
    local request = f.requests()[1]
    assert.equal("POST", request.method)
    assert.matches("/v1/audio/speech$", request.target)
    assert.same({ input = PARAMS.input, voice = "ef_dora", model = "m" }, marea.json.decode(request.body))
    assert.equal("*/*", form.header(request, "accept"))
    assert.equal("application/json", form.header(request, "content-type"))
    assert.equal("identity", form.header(request, "accept-encoding"))
  end)

  it("raises at the caller's line where there is nothing to say", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m" }
    local message = raised(function()
      local result = client.audio.speech:create { voice = "v" }
      return result
    end)
    assert.matches("speech_spec.lua:%d+: client.audio.speech:create, input: expected a non%-empty string", message)
  end)

  it("is tried again until its first byte, and not after", function()
    local f = script({ { status = 503, body = "{}" } }, answer({ "abc" }, nil, { { rst = true } }))
    local result, err = speak(f, nil, { max_retries = 2 })
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    assert.equal(2, #f.requests())
    assert.equal("abc", err.partial.data)
  end)

  it("is too large beyond max_body_size", function()
    local _, err = speak(script(answer { ("x"):rep(5000), ("x"):rep(5001) }), nil, { max_body_size = 10000 })
    assert.equal("too_large", err.kind)
    assert.equal(10000, #assert(speak(script(answer { ("x"):rep(5000), ("x"):rep(5000) }), nil,
      { max_body_size = 10000 })).data)
  end)
end)

describe("what is no speech", function()
  local dir
  setup(function() dir = form.directory() end)
  teardown(function() dir.remove() end)

  local ERROR = '{"error":{"message":"no voice","code":"bad_voice","type":"invalid_request_error"}}'

  local function json(status, body, kind)
    return { { status = status, body = body, headers = { ["content-type"] = kind or "application/json" } } }
  end

  local cases = {
    { "a status with an error", json(400, ERROR), "bad_request", "no voice" },
    { "an error with status 200", json(200, ERROR), "bad_request", "no voice" },
    { "an error under no name", json(200, ERROR, "application/problem+json"), "bad_request", "no voice" },
    { "JSON that is no error", json(200, '{"audio":"QUJD"}'), "protocol", "expected audio, got application/json" },
    { "a page in HTML", json(200, "<html>login</html>", "text/html; charset=utf-8"), "protocol",
      "expected audio, got text/html" },
    { "plain text", json(200, "sorry", "text/plain"), "protocol", "expected audio, got text/plain" },
    { "nothing at all", json(200, "", "audio/mpeg"), "protocol", "the answer is empty" },
    { "events nobody asked for", answer({ "data: {}\n\n" }, "text/event-stream"), "protocol",
      "expected audio, got text/event-stream" },
    { "JSON without a type", { { send = "HTTP/1.1 200 OK\r\ncontent-length: " .. #ERROR .. "\r\n\r\n" .. ERROR } },
      "bad_request", "no voice" },
  }
  local ways = {
    { "kept", function() return nil end }, { "streamed", function() return { stream = true } end },
    { "saved", function() return { to = dir.file("out.mp3") } end },
  }
  for _, case in ipairs(cases) do
    for _, way in ipairs(ways) do
      if not (case[1]:find("^events") and way[1] == "streamed") then
        it("is an error: " .. case[1] .. ", " .. way[1], function()
          local result, err = speak(script(case[2]), way[2]())
          assert.is_nil(result)
          assert.equal(case[3], err.kind)
          assert.truthy(err.message:find(case[4], 1, true), err.message)
          assert.equal("", dir.names())
        end)
      end
    end
  end

  it("is kept within max_body_size, too, however it came", function()
    local long = '{"error":{"message":"' .. ("x"):rep(5000) .. '"}}'
    local _, err = speak(script(json(200, long)), nil, { max_body_size = 1000 })
    assert.equal("too_large", err.kind)
    _, err = speak(script(json(200, long)), nil, { max_body_size = #long })
    assert.equal("server", err.kind)
  end)

  it("keeps what the server said", function()
    local _, err = speak(script(json(200, "sorry, no", "text/plain")))
    assert.equal("sorry, no", err.body)
    assert.equal(200, err.status)
  end)

  it("is taken as sound where no type is said, and it looks like none", function()
    local f = script { { send = "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nID3" } }
    assert.equal("ID3", assert(speak(f)).data)
  end)
end)

describe("a stream of bytes", function()
  local steadily
  setup(function() steadily = leaks.collect_steadily() end)
  teardown(function() leaks.collect_as_before(steadily) end)

  it("gives them as they come", function()
    local f = script(answer({ "abc" }, nil, { { wait_signal = "go" }, { chunk = "def" }, { last_chunk = true } }))
    local stream = assert(speak(f, { stream = true }))
    local seen = {}
    for piece in stream:bytes() do
      seen[#seen + 1] = piece
      if #seen == 1 then f.signal("go") end
    end
    assert.same({ "abc", "def" }, seen)
    assert.equal("marea.stream (ended)", tostring(stream))
    assert.equal("audio/mpeg", stream.response.headers["content-type"])
  end)

  it("may be asked for among the parameters, and is then on the wire", function()
    local f = script(answer { "abc" })
    local stream = assert(client_of(f).audio.speech:create { input = "x", stream = true })
    assert.equal("abc", (pieces(stream)))
    assert.is_true(marea.json.decode(f.requests()[1].body).stream)
    local quiet = script(answer { "abc" })
    assert(speak(quiet, { stream = true }):close() == nil)
    assert.is_nil(marea.json.decode(quiet.requests()[1].body).stream)
  end)

  it("gives them one piece at a time through next", function()
    local stream = open { "abc" }
    assert.equal("abc", stream:next())
    assert.is_nil(stream:next())
    assert.is_nil(stream:next())
  end)

  it("gives in result what nobody has taken, and how much there was", function()
    local stream = open({ "abc", "def" })
    local whole = assert(stream:result())
    assert.same({ "abcdef", "audio/mpeg", 6 }, { whole.data, whole.content_type, whole.size })
    assert.equal(whole, stream:result())
    local f = script(answer({ "abc" }, nil, { { wait_signal = "go" }, { chunk = "def" }, { last_chunk = true } }))
    stream = assert(speak(f, { stream = true }))
    assert.equal("abc", stream:next())
    f.signal("go")
    whole = assert(stream:result())
    assert.same({ "def", 6 }, { whole.data, whole.size })
  end)

  it("gives in snapshot what waits to be taken", function()
    local stream, f = open({ "abc" }, { { wait_signal = "go" }, { last_chunk = true } })
    assert.equal("abc", stream:snapshot().data)
    assert.equal("abc", stream:snapshot().data)
    assert.equal("abc", stream:next())
    assert.equal("", stream:snapshot().data)
    f.signal("go")
    assert.is_nil(stream:next())
  end)

  it("can't be read as events, nor events as bytes, nor one twice", function()
    local stream = open { "abc" }
    for _, name in ipairs { "text", "events", "chunks" } do
      local message = raised(function() for _ in stream[name](stream) do break end end)
      assert.matches("speech_spec.lua:%d+: stream:" .. name .. ": this stream is of bytes", message)
    end
    pieces(stream)
    assert.matches("has been read already", raised(function() for _ in stream:bytes() do break end end))
    local events = assert(marea.client { base_url = server.shared().base_url, model = "m" }:ask("x", { stream = true }))
    assert.matches("this stream is of events", raised(function() for _ in events:bytes() do break end end))
    events:close()
  end)

  it("is told to the second of two tasks that read", function()
    local stream, f = open({ "abc" }, { { wait_signal = "go" }, { last_chunk = true } })
    marea.run(function()
      local first = marea.spawn(function() return (pieces(stream)) end)
      marea.sleep(0.02)
      assert.matches("another task is reading", raised(function() stream:next() end))
      f.signal("go")
      assert.equal("abc", first:await())
    end)
  end)

  it("raises where it was cut short, after every byte that came", function()
    for _, ending in ipairs { { { fin = true } }, { { rst = true } } } do
      local stream = open({ "abc", "def" }, ending)
      local seen = {}
      local err = raised(function() for piece in stream:bytes() do seen[#seen + 1] = piece end end)
      assert.equal("truncated", err.kind)
      assert.equal("abcdef", table.concat(seen))
      assert.equal("marea.stream (truncated)", tostring(stream))
    end
  end)

  it("is truncated where the length that was said is not reached", function()
    local f = script { { send = "HTTP/1.1 200 OK\r\ncontent-type: audio/wav\r\ncontent-length: 10\r\n\r\nabc" },
      { fin = true } }
    local result, err = speak(f)
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    assert.equal("abc", err.partial.data)
  end)

  it("runs into the idle clock while somebody waits, and not otherwise", function()
    local stream = open({ "abc" }, OPEN, { timeout = { idle = 0.2 } })
    marea.sleep(0.4)
    assert.equal("abc", stream:next())
    local _, err = stream:next()
    assert.same({ "timeout", "idle" }, { err.kind, err.phase })
  end)

  it("closes at once, harmless twice", function()
    local stream, gone = watched()
    stream:close()
    stream:close()
    assert.is_true(gone())
    assert.is_nil(stream:next())
    assert.equal("marea.stream (cancelled)", tostring(stream))
  end)

  it("is closed by leaving its for on 5.4, and by the collector", function()
    local stream, gone = watched()
    for _ in stream:bytes() do break end
    if not CLOSES then
      stream = nil  -- luacheck: ignore
      leaks.collect()
    end
    assert.is_true(gone())
  end)

  it("gives its place in the limits back", function()
    local f = script(answer({ "abc" }, nil, OPEN), answer { "abc" })
    local client = client_of(f, { limits = { concurrent = 1 } })
    local stream = assert(client.audio.speech:create(PARAMS, { stream = true }))
    assert.equal(1, client.limits.running)
    stream:close()
    assert.equal(0, client.limits.running)
    assert.equal("abc", assert(client.audio.speech:create(PARAMS)).data)
    assert.equal(0, client.limits.running)
  end)

  it("is cancelled with the task that waits for it", function()
    local stream, gone = watched()
    marea.run(function()
      local task = marea.spawn(function() pieces(stream) end)
      marea.sleep(0.02)
      task:cancel()
      assert.equal("cancelled", task.status)
    end)
    assert.is_true(gone())
  end)

  it("slows a fast sender down while nobody reads", function()
    local f = script { { send = PCM_HEAD:format(LONG * 1000) }, { repeat_send = ("z"):rep(1000), count = LONG },
      { record = "sent" } }
    local stream = assert(speak(f, { stream = true }))
    local first = #stream:next()
    local before = leaks.rss_kb() + collectgarbage("count")
    marea.sleep(0.2)
    assert.is_nil(f.wait_event("mark", 0))
    assert.is_true(leaks.rss_kb() - before < SLACK / 4, "grew by " .. leaks.rss_kb() - before .. " KiB")
    local size, most = first, 0
    for piece in stream:bytes() do
      size, most = size + #piece, math.max(most, #piece)
    end
    assert.equal(LONG * 1000, size)
    assert.is_true(most <= 128 * 1024, "a piece of " .. most)
    assert.is_true(leaks.rss_kb() - before < SLACK, "grew by " .. leaks.rss_kb() - before .. " KiB")
  end)

  it("may be one of events with the sound in them", function()
    local delta = '{"type":"speech.audio.delta","audio":"QUJD"}'
    local f = script(answer({ "data: " .. delta .. "\n\n",
      'data: {"type":"speech.audio.done","usage":{"total_tokens":1}}\n\n' }, "text/event-stream"))
    local stream = assert(client_of(f).audio.speech:create({ input = "x", stream_format = "sse" }, { stream = true }))
    local seen = {}
    for event in stream:chunks() do seen[#seen + 1] = event.type .. (event.audio or "") end
    assert.same({ "speech.audio.deltaQUJD", "speech.audio.done" }, seen)
  end)
end)

describe("speech saved to a file", function()
  local dir, steadily
  setup(function() steadily = leaks.collect_steadily() end)
  teardown(function() leaks.collect_as_before(steadily) end)
  before_each(function() dir = form.directory() end)
  after_each(function() dir.remove() end)

  it("is there whole, and the result says where", function()
    local f = script(answer { "abc", "def" })
    local result = assert(speak(f, { to = dir.file("speech.mp3") }))
    assert.same({ dir.file("speech.mp3"), 6, "audio/mpeg" }, { result.path, result.size, result.content_type })
    assert.is_nil(result.data)
    assert.equal(200, result.response.status)
    assert.equal("abcdef", dir.read("speech.mp3"))
    assert.equal("speech.mp3", dir.names())
  end)

  it("is written as it arrives, beside what was there before", function()
    dir.write("speech.mp3", "before")
    local f = script(answer({ "abc" }, nil, { { wait_signal = "go" }, { chunk = "def" }, { last_chunk = true } }))
    marea.run(function()
      marea.spawn(function() assert(speak(f, { to = dir.file("speech.mp3") })) end)
      repeat marea.sleep(0.005) until dir.read("speech.mp3.part") == "abc"
      assert.equal("before", dir.read("speech.mp3"))
      f.signal("go")
    end)
    assert.equal("abcdef", dir.read("speech.mp3"))
    assert.equal("speech.mp3", dir.names())
  end)

  -- What the collector has not yet looked at is not ours: twice the heap may be.
  it("is flat in memory, however long", function()
    local f = script { { send = PCM_HEAD:format(LONG * 3000) }, { repeat_send = ("z"):rep(1000), count = LONG * 3 } }
    leaks.collect()
    local before = leaks.rss_kb() + collectgarbage("count")
    local options = { to = dir.file("long.pcm"), timeout = 120 }     -- disks may be slow
    assert.equal(LONG * 3000, assert(speak(f, options, { max_body_size = 1000 })).size)
    assert.is_true(leaks.rss_kb() - before < SLACK, "grew by " .. leaks.rss_kb() - before .. " KiB")
  end)

  -- `before`: what was there stays; no other file is left.
  local function unharmed()
    assert.equal("speech.mp3", dir.names())
    assert.equal("before", dir.read("speech.mp3"))
  end

  local broken = {
    { "a cut", answer({ "abc" }, nil, { { rst = true } }), "truncated" },
    { "a stall", answer({ "abc" }, nil, OPEN), "timeout" },
    { "an error", { { status = 400, body = "{}" } }, "bad_request" },
    { "no answer", { { rst = true } }, "connection" },
  }
  for _, case in ipairs(broken) do
    it("leaves what was there after " .. case[1], function()
      dir.write("speech.mp3", "before")
      local descriptors = leaks.fds()
      local result, err = speak(script(case[2], case[2]), { to = dir.file("speech.mp3"), timeout = { idle = 0.2 } })
      assert.is_nil(result)
      assert.equal(case[3], err.kind)
      unharmed()
      assert.is_true(leaks.fds() <= descriptors + 1)
    end)
  end

  it("leaves what was there when the task is cancelled", function()
    dir.write("speech.mp3", "before")
    local f = script(answer({ "abc" }, nil, OPEN))
    marea.run(function()
      local task = marea.spawn(function() speak(f, { to = dir.file("speech.mp3") }) end)
      repeat marea.sleep(0.005) until dir.read("speech.mp3.part") == "abc"
      task:cancel()
      unharmed()
    end)
  end)

  it("leaves what was there when the coroutine is dropped", function()
    dir.write("speech.mp3", "before")
    local f = script(answer({ "abc" }, nil, OPEN))
    pcall(marea.run, function()
      marea.spawn(function() speak(f, { to = dir.file("speech.mp3") }) end)
      repeat marea.sleep(0.005) until dir.read("speech.mp3.part") == "abc"
      error("the program goes wrong", 0)
    end)
    leaks.collect()
    unharmed()
  end)

  it("asks nobody where it can't be written", function()
    local f = script(answer { "abc" })
    local places = { { dir.file("no/such/place.mp3"), "not_found" }, { dir.path, "bad_request" } }
    for _, place in ipairs(places) do
      local result, err = speak(f, { to = place[1] })
      assert.is_nil(result)
      assert.equal(place[2], err.kind)
      assert.matches("^can't write ", err.message)
    end
    assert.equal(0, #f.requests())
  end)

  it("refuses a second call that would write the same file", function()
    local f = script(answer({ "abc" }, nil, { { wait_signal = "go" }, { last_chunk = true } }))
    marea.run(function()
      local first = marea.spawn(function() return assert(speak(f, { to = dir.file("a.mp3") })) end)
      marea.sleep(0.01)
      local _, err = speak(f, { to = dir.file("a.mp3") })
      assert.same({ "bad_request", "EBUSY" }, { err.kind, err.code })
      f.signal("go")
      assert.equal(3, first:await().size)
    end)
    assert.equal("a.mp3", dir.names())
  end)

  -- The limit on a file's size stands for a disk that is full.
  it("ends with an error, and without a file, when the disk is full", function()
    local f = script(answer({ ("x"):rep(30000), ("x"):rep(30000) }, nil, { { wait_close = 5 }, { record = "gone" } }))
    local output, status = child.code([[
      local uv, marea = require("luv"), require("marea")
      uv.new_signal():start("sigxfsz", function() end)
      os.execute(("prlimit --pid %d --fsize=40000:"):format(uv.os_getpid()))
      local client = marea.client { base_url = ..., model = "m" }
      local result, err = client.audio.speech:create({ input = "x" }, { to = select(2, ...) })
      assert(not result)
      print(err.kind, err.code)
    ]], { f.base_url, dir.file("full.mp3") })
    assert.equal(0, status, output)
    assert.equal("too_large\tEFBIG\n", output)
    assert.equal("", dir.names())
    assert.truthy(f.wait_event("mark", 3))
  end)

  it("is either streamed or saved", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m" }
    local both = { { PARAMS, { to = "x", stream = true } }, { { input = "x", stream = true }, { to = "x" } } }
    for _, case in ipairs(both) do
      local message = raised(function()
        local result = client.audio.speech:create(case[1], case[2])
        return result
      end)
      assert.matches("speech_spec.lua:%d+: client.audio.speech:create: an answer is streamed, or saved", message)
    end
  end)

  it("needs a path that can be one, and says so at the caller's line", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m" }
    for who, call in pairs {
      ["client.audio.speech:create"] = function() client.audio.speech:create(PARAMS, { to = "a\0b" }) end,
      ["client:request"] = function() client:request({ path = "a" }, { to = "a\0b" }) end,
    } do
      assert.matches("speech_spec.lua:%d+: " .. who .. ", options, to: a path holds no NUL byte", raised(call))
    end
  end)

  it("is no option of calls whose answers are no bytes", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m" }
    for name, value in pairs { to = "x", stream = true } do
      local message = raised(function()
        local result = client:ask("x", nil, { [name] = value })
        return result
      end)
      assert.matches("speech_spec.lua:%d+: client.chat.completions:create, options: `" .. name .. "`", message)
    end
  end)
end)

describe("client:request", function()
  local dir
  setup(function() dir = form.directory() end)
  teardown(function() dir.remove() end)

  it("saves any answer, JSON too", function()
    local f = script({ { status = 200, body = '{"a":1}' } })
    local result = assert(client_of(f):request({ path = "files/1/content" }, { to = dir.file("1.json") }))
    assert.same({ 7, "application/json" }, { result.size, result.content_type })
    assert.equal('{"a":1}', dir.read("1.json"))
    assert.equal("GET", f.requests()[1].method)
  end)

  it("streams bytes where the answer has no events", function()
    local f = script(answer({ "abc" }, "application/octet-stream"))
    assert.equal("abc", (pieces(assert(client_of(f):request { path = "files/1/content", stream = true }))))
  end)

  it("but a page in HTML is no stream", function()
    local _, err = client_of(script(answer({ "<html>" }, "text/html"))):request { path = "x", stream = true }
    assert.equal("protocol", err.kind)
  end)
end)
