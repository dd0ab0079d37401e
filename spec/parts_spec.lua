-- SPDX-License-Identifier: MIT
-- Pictures and sound in messages, and pictures as answers.

local cjson = require("cjson")
local form = require("spec.support.form")
local marea = require("marea")
local server = require("spec.support.server")

local PNG, WAV = "\137PNG\r\n\26\nxx", "RIFF\0\0\0\0WAVEfmt "

local dir
setup(function() dir = form.directory() end)
teardown(function() dir.remove() end)

local function raised(f)
  local ok, message = pcall(f)
  assert.is_false(ok, "nothing was raised")
  return message
end

describe("marea.image", function()
  it("makes a data URL of a file, by how it begins", function()
    local path = dir.write("really a png.jpg", PNG)
    assert.same({ type = "image_url", image_url = { url = "data:image/png;base64,iVBORw0KGgp4eA==" } },
      marea.image(path))
  end)

  it("goes by the name where the bytes tell nothing", function()
    assert.equal("data:image/svg+xml;base64,PHN2Zz4=", marea.image(dir.write("a.SVG", "<svg>")).image_url.url)
  end)

  it("leaves URLs as they are", function()
    for _, url in ipairs { "https://example.com/foto.jpg", "http://x/y", "data:image/png;base64,AA==" } do
      assert.same({ type = "image_url", image_url = { url = url } }, marea.image(url))
      assert.same({ type = "image_url", image_url = { url = url, detail = "low" } },
        marea.image { url = url, detail = "low" })
    end
  end)

  it("takes bytes, and is told what they are where nothing tells", function()
    assert.equal("data:image/gif;base64,R0lGODlhAA==", marea.image { data = "GIF89a\0" }.image_url.url)
    local own = marea.image { data = "\0", content_type = "image/x-own" }
    assert.equal("data:image/x-own;base64,AA==", own.image_url.url)
    local part, err = marea.image { data = "\0" }
    assert.is_nil(part)
    assert.equal("bad_request", err.kind)
    assert.matches("say its content_type", err.message)
  end)

  it("says what can't be read", function()
    local part, err = marea.image(dir.file("nowhere.png"))
    assert.is_nil(part)
    assert.same({ "not_found", "ENOENT" }, { err.kind, err.code })
    assert.equal("EISDIR", select(2, marea.image(dir.path)).code)
  end)

  it("never lets a picture that can't be read go missing unnoticed", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1", model = "m" }
    local text, gone = { type = "text", text = "?" }, dir.file("gone.png")
    for _, content in ipairs { { text, marea.image(gone) }, { marea.image(gone), text } } do
      local message = raised(function()
        local result = client.chat.completions:create { messages = { { role = "user", content = content } } }
        return result
      end)
      assert.matches("messages%[1%].content", message)
    end
  end)

  it("raises at the caller's line where it was called wrongly", function()
    for _, source in ipairs { 1, {}, { path = "a", data = "b" }, { path = "a", size = 1 }, { path = "" },
        { path = "a\0" }, { data = "a", content_type = "image/png\r\n" } } do
      local message = raised(function()
        local part = marea.image(source)
        return part
      end)
      assert.matches("parts_spec.lua:%d+: marea.image", message)
    end
  end)

  it("is what a model that sees is sent", function()
    local f = server.shared():script({}, { serve = true })
    local client = marea.client { base_url = f.base_url, model = "bundled-echo" }
    assert(client.chat.completions:create { messages = { { role = "user", content = {
      { type = "text", text = "¿Qué hay?" }, assert(marea.image(dir.write("a.png", PNG))) } } } })
    local content = cjson.decode(f.requests()[1].body).messages[1].content
    assert.equal("data:image/png;base64,iVBORw0KGgp4eA==", content[2].image_url.url)
  end)
end)

describe("marea.audio", function()
  it("makes a part of a file, its format by how it begins or what it is called", function()
    local cases = { { "q.wav", WAV, "wav" }, { "q.mp3", "ID3", "mp3" }, { "wav.mp3", WAV, "wav" },
      { "q.flac", "fLaC", "flac" }, { "q.opus", "OggS", "opus" }, { "q.ogg", "OggS", "ogg" },
      { "q.m4a", "\0\0\0 ftypM4A ", "m4a" }, { "q.pcm", "\1\2", "pcm" }, { "q.webm", "\26E\223\163", "webm" } }
    for _, case in ipairs(cases) do
      local part = assert(marea.audio(dir.write(case[1], case[2])))
      assert.same({ type = "input_audio", input_audio = { data = marea.base64.encode(case[2]), format = case[3] } },
        part)
    end
  end)

  it("takes bytes, and is told what they are where nothing tells", function()
    assert.equal("wav", marea.audio { data = WAV }.input_audio.format)
    assert.equal("pcm16", marea.audio { data = "\1", format = "pcm16" }.input_audio.format)
    local _, err = marea.audio { data = "\1" }
    assert.matches("say its format", err.message)
    assert.equal("not_found", select(2, marea.audio(dir.file("nowhere.wav"))).kind)
  end)

  it("takes no URL", function()
    assert.matches("unknown option", raised(function() marea.audio { url = "https://x/y.wav" } end))
  end)
end)

