-- SPDX-License-Identifier: MIT
-- marea on a loop of cqueues': a server that answers each line it is sent with
-- what the model says, piece by piece: lua examples/cqueues.lua [PORT]
-- (then, for instance: nc 127.0.0.1 PORT). Debian: apt-get install lua-cqueues

local cqueues = require "cqueues"
local condition = require "cqueues.condition"
local socket = require "cqueues.socket"
local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local controller = cqueues.new()

-- This is all it takes: whenever there is something to do, a step. The
-- descriptor is ready, too, when a task is spawned from elsewhere.
controller:wrap(function()
  local ready = { pollfd = marea.fd(), events = "r" }
  while true do
    cqueues.poll(ready, marea.next_timeout() or math.huge)
    marea.step()
  end
end)

-- A task of marea's can't wait for what is cqueues', nor the other way round: a
-- condition goes between them.
local function ask(question)
  local news, pieces, ended = condition.new(), {}, false
  local task = marea.spawn(function()
    local stream, err = client.chat.completions:create { stream = true,
      messages = { { role = "user", content = question } } }
    if not stream then pieces[1] = tostring(err) end
    for event in function() return stream and stream:next() end do
      if event.type == "text" then
        pieces[#pieces + 1] = event.text
        news:signal()
      end
    end
    ended = true
    news:signal()
  end)
  local at = 0
  local function next_piece()
    while at == #pieces and not ended do news:wait() end
    at = at + 1
    return pieces[at]
  end
  return next_piece, task
end

local function serve(connection)
  connection:setmode("tn", "bn")
  for line in connection:lines "*l" do
    local pieces, task = ask(line)
    for piece in pieces do
      if not connection:write(piece) then task:cancel() end      -- nobody listens any more
    end
    connection:write "\n"
  end
  connection:close()
end

local server = socket.listen("127.0.0.1", tonumber(arg[1]) or 0)
local _, _, port = server:localname()
print("listening " .. port)
io.stdout:flush()

controller:wrap(function()
  for connection in server:clients() do
    controller:wrap(function() serve(connection) end)
  end
end)

assert(controller:loop())
