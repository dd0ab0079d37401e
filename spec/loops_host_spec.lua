-- SPDX-License-Identifier: MIT
-- Loops of others, by `marea.fd` and `marea.next_timeout`: cqueues, and poll(2)
-- by luaposix. Here they are the examples, run as a user would.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")
local paced = require("spec.support.paced")
local server = require("spec.support.server")
local socket = require("socket")

local interpreters = { ["5.4"] = "lua5.4", ["5.3"] = "lua5.3", ["5.1"] = "luajit" }

-- `env NAME=VALUE...` as words, for what is started by name
local function env_words(version, base_url)
  local words = { "env" }
  for name, value in pairs(hosts.environment(version, { MAREA_BASE_URL = base_url, MAREA_MODEL = "m" })) do
    if value then words[#words + 1] = ('%s="%s"'):format(name, value) end
  end
  return table.concat(words, " ")
end

local function processor_time(pid)
  local stat = daemon.read("/proc/" .. pid .. "/stat")
  local user, system = stat:match("^.*%) " .. ("%S+ "):rep(11) .. "(%d+) (%d+)")
  return (tonumber(user) + tonumber(system)) / 100
end

for _, version in ipairs { "5.4", "5.1", "5.3" } do
  describe("on a loop of cqueues' (" .. version .. ")", function()
    setup(function() hosts.build(version) end)

    local program
    local function start(place)
      local port = daemon.free_port()
      program = daemon.start(daemon.directory(),
        ("%s %s examples/cqueues.lua %d"):format(env_words(version, place.base_url), interpreters[version], port), port)
    end
    after_each(function() program:stop() end)

    local function connect()
      local c = assert(socket.connect("127.0.0.1", program.port))
      c:settimeout(5)
      return c
    end

    it("answers come piece by piece, to several at once", function()
      start(paced(20, 0.02))
      local a, b = connect(), connect()
      a:send("one\n")
      b:send("two\n")
      assert.equal("1 2 3 ", (a:receive(6)))
      assert.equal("1 2 3 ", (b:receive(6)))        -- the first isn't done yet
      assert.matches("^4 5 .*20 end$", (a:receive("*l")))
      assert.matches("^4 5 .*20 end$", (b:receive("*l")))
      a:send("again\n")
      assert.matches("^1 2 .* 20 end$", (a:receive("*l")))
      a:close()
      b:close()
    end)

    it("nothing is done while nothing is to do", function()
      start(paced(3, 0))
      local c = connect()
      c:send("one\n")
      assert.matches("end$", (c:receive("*l")))
      local pid = daemon.read(program.dir .. "/child"):match("%d+")
      local before = processor_time(pid)
      socket.sleep(0.4)
      assert.is_true(processor_time(pid) - before < 0.1)
      c:send("two\n")
      assert.matches("end$", (c:receive("*l")))
      c:close()
    end)

    it("an answer nobody reads any more is not fetched any further", function()
      local f = paced(2000, 0.01)
      start(f)
      local c = connect()
      c:send("one\n")
      assert.equal("1 2 3 ", (c:receive(6)))
      c:close()
      assert.is_truthy(f.wait_event("eof", 3) or f.wait_event("reset", 0.1))
    end)
  end)
end

-- Debian has luaposix for these
for _, version in ipairs { "5.1", "5.3" } do
  describe("on poll(2) (" .. version .. ")", function()
    setup(function() hosts.build(version) end)

    local function talk(input, place)
      return child.command(("sh -c '%s | %s examples/poll.lua'"):format(input, interpreters[version]),
        hosts.environment(version, { MAREA_BASE_URL = place.base_url, MAREA_MODEL = "m" }))
    end

    it("questions typed while an answer is written are answered in turn", function()
      local output, status = talk('printf "uno\\ndos\\n"', server.shared())
      assert.equal('A script, not a model, answers. You said: "uno"\nA script, not a model, answers. You said: "dos"\n',
        output)
      assert.equal(0, status)
    end)

    it("an empty line stops an answer in the middle", function()
      local f = paced(1000, 0.02)
      local output, status = talk('{ printf "uno\\n"; sleep 0.4; printf "\\n"; }', f)
      assert.matches("^1 2 3 ", output)
      assert.is_nil(output:find("end", 1, true))
      assert.matches("cancelled", output)
      assert.equal(0, status)
      assert.is_truthy(f.wait_event("eof", 2) or f.wait_event("reset", 0.1))
    end)
  end)
end
