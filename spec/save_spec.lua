-- SPDX-License-Identifier: MIT
-- Answers that are saved: where they go is the caller's to say and nobody
-- else's, be it a server that names a file or somebody who put a link there.

local faults = require("spec.support.faults")
local form = require("spec.support.form")
local lfs = require("lfs")
local server = require("spec.support.server")

local SOUND = "ID3" .. ("sound"):rep(1000)

describe("an answer that is saved", function()
  local s, dir, client

  setup(function() s = server.shared() end)

  before_each(function()
    dir = form.directory()
    local f = s:script({ { { status = 200, body = SOUND, headers = { ["content-type"] = "audio/mpeg",
      ["content-disposition"] = 'attachment; filename="../evil.mp3"; filename*=UTF-8\'\'%2Ftmp%2Fevil.mp3' } } } },
      { repeat_last = true })
    client = faults.client(f)
  end)

  after_each(function() dir.remove() end)

  local function save(name)
    return client.audio.speech:create({ input = "hola", voice = "v" }, { to = dir.file(name) })
  end

  it("goes where it was told, whatever the server calls it", function()
    local result = assert(save("said.mp3"))
    assert.equal(dir.file("said.mp3"), result.path)
    assert.equal("said.mp3", dir.names())
    assert.equal(SOUND, dir.read("said.mp3"))
    assert.is_nil(lfs.attributes(dir.path .. "/../evil.mp3"))
    assert.is_nil(lfs.attributes("/tmp/evil.mp3"))
  end)

  it("takes the place of a link, and leaves what that led to alone", function()
    dir.write("precious", "precious")
    assert(lfs.link(dir.file("precious"), dir.file("said.mp3"), true))
    assert(save("said.mp3"))
    assert.equal("precious", dir.read("precious"))
    assert.equal(SOUND, dir.read("said.mp3"))
    assert.equal("file", lfs.symlinkattributes(dir.file("said.mp3"), "mode"))
  end)

  it("is not written through a link that lies where it is put together", function()
    dir.write("precious", "precious")
    assert(lfs.link(dir.file("precious"), dir.file("said.mp3.part"), true))
    local result = save("said.mp3")
    assert.equal("precious", dir.read("precious"))
    if result then assert.equal(SOUND, dir.read("said.mp3")) end
  end)

  it("leaves nothing where it breaks off, and what was there as it was", function()
    dir.write("said.mp3", "before")
    local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-type: audio/mpeg\r\ncontent-length: 90000\r\n\r\n" },
      { send = SOUND }, { fin = true } } })
    client = faults.client(f)
    local result, err = save("said.mp3")
    assert.is_nil(result)
    assert.equal("truncated", err.kind)
    assert.equal("said.mp3", dir.names())
    assert.equal("before", dir.read("said.mp3"))
  end)
end)