describe("marea.base64", function()
  it("is what it encoded, and refuses the rest", function()
    for _, bytes in ipairs { "", "a", "ab", "abc", "\0\255\128" } do
      assert.equal(bytes, marea.base64.decode(marea.base64.encode(bytes)))
    end
    assert.same({ nil, "not base64" }, { marea.base64.decode "a" })
  end)
end)

describe("client.images", function()
  local client
  setup(function() client = marea.client { base_url = server.shared().base_url } end)

  it("generates, and leaves what came as it was", function()
    local result = assert(client.images:generate { prompt = "un gato", n = 2, response_format = "b64_json" })
    assert.equal(2, #result.data)
    assert.matches("^GIF89a", assert(marea.base64.decode(result.data[1].b64_json)))
    result = assert(client.images:generate { prompt = "un gato", response_format = "url" })
    assert.matches("^data:image/gif", result.data[1].url)
  end)

  it("sends the prompt as JSON, and the model for images where there is one", function()
    local f = server.shared():script({ { { status = 200, body = '{"data":[]}' } } }, { repeat_last = true })
    assert(marea.client { base_url = f.base_url }.images:generate { prompt = "x", size = "64x64" })
    assert(marea.client { base_url = f.base_url, model = { image = "dall-e" } }.images:generate { prompt = "x" })
    assert.same({ prompt = "x", size = "64x64" }, cjson.decode(f.requests()[1].body))
    assert.same({ prompt = "x", model = "dall-e" }, cjson.decode(f.requests()[2].body))
    assert.matches("/v1/images/generations$", f.requests()[1].target)
  end)

  it("edits, and varies, by a form", function()
    local path = dir.write("a.png", PNG)
    local f = server.shared():script({ { { status = 200, body = '{"data":[]}' } } }, { repeat_last = true })
    local told = marea.client { base_url = f.base_url }
    assert(told.images:edit { image = { path, path }, mask = path, prompt = "x" })
    assert(told.images:create_variation { image = path, n = 2 })
    local names = {}
    for _, part in ipairs(form.parts(f.requests()[1])) do names[#names + 1] = part.name end
    assert.same({ "prompt", "image[]", "image[]", "mask" }, names)
    assert.matches("/v1/images/edits$", f.requests()[1].target)
    assert.equal("2", form.parts(f.requests()[2]).fields.n)
    assert.matches("/v1/images/variations$", f.requests()[2].target)
  end)

  -- Opens a stream of images, whose events are JSON texts.
  local function stream_of(list, params)
    local actions = { { status = 200, chunked = true, headers = { ["content-type"] = "text/event-stream" } } }
    for _, data in ipairs(list) do actions[#actions + 1] = { chunk = "data: " .. data .. "\n\n" } end
    actions[#actions + 1] = { last_chunk = true }
    local told = marea.client { base_url = server.shared():script({ actions }).base_url, max_retries = 0 }
    params.prompt, params.stream = "x", true
    return assert((params.image and told.images.edit or told.images.generate)(told.images, params))
  end

  local function image_event(kind, data, more)
    return ('{"type":"%s","b64_json":"%s","created_at":5,"output_format":"png"%s}'):format(kind, data, more or "")
  end

  it("streamed give what the call without a stream would have: the images that are whole", function()
    local usage = ',"usage":{"total_tokens":3}'
    local edit = { image = { data = PNG, filename = "a.png" } }
    for family, params in pairs { image_generation = {}, image_edit = edit } do
      local stream = stream_of({ image_event(family .. ".partial_image", "AA==", ',"partial_image_index":0'),
        image_event(family .. ".completed", "BB==", usage) }, params)
      local chunks = 0
      for _ in stream:chunks() do chunks = chunks + 1 end
      assert.equal(2, chunks)
      assert.same({ created = 5, output_format = "png", usage = { total_tokens = 3 },
        data = { { b64_json = "BB==" } } }, stream:result())
    end
  end)

  it("streamed may be several, and tell their usage", function()
    local stream = stream_of({ image_event("image_generation.completed", "AA=="),
      image_event("image_generation.partial_image", "BB=="),
      image_event("image_generation.completed", "CC==", ',"usage":{"total_tokens":3}') }, { n = 2 })
    assert.same({ type = "usage", usage = { total_tokens = 3 } }, stream:next())
    assert.is_nil(stream:next())
    assert.same({ { b64_json = "AA==" }, { b64_json = "CC==" } }, stream:result().data)
  end)

  it("that break off have the newest step in what had come", function()
    local stream = stream_of({ image_event("image_generation.partial_image", "AA=="),
      image_event("image_generation.partial_image", "BB==") }, {})
    local _, err = stream:result()
    assert.equal("truncated", err.kind)
    assert.same({ { b64_json = "BB==" } }, err.partial.data)
  end)

  it("needs a prompt, or a picture", function()
    assert.matches("images:generate, prompt", raised(function() client.images:generate {} end))
    assert.matches("images:edit, image", raised(function() client.images:edit { prompt = "x" } end))
  end)
end)
