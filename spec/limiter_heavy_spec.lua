-- SPDX-License-Identifier: MIT
-- NaN's own limits, a hundred requests a minute and five at once, against a
-- server that counts as its page says. It takes the minute it is about, so it
-- runs on one Lua; limiter_spec.lua does the same in seconds on each.

if _VERSION ~= "Lua 5.4" then return end

local core = require("marea.core")
local marea = require("marea")
local server = require("spec.support.server")

describe("200 tasks within NaN's limits", function()
  it("all finish, never more than five at once, and none is refused", function()
    local f = server.shared():script({}, { serve = true, accounts = { ["sk-heavy"] = { window = 60 } } })
    local client = marea.client { provider = "nan", base_url = f.url .. "/nan/v1", api_key = "sk-heavy",
      max_retries = 0, headers = { ["x-delay-ms"] = "20" } }
    local numbers, answers, started = {}, {}, core.now()
    for i = 1, 200 do numbers[i] = i end
    marea.map(numbers, function(i) answers[i] = assert(client:ask("Say " .. i)).output_text end)
    local took, account = core.now() - started, f.accounts()[1]
    for i = 1, 200 do assert.truthy(answers[i]:find("Say " .. i, 1, true)) end
    assert.same({ 0, 5, 0 }, { account.refused, account.most, account.running })
    assert.is_true(took >= 60 and took < 75, took)
    assert.same({ 0, 0 }, { client.limits.running, client.limits.waiting })
  end)
end)
