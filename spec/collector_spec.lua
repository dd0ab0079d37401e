-- SPDX-License-Identifier: MIT
-- Whatever the collector does, and whether LuaJIT compiles or not, calls come
-- to the same: a program makes calls of every kind, once left alone and once
-- with the collector running all the time, at every allocation where it can.

local child = require("spec.support.child")
local faults = require("spec.support.faults")
local json = require("marea.json")
local quirks = require("spec.support.quirks")
local server = require("spec.support.server")

-- Of the streams of spec/quirks every so many is read: each takes its time with
-- a collection at every allocation.
local STRIDE = os.getenv("MAREA_SANITIZED") and 20 or 5

local function script(...)
  return server.shared():script({ { ... } }, { repeat_last = true })
end

local function plan()
  local places = {
    cutting = script({ send = faults.SSE_HEAD .. faults.text("uno") }, { fin = true }),
    refusing = script({ status = 503, headers = { ["retry-after-ms"] = "1" }, body = "{}" }),
    stalling = script({ send = faults.SSE_HEAD .. faults.text("uno") .. faults.text("dos") }, { keep_open = true }),
  }
  local made = { base_url = server.shared().base_url, streams = json.array {}, stride = STRIDE }
  for name, f in pairs(places) do made[name] = f.base_url end
  for _, case in ipairs(quirks.load()) do
    if case.stream ~= false then
      local f = server.shared():script({ quirks.whole(case) }, { repeat_last = true })
      made.streams[#made.streams + 1] = { base_url = f.base_url, endpoint = case.endpoint,
        n = (case.params or {}).n or 1 }
    end
  end
  return made
end

-- What each scenario came to, by name.
local function run(made, options)
  for name, value in pairs(options) do made[name] = value end
  local output, status = child.file("spec/support/collecting.lua", { json.encode(made) })
  for name in pairs(options) do made[name] = nil end
  assert.equal(0, status, output)
  local results = {}
  for name, result in output:gmatch("([^\t\n]+)\t([^\n]*)\n") do results[name] = result end
  assert.equal("0", results["still there"], output)
  return results
end

describe("calls of every kind", function()
  local made, usual

  setup(function()
    made = plan()
    usual = run(made, {})
  end)

  it("come to what they should", function()
    assert.equal('["done"]', usual.abandoned)
    assert.equal('[[[false,"cancelled","unodos"],"cancelled"]]', usual.cancelled)
    assert.equal('[["not_found","truncated","uno",false,"truncated"]]', usual.errors)
    assert.equal('[["server",3,[0.001,0.001]]]', usual.retries)
    assert.truthy(usual.tasks:find('"first",2,8,"timeout"', 1, true), usual.tasks)
    assert.is_true(#json.decode(usual.streams)[1] > 100 / STRIDE)
  end)

  it("come to the same while the collector runs all the time", function()
    assert.same(usual, run(made, { force = true }))
  end)

  if rawget(_G, "jit") then
    it("come to the same where nothing is compiled", function()
      assert.same(usual, run(made, { no_jit = true }))
      assert.same(usual, run(made, { no_jit = true, force = true }))
    end)
  end
end)
