-- SPDX-License-Identifier: MIT
-- marea on bare poll(2), by luaposix: a conversation in which you may type on
-- while the answer is written. An empty line stops it: luajit examples/poll.lua
-- Debian's luaposix is for lua5.3 and luajit: apt-get install lua-posix

local poll = require "posix.poll"
local unistd = require "posix.unistd"
local marea = require "marea"
local common = require "examples.common"

local INPUT = unistd.STDIN_FILENO

local client = common.client()
local messages, asked, answering = {}, {}, nil

local function say(text)
  io.write(text)
  io.flush()
end

local function answer(question)
  messages[#messages + 1] = { role = "user", content = question }
  local stream = assert(client.chat.completions:create { messages = messages, stream = true })
  local printable = common.printable()
  for text in stream:text() do say(printable(text)) end
  messages[#messages + 1] = { role = "assistant", content = assert(stream:result()).output_text }
  say "\n"
end

-- The next question, once the one before has its answer.
local function go_on()
  if answering and answering.status == "running" or #asked == 0 then return end
  local question = table.remove(asked, 1)
  answering = marea.spawn(function()
    local ok, err = pcall(answer, question)
    if not ok then say("\n(" .. tostring(err) .. ")\n") end
  end)
end

local function take_line(line)
  if line:find "%S" then asked[#asked + 1] = line
  elseif answering then answering:cancel() end
end

local rest = ""
local function read_input()
  local bytes = unistd.read(INPUT, 4096)
  if not bytes or bytes == "" then return false end
  rest = rest .. bytes
  rest = rest:gsub("([^\n]*)\n", function(line) take_line(line) return "" end)
  return true
end

-- The loop: two descriptors, and no longer than marea has nothing to do.
local fds = { [INPUT] = { events = { IN = true } }, [marea.fd()] = { events = { IN = true } } }
local open = true
while open or #asked > 0 or answering and answering.status == "running" do
  go_on()
  local seconds = marea.next_timeout()
  poll.poll(fds, seconds and math.ceil(seconds * 1000) or -1)
  if open and fds[INPUT].revents and (fds[INPUT].revents.IN or fds[INPUT].revents.HUP) then
    open = read_input()
    if not open then fds[INPUT] = nil end
  end
  marea.step()
end
