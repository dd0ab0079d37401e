-- SPDX-License-Identifier: MIT
-- Transcriptions and translations: what goes out, each form of what comes back,
-- streams of text, and files that are too large.

local form = require("spec.support.form")
local marea = require("marea")
local server = require("spec.support.server")

local WAV = "RIFF\36\0\0\0WAVEfmt "

local function client_of(place, options)
  local all = { base_url = place.base_url, model = "whisper", max_retries = 0, timeout = 10 }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

local function script(...)
  return server.shared():script({ ... })
end

local function text_reply(body, kind)
  return { { status = 200, body = body, headers = { ["content-type"] = kind } } }
end

local dir
setup(function() dir = form.directory() end)
teardown(function() dir.remove() end)

describe("a transcription", function()
  local path, bundled
  setup(function()
    path = dir.write("talk.wav", WAV .. ("\0"):rep(100))
    bundled = client_of(server.shared())
  end)

  local HEARD = "A script heard 116 bytes of talk.wav."

  it("is the transcript, and its text", function()
    local result = assert(bundled.audio.transcriptions:create { file = path, language = "es" })
    assert.equal(HEARD, result.text)
    assert.equal(HEARD, result.output_text)
    assert.equal(HEARD, tostring(result))
  end)

  it("has times of segments, and of words where they are asked for", function()
    local result = assert(bundled.audio.transcriptions:create { file = path, response_format = "verbose_json",
      timestamp_granularities = { "word", "segment" } })
    assert.equal(HEARD, tostring(result))
    assert.equal("transcribe", result.task)
    assert.equal(0, result.segments[1].start)
    assert.equal("A", result.words[1].word)
    result = assert(bundled.audio.transcriptions:create { file = path, response_format = "verbose_json",
      timestamp_granularities = { "segment" } })
    assert.equal(marea.null, result.words)
  end)

  for format, pattern in pairs { text = "^A script heard", srt = "^1\n00:00:00,000 %-%-> ", vtt = "^WEBVTT\n" } do
    it("is text where " .. format .. " is asked for", function()
      local result = assert(bundled.audio.transcriptions:create { file = path, response_format = format })
      assert.matches(pattern, result.data)
      assert.equal("text/plain", result.content_type)
      assert.equal(result.data, result.output_text)
      assert.equal(result.data, tostring(result))
    end)
  end

  it("goes out as a form with everything that was said, the file last", function()
    local f = script { { status = 200, body = '{"text":"x"}' } }
    assert(client_of(f, { api_key = "sk-key" }).audio.transcriptions:create {
      file = path, language = "es", temperature = 0, response_format = "verbose_json", prompt = "niño",
      timestamp_granularities = { "word" }, chunking_strategy = { type = "server_vad" }, heard_of = false })
    local request, parts = f.requests()[1], {}
    for i, part in ipairs(form.parts(request)) do
      parts[i] = part.name .. "=" .. (part.filename and part.filename .. ";" .. part.content_type or part.data)
    end
    assert.same({ "chunking_strategy[type]=server_vad", "heard_of=false", "language=es", "model=whisper",
      "prompt=niño", "response_format=verbose_json", "temperature=0", "timestamp_granularities[]=word",
      "file=talk.wav;audio/wav" }, parts)
    assert.matches("/v1/audio/transcriptions$", request.target)
    assert.equal("Bearer sk-key", form.header(request, "authorization"))
    assert.equal("*/*", form.header(request, "accept"))
  end)

  it("may be of bytes, which have a name with an extension", function()
    local result = assert(bundled.audio.transcriptions:create { file = { data = WAV } })
    assert.equal("A script heard 16 bytes of file.wav.", result.text)
  end)

  it("leaves what it was given as it was", function()
    local params = { file = path, timestamp_granularities = { "word" } }
    assert(bundled.audio.transcriptions:create(params))
    assert.same({ file = path, timestamp_granularities = { "word" } }, params)
  end)

  it("of nothing said is an empty text", function()
    local result = assert(client_of(script(text_reply("", "text/plain"))).audio.transcriptions:create {
      file = path, response_format = "text" })
    assert.equal("", result.output_text)
  end)

  it("may be text that begins like JSON, or has a type of its own", function()
    for _, body in ipairs { "[music] hello", "{laughs} no" } do
      local f = script(text_reply(body, "text/plain; charset=utf-8"))
      assert.equal(body, tostring(assert(client_of(f).audio.transcriptions:create { file = path })))
    end
    local f = script(text_reply("1\n", "application/x-subrip"))
    assert.equal("1\n", tostring(assert(client_of(f).audio.transcriptions:create { file = path })))
  end)

  local wrong = {
    { "an error in JSON", '{"error":{"message":"bad sound"}}', "application/json", "server", "bad sound" },
    { "an error in text", '{"error":{"message":"bad sound"}}', "text/plain", "server", "bad sound" },
    { "HTML", "<html>", "text/html", "protocol", "expected JSON, got text/html" },
    { "nothing", "", "application/json", "protocol", "empty" },
  }
  for _, case in ipairs(wrong) do
    it("is an error where the server answers 200 with " .. case[1], function()
      local result, err = client_of(script(text_reply(case[2], case[3]))).audio.transcriptions:create { file = path }
      assert.is_nil(result)
      assert.equal(case[4], err.kind)
      assert.truthy(err.message:find(case[5], 1, true), err.message)
    end)
  end

  it("needs a file, and says so at the caller's line", function()
    for _, file in ipairs { false, "", {}, 1 } do
      local ok, message = pcall(function()
        local result = bundled.audio.transcriptions:create { file = file or nil }
        return result
      end)
      assert.is_false(ok)
      assert.matches("transcription_spec.lua:%d+: client.audio.transcriptions:create, file: expected a path", message)
    end
  end)

  it("needs a model, the client's or the call's", function()
    local ok, message = pcall(function()
      local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = { chat = "m" } }
      local result = client.audio.transcriptions:create { file = path }
      return result
    end)
    assert.is_false(ok)
    assert.matches("no model given, and the client has none for transcription", message)
  end)
