-- SPDX-License-Identifier: MIT
-- What servers really send. The cases are the files of spec/quirks, which its
-- README explains; here each is sent over a socket in every way of cutting it,
-- and must come to the same.

local faults = require("spec.support.faults")
local json = require("marea.json")
local quirks = require("spec.support.quirks")
local server = require("spec.support.server")
local sweep = require("spec.support.sweep")

-- Under a sanitizer every cut costs dearly: one in so many there.
local STRIDE = os.getenv("MAREA_SANITIZED") and 17 or 1

local function with_script(actions, f)
  local script = server.shared():script({ actions }, { repeat_last = true })
  local ok, err = pcall(f, faults.client(script, { timeout = 2 }), script)
  script.forget()
  if not ok then error(err, 0) end
end

local function run(case, actions)
  with_script(actions, function(client)
    quirks.check_stream(case, quirks.read(client, case))
  end)
end

-- Each cut must come to what the first did, which is looked at closely.
local function run_cuts(case)
  local actions = quirks.cut(case)
  actions[1].stride = STRIDE
  with_script(actions, function(client)
    local first = quirks.read(client, case)
    local same = quirks.fingerprint(first)
    quirks.check_stream(case, first)
    for at = STRIDE, math.ceil(#case.body / 4), STRIDE do
      assert.equal(same, quirks.fingerprint(quirks.read(client, case)), "cut at " .. at .. " and each quarter further")
    end
  end)
end

-- The result of the stream, sent as an answer without one, says the same.
local function run_unstreamed(case)
  local result
  with_script(quirks.whole(case), function(client) result = quirks.read(client, case).result end)
  local bodies = { case.whole }
  if case.encodes ~= false then bodies[#bodies + 1] = json.encode(result, { sort = true }) end
  for _, body in ipairs(bodies) do
    with_script({ { status = 200, body = body } }, function(client)
      quirks.check_whole(case, quirks.ask(client, case))
    end)
  end
end

describe("the quirk", function()
  setup(sweep.start)

  for _, case in ipairs(quirks.load()) do
    describe(case.name, function()
      teardown(sweep.check)

      if case.stream ~= false then
        it("is read whole", function() run(case, quirks.whole(case)) end)
        it("is read byte by byte", function() run(case, quirks.bytewise(case)) end)
        it("is read cut at every position", function() run_cuts(case) end)
      end
      if not case.stream then
        it("is read where no stream was asked for", function()
          with_script(quirks.whole(case), function(client) quirks.check_whole(case, quirks.ask(client, case)) end)
        end)
      elseif not case.error then
        it("gives what the call without `stream` would have", function() run_unstreamed(case) end)
      end
    end)
  end
end)
