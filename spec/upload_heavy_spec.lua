-- SPDX-License-Identifier: MIT
-- A gigabyte goes up while memory stays where it was.

local faults = require("spec.support.faults")
local form = require("spec.support.form")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local server = require("spec.support.server")

local GiB = 1024 * 1024 * 1024
local MOST = 16 * 1024      -- KiB

describe("an upload of a gigabyte", function()
  local dir, path, s

  setup(function()
    dir = form.directory()
    path = dir.file("huge.wav")
    local file = assert(io.open(path, "wb"))     -- a hole: it takes no room on the disk
    file:write("RIFF")
    file:seek("set", GiB - 1)
    file:write("\0")
    file:close()
    s = server.shared()
  end)

  teardown(function() dir.remove() end)

  -- The most memory this process had while `f` ran, over what it had before.
  local function growth(f)
    leaks.collect()
    local before, most = leaks.rss_kb(), 0
    marea.run(function()
      local work = marea.spawn(f)
      marea.spawn(function()
        while work.status == "running" do
          most = math.max(most, leaks.rss_kb())
          marea.sleep(0.02)
        end
      end)
    end)
    return most - before
  end

  local function send(call)
    local f = s:script({ { { status = 200, body = '{"text":"long"}' } } }, { keep_body = 0 })
    local result
    local grown = growth(function()
      result = assert(call(faults.client(f, { timeout = { total = 300 } })))
    end)
    assert.equal("long", result.text)
    assert.is_true(f.requests()[1].body_bytes >= GiB and f.requests()[1].whole)
    assert.is_true(grown < MOST, ("grew by %d KiB"):format(grown))
  end

  it("in a form takes at most 16 MiB, and every byte arrives", function()
    send(function(client) return client.audio.transcriptions:create { file = path } end)
  end)

  it("as a body takes at most 16 MiB, and every byte arrives", function()
    send(function(client) return client:request { path = "files", file = path } end)
  end)
end)
