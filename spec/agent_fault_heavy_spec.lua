-- SPDX-License-Identifier: MIT
-- Fifty steps of an agent while everything around it fails, at random but from
-- a seed: after every run, however it ended, the history can be sent, every
-- call has one result, and the next run goes on.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local marea = require("marea")
local random_from = require("spec.support.random")
local server = require("spec.support.server")

local STEPS = 50

local function pick(random, list) return list[random(#list)] end

---- what a model may do --------------------------------------------------------------

local function some_calls(random, step)
  local list = {}
  for i = 1, random(3) do
    local name = pick(random, { "fine", "fine", "fine", "slow", "raises", "nothing", "large", "unknown" })
    local arguments = pick(random, { { x = step * 10 + i }, { x = step * 10 + i }, '{"x":', "[]", "", "null" })
    list[i] = { name, arguments, id = pick(random, { nil, "same", "" }) }
  end
  return list
end

local function reply(random, step)
  local what = random(12)
  if what <= 6 then return agents.calling(some_calls(random, step), { text = what == 1 and "text too" or nil }) end
  if what == 7 then return { error = pick(random, { "server", "rate_limit", "connection", "timeout" }) } end
  if what == 8 then
    return agents.calling(some_calls(random, step), { text = "half", error = pick(random, { "truncated", "server" }) })
  end
  if what == 9 then return agents.calling(some_calls(random, step), { finish_reason = "length" }) end
  if what == 10 then return agents.calling(some_calls(random, step), { finish_reason = "content_filter" }) end
  if what == 11 then return { text = "slow answer here", pause = 0.004 } end
  return pick(random, { "an answer", { refusal = "no" }, { text = "" } })
end

local function tools()
  return {
    (agents.tool("fine")),
    (agents.tool("slow", function() marea.sleep(0.01) end, { timeout = 0.005 })),
    (agents.tool("raises", function() error("boom") end)),
    (agents.tool("nothing", function() end, { parallel = false })),
    (agents.tool("large", function() return ("x"):rep(300000) end)),
  }
end

---- what may be done to a run -----------------------------------------------------------

local function just_run(agent) agent:run "go" end

local function read_all(agent) agent:stream("go"):result() end

local function close_after(n)
  return function(agent)
    local stream = agent:stream "go"
    for _ = 1, n do
      if not stream:next() then break end
    end
    stream:close()
  end
end

local function cancel_after(seconds)
  return function(agent)
    local t = marea.spawn(function() return agent:run "go" end)
    marea.sleep(seconds)
    t:cancel()
    pcall(t.await, t)
  end
end

local function time_out(agent)
  marea.timeout(0.004, function() return agent:stream("go"):result() end)
end

local function way(random)
  local what = random(8)
  if what <= 3 then return just_run end
  if what <= 5 then return read_all end
  if what == 6 then return close_after(random(12)) end
  if what == 7 then return cancel_after(random(6) / 1000) end
  return time_out
end

---- fifty steps ------------------------------------------------------------------------------

local function check(agent, seed, run)
  local ok, why = pcall(agents.is_valid, agent)
  if not ok then
    error(("seed %d, run %d: %s\n%s"):format(seed, run, tostring(why),
      marea.json.encode(agent.messages)):sub(1, 3000), 0)
  end
end

local function live(agent, random, seed, requests)
  local runs = 0
  repeat
    runs = runs + 1
    way(random)(agent)
    check(agent, seed, runs)
    if random(5) == 1 then
      assert(agent:load(marea.json.decode(marea.json.encode(agent:save()))))
    end
  until requests() >= STEPS or runs >= 4 * STEPS
  assert.is_true(requests() >= STEPS, "only " .. requests() .. " requests")
end

describe("fifty steps under faults", function()
  for seed = 1, 12 do
    it("leave a valid history after each run, seed " .. seed, function()
      local random = random_from(seed * 7919)
      local replies = {}
      for step = 1, 6 * STEPS do replies[step] = reply(random, step) end
      local client = agents.client(replies)
      local agent = marea.agent { client = client, tools = tools(), max_steps = 7 }
      marea.run(function()
        live(agent, random, seed, function() return #client.requests end)
        -- and it can still be talked to
        local last = marea.agent { client = agents.client { "still here" }, name = "agent" }
        assert(last:load(agent:save()))
        assert.equal("still here", assert(last:run "hello?").output_text)
      end)
    end)
  end

  -- The same over a socket: connections that break, servers that refuse.
  local function wire(random, step)
    local call = ('[{"index":0,"id":"c%d","function":{"name":"fine","arguments":"{\\"x\\":%d}"}}]'):format(
      random(3), step)
    local called = server.chunk_json { content = "text", tool_calls = call }
    local ended = server.chunk_json { finish = "tool_calls" }
    local what = random(9)
    if what <= 4 then return { { sse = { called, ended, "[DONE]" } } } end
    if what == 5 then return { { sse = { called }, open = true }, { rst = true } } end
    if what == 6 then return { { sse = { called } } } end
    if what == 7 then
      return { { status = pick(random, { 400, 500, 503, 429 }), body = '{"error":{"message":"no"}}' } }
    end
    if what == 8 then return { { sse = { called, '{"error":{"message":"overloaded"}}' } } } end
    return { { sse = { server.chunk_json { content = "an answer", finish = "stop" }, "[DONE]" } } }
  end

  for seed = 1, 2 do
    it("leave a valid history after each run over a socket, seed " .. seed, function()
      local random = random_from(seed * 104729)
      local replies = {}
      for step = 1, 6 * STEPS do replies[step] = wire(random, step) end
      local f = server.shared():script(replies)
      local agent = marea.agent { client = calls.client_of(f, { max_retries = 0 }), tools = tools(), max_steps = 7 }
      local asked = 0
      local off = marea.on("llm.call", function() asked = asked + 1 end)
      marea.run(function() live(agent, random, seed, function() return asked end) end)
      off()
    end)
  end
end)
