-- SPDX-License-Identifier: MIT
-- The examples of audio on NaN's API reference, as Lua: the same request on the
-- wire, forms compared part by part, the same fields out of the answer.

local marea = require("marea")
local daemon = require("spec.support.daemon")
local pages = require("spec.support.pages")

local API = "https://api.nan.builders/v1"
local SPEECH, TRANSCRIPTIONS = API .. "/audio/speech", API .. "/audio/transcriptions"

describe("NaN's page: speech", function()
  local page, dir
  setup(function()
    page = pages.open("nan")
    dir = daemon.directory()
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  local EXAMPLE = [[{"model":"kokoro","input":"Bienvenido a NaN.","voice":"ef_dora","response_format":"%s"}]]

  local function params(format)
    return { model = "kokoro", input = "Bienvenido a NaN.", voice = "ef_dora", response_format = format }
  end

  it("the example, written to speech.mp3", function()
    local path = dir .. "/speech.mp3"
    local result = assert(page.client.audio.speech:create(params "mp3", { to = path }))
    page:expect("POST", SPEECH, EXAMPLE:format "mp3")
    assert.equal("ID3no sound, a script's text: Bienvenido a NaN.", daemon.read(path))
    assert.equal("audio/mpeg", result.content_type)
  end)

  -- Each format, its type and how its bytes begin.
  local formats = { mp3 = { "audio/mpeg", "ID3" }, wav = { "audio/wav", "RIFF" }, flac = { "audio/flac", "fLaC" },
    aac = { "audio/aac", "\255\241" }, pcm = { "audio/pcm", "no sound" }, opus = { "audio/ogg", "OggS" } }
  for format, as in pairs(formats) do
    it("in the format " .. format .. ", to memory and as a stream of bytes", function()
      local result = assert(page.client.audio.speech:create(params(format)))
      page:expect("POST", SPEECH, EXAMPLE:format(format))
      assert.same({ as[1], as[2] }, { result.content_type, result.data:sub(1, #as[2]) })
      local parts = {}
      local stream = assert(page.client.audio.speech:create(params(format), { stream = true }))
      page:expect("POST", SPEECH, EXAMPLE:format(format))
      for bytes in stream:bytes() do parts[#parts + 1] = bytes end
      assert.equal(result.data, table.concat(parts))
    end)
  end

  it("in all the preset's formats, mp3 where none is named, and at a speed", function()
    for _, format in ipairs(marea.providers.nan.formats["audio/speech"]) do
      assert.is_table(formats[format], format)
    end
    local result = assert(page.client.audio.speech:create { input = "Hola", voice = "em_alex", speed = 1.5 })
    page:expect("POST", SPEECH, [[{"model":"kokoro","input":"Hola","voice":"em_alex","speed":1.5}]])
    assert.equal("audio/mpeg", result.content_type)
  end)

  it("with the page's voice where none is given, as it is required", function()
    assert(page.client.audio.speech:create { input = "Hola" })
    page:expect("POST", SPEECH, [[{"model":"kokoro","input":"Hola","voice":"ef_dora"}]])
  end)

  it("refused where the format is none of them: an error, no file", function()
    local path = dir .. "/speech.midi"
    local err = pages.fails("bad_request", 400, page.client.audio.speech:create(params "midi", { to = path }))
    assert.equal("response_format", err.param)
    assert.is_nil(io.open(path))
  end)
end)

describe("NaN's page: transcriptions", function()
  local page, dir, recording
  setup(function()
    page = pages.open("nan", nil, { key_short = { max_audio_seconds = 0.01 }, key_broken = { fault = 524 } })
    dir = daemon.directory()
    recording = dir .. "/grabacion.mp3"
    daemon.write(recording, "\0\r\n--sound\255")
  end)
  teardown(function() os.execute("rm -rf " .. dir) end)

  local FILE = { filename = "grabacion.mp3", content_type = "audio/mpeg", data = "\0\r\n--sound\255" }

  local function create(params, options)
    return page.client.audio.transcriptions:create(params, options)
  end

  local function sample(words)
    return [[{"text":"Hola, esto es una prueba.","language":"es","task":"transcribe","duration":1.728,"segments":[
      {"id":1,"start":0.0,"end":1.4,"text":" Hola, esto es una prueba.","tokens":[50365,22637],"avg_logprob":-0.059,
      "compression_ratio":0.806,"no_speech_prob":0.044,"temperature":0.0}],"words":]] .. words .. "}"
  end

  it("the example: verbose_json, in Spanish", function()
    local result = assert(create { model = "whisper", file = recording, language = "es",
      response_format = "verbose_json" })
    page:expect_form(TRANSCRIPTIONS, { model = "whisper", file = FILE, language = "es",
      response_format = "verbose_json" })
    pages.same_values(sample "null", result)
    assert.equal("Hola, esto es una prueba.", result.output_text)
  end)

  it("words, where they are asked for", function()
    local result = assert(create { file = recording, response_format = "verbose_json",
      timestamp_granularities = { "word" } })
    page:expect_form(TRANSCRIPTIONS, { model = "whisper", file = FILE, response_format = "verbose_json",
      ["timestamp_granularities[]"] = "word" })
    assert.equal(5, #result.words)
    pages.same_values([[{"word":"Hola,","start":0,"end":0.25,"probability":0.5}]], result.words[1])
    assert(create { file = recording, response_format = "verbose_json", ["timestamp_granularities[]"] = "segment" })
    page:expect_form(TRANSCRIPTIONS, { model = "whisper", file = FILE, response_format = "verbose_json",
      ["timestamp_granularities[]"] = "segment" })
  end)

  it("json by default, the file alone being needed", function()
    local result = assert(create { file = recording })
    page:expect_form(TRANSCRIPTIONS, { model = "whisper", file = FILE })
    pages.same_values('{"text":"Hola, esto es una prueba."}', result)
    assert.equal("Hola, esto es una prueba.", tostring(result))
  end)

  it("other formats come wrapped in JSON", function()
    local result = assert(create { file = recording, response_format = "srt", temperature = 0.2 })
    page:expect_form(TRANSCRIPTIONS, { model = "whisper", file = FILE, response_format = "srt", temperature = "0.2" })
    assert.truthy(result.text:find("1\n00:00:00,000 --> 00:00:01,400\nHola, esto es una prueba.", 1, true))
  end)

  it("of bytes at hand, in the recommended formats", function()
    for name, kind in pairs { ["a.ogg"] = "audio/ogg", ["b.mp3"] = "audio/mpeg" } do
      local result = assert(create { file = { data = "abc", filename = name } })
      page:expect_form(TRANSCRIPTIONS, { model = "whisper",
        file = { filename = name, content_type = kind, data = "abc" } })
      assert.equal("A script heard 3 bytes of " .. name .. ".", result.text)
    end
  end)

  it("25 MB may be sent; of more not a byte is", function()
    local other, most = pages.open("nan"), 25 * 1024 * 1024
    local function send(size)
      return other.client.audio.transcriptions:create { file = { data = ("x"):rep(size), filename = "a.mp3" } }
    end
    assert.equal("A script heard 26214400 bytes of a.mp3.", assert(send(most)).text)
    local err = pages.fails("too_large", nil, send(most + 1))
    assert.truthy(err.message:find("25 MiB", 1, true))
    assert.equal(1, other.scenario:account().served)
  end)

  it("524 is the server's: the audio was too long", function()
    local speech = assert(page.client.audio.speech:create { input = "Hola", response_format = "wav" }).data
    local file = { data = speech, filename = "a.wav" }
    pages.fails("server", 524, create({ file = file }, { api_key = "key_short" }))
    pages.fails("server", 524, create({ file = file }, { api_key = "key_broken" }))
  end)

  it("what is wrong is named", function()
    local err = pages.fails("bad_request", 400, create { file = recording, language = "Spanish" })
    assert.equal("language", err.param)
    pages.fails("not_found", 404, create { file = recording, model = "ear" })
    pages.fails("authentication", 401, create({ file = recording }, { api_key = "sk-otra" }))
  end)
end)