end)

describe("a translation", function()
  it("is the same under its own path, by the client's model for it or for transcriptions", function()
    local path = dir.write("t.mp3", "ID3")
    for _, kind in ipairs { "translation", "transcription" } do
      local f = script { { status = 200, body = '{"text":"x"}' } }
      local client = client_of(f, { model = { [kind] = "w" } })
      assert.equal("x", tostring(assert(client.audio.translations:create { file = path })))
      local request = f.requests()[1]
      assert.matches("/v1/audio/translations$", request.target)
      assert.equal("w", form.parts(request).fields.model)
    end
    assert.equal("translate", assert(client_of(server.shared()).audio.translations:create {
      file = path, response_format = "verbose_json" }).task)
  end)
end)

describe("a streamed transcription", function()
  local path, bundled
  setup(function()
    path = dir.write("talk.wav", WAV)
    bundled = client_of(server.shared())
  end)

  local function open(events, kind)
    local f = script(text_reply(server.sse(events, false), kind or "text/event-stream"))
    return client_of(f).audio.transcriptions:create { file = path, stream = true }, f
  end

  local DELTAS = {}
  for i, text in ipairs { "Hola, ", "mun", "do" } do
    DELTAS[i] = ('{"type":"transcript.text.delta","delta":"%s"}'):format(text)
  end
  local DONE = '{"type":"transcript.text.done","text":"Hola, mundo","usage":{"type":"duration","seconds":2}}'

  local function all(done)
    return { DELTAS[1], DELTAS[2], DELTAS[3], done }
  end

  it("gives pieces of text, and the whole in result", function()
    local stream = assert(bundled.audio.transcriptions:create { file = path, stream = true })
    local pieces = {}
    for piece in stream:text() do pieces[#pieces + 1] = piece end
    assert.is_true(#pieces > 2)
    assert.equal("A script heard 16 bytes of talk.wav.", table.concat(pieces))
    assert.equal("A script heard 16 bytes of talk.wav.", tostring(assert(stream:result())))
  end)

  it("says stream=true in the form, and takes an event stream", function()
    local stream, f = open(all(DONE))
    assert(stream):close()
    assert.equal("true", form.parts(f.requests()[1]).fields.stream)
    assert.equal("text/event-stream", form.header(f.requests()[1], "accept"))
  end)

  it("gives events, and chunks as on the wire", function()
    local seen = {}
    for event in assert(open(all(DONE))):events() do seen[#seen + 1] = event.type end
    assert.same({ "text", "text", "text", "finish", "usage" }, seen)
    seen = {}
    for chunk in assert(open(all(DONE))):chunks() do seen[#seen + 1] = chunk.delta or chunk.type end
    assert.same({ "Hola, ", "mun", "do", "transcript.text.done" }, seen)
  end)

  it("is in result what the call without stream returns", function()
    local result = assert(assert(open(all(DONE))):result())
    assert.same({ text = "Hola, mundo", usage = { type = "duration", seconds = 2 } }, result)
  end)

  it("keeps logprobs and segments", function()
    local stream = assert(open {
      '{"type":"transcript.text.delta","delta":"a","logprobs":[{"token":"a","logprob":-1}]}',
      '{"type":"transcript.text.segment","id":"s1","speaker":"A","start":0,"end":1,"text":"ab"}',
      '{"type":"transcript.text.delta","delta":"b","logprobs":[{"token":"b","logprob":-2}]}',
      '{"type":"transcript.text.done","text":"ab"}' })
    local result = assert(stream:result())
    assert.equal(-2, result.logprobs[2].logprob)
    assert.same({ id = "s1", speaker = "A", start = 0, ["end"] = 1, text = "ab" }, result.segments[1])
  end)

  it("may be one event at the end", function()
    local stream = assert(open { DONE })
    local pieces = {}
    for piece in stream:text() do pieces[#pieces + 1] = piece end
    assert.same({ "Hola, mundo" }, pieces)
  end)

  it("is truncated without its last event, with what had come", function()
    local stream = assert(open(DELTAS))
    local result, err = stream:result()
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    assert.equal("Hola, mundo", err.partial.text)
  end)

  it("raises an error sent inside it", function()
    local stream = assert(open { DELTAS[1], '{"error":{"message":"no more"}}' })
    local ok, err = pcall(function() for _ in stream:text() do end end)
    assert.is_false(ok)
    assert.same({ "stream", "no more" }, { err.kind, err.message })
  end)

  it("is a stream of one where the server streams nothing", function()
    for body, kind in pairs { ['{"text":"Hola"}'] = "application/json", ["Hola"] = "text/plain" } do
      local f = script(text_reply(body, kind))
      local stream = assert(client_of(f).audio.transcriptions:create { file = path, stream = true })
      local pieces = {}
      for piece in stream:text() do pieces[#pieces + 1] = piece end
      assert.same({ "Hola" }, pieces)
      assert.equal("Hola", tostring(stream:result()))
    end
  end)
end)

describe("a file over the provider's bound", function()
  local MiB = 1024 * 1024

  local function sparse(name, size)
    local path = dir.write(name, "")
    local file = assert(io.open(path, "wb"))
    file:seek("set", size - 1)
    file:write("\0")
    file:close()
    return path
  end

  local function client(f)
    local preset = marea.provider { extends = "nan", base_url = f.base_url, key_optional = true }
    return marea.client { provider = preset, max_retries = 0 }
  end

  it("is refused before a byte is sent", function()
    local f = script()
    for _, file in ipairs { sparse("long.mp3", 25 * MiB + 1), { data = ("x"):rep(25 * MiB + 1) } } do
      local result, err = client(f).audio.transcriptions:create { file = file }
      assert.is_nil(result)
      assert.same({ "too_large", "nan" }, { err.kind, err.provider })
      assert.matches("has 26214401 bytes, and a file may have 26214400 %(25 MiB%)", err.message)
      assert.is_nil(err.status)
    end
    assert.equal(0, #f.requests())
  end)

  it("is sent where it just keeps to it", function()
    local f = server.shared():script({ { { status = 200, body = '{"text":"x"}' } } }, { keep_body = 0 })
    assert(client(f).audio.transcriptions:create { file = sparse("fits.mp3", 25 * MiB) })
    assert.is_true(f.requests()[1].body_bytes > 25 * MiB)
  end)

  it("is not our matter elsewhere", function()
    local f = server.shared():script({ { { status = 200, body = "{}" } } }, { keep_body = 0 })
    assert(client(f):request { path = "files", form = { file = { path = sparse("data.jsonl", 26 * MiB) } } })
  end)
end)
