-- SPDX-License-Identifier: MIT
-- Two people in a room of host.c. It calls `tick` sixty times a second; `say` is
-- what it lets them do.

local base_url, model = ...
local marea = require "marea"          -- linked in: no file is looked for

local client = marea.client { base_url = base_url, model = model }
local talking = 0

local function person(name, question)
  talking = talking + 1
  marea.spawn(function()
    local messages = { { role = "user", content = question } }
    local stream = assert(client.chat.completions:create { messages = messages, stream = true })
    local line = {}
    for text in stream:text() do line[#line + 1] = text end
    say(name .. " says " .. table.concat(line))
    talking = talking - 1
  end)
end

person("Brina", "What is a tide?")
person("Pinza", "What is a wave?")

--- Lets everything go on for at most `budget` seconds. Returns whether there is
--- more to come.
function tick(budget)
  marea.step(budget)
  return talking > 0
end
