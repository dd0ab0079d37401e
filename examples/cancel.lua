-- SPDX-License-Identifier: MIT
-- Four ways to stop waiting: lua examples/cancel.lua

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local question = { { role = "user", content = "Count from one to a hundred, in words." } }

local function open()
  return assert(client.chat.completions:create { messages = question, stream = true })
end

marea.run(function()
  -- Enough was read: closing ends the transfer now, and the provider stops.
  local stream = open()
  local first = stream:next()
  stream:close()
  print("closed after a first event of type " .. first.type)

  -- A task that is cancelled closes what it opened before `cancel` returns.
  local task = marea.spawn(function()
    local printable = common.printable()
    for text in open():text() do io.write(printable(text)) end
  end)
  marea.sleep(0)         -- it begins when its creator waits
  task:cancel()
  print("the task is " .. task.status)

  -- Too late is an error like others: what was open is closed.
  local _, err = marea.timeout(0.05, function()
    marea.sleep(60)
    return open()
  end)
  print("the third: " .. tostring(err))

  -- Of several models asked, the quickest counts; the others are cancelled.
  local quickest = marea.race {
    function() return assert(client:ask "Hola") end,
    function() marea.sleep(5) return assert(client:ask "Hello") end,
  }
  print("the quickest said: " .. common.printable()(quickest.output_text))
end)
