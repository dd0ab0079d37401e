-- SPDX-License-Identifier: MIT
-- Who waits is woken by what it waits for, and by nothing else, though the ids
-- by which the core names what is ready are used again at once.

local core = require("marea.core")
local faults = require("spec.support.faults")
local marea = require("marea")
local server = require("spec.support.server")

local s = server.shared()
local LONG = 1000

describe("a task that waits", function()
  local guard = faults.guard()
  local f, client

  before_each(function()
    guard.arm()
    guard.pooled = 3
    f = s:script({ { { send = faults.SSE_HEAD .. faults.text("uno") .. faults.text("dos") }, { keep_open = true } } },
      { repeat_last = true })
    client = faults.client(f)
  end)

  after_each(function()
    f.forget()
    guard.check()
  end)

  local function open()
    return assert(client.chat.completions:create { messages = faults.messages, stream = true })
  end

  -- Reads until it can't, and returns what it got and why that was all.
  local function read(stream)
    local parts = {}
    local ok, err = pcall(function()
      for text in stream:text() do parts[#parts + 1] = text end
    end)
    return table.concat(parts), not ok and err or nil
  end

  local endings = {
    cancelled = function(opener) opener:cancel() end,
    failed = function(_, gate) gate:put(true) end,
  }

  for how, finish in pairs(endings) do
    it("for a stream is told when the task that opened it is " .. how, function()
      marea.run(function()
        local stream, gate, ready = nil, marea.queue(1), marea.queue(1)
        local opener = marea.spawn(function()
          stream = open()
          ready:put(true)
          gate:get()
          error("spoiled", 0)
        end)
        local ended = marea.spawn(function() return pcall(opener.await, opener) end)
        ready:get()
        local reader = marea.spawn(read, stream)
        marea.sleep(0.05)
        finish(opener, gate)
        -- what had the stream's id is another's from here on
        local slept = marea.spawn(function()
          local started = core.now()
          marea.sleep(0.2)
          return core.now() - started
        end)
        local text, err = reader:await()
        assert.equal("unodos", text)
        assert.equal("cancelled", err.kind)
        assert.equal("unodos", err.partial.output_text)
        stream:close()
        assert.is_true(slept:await() >= 0.2)
        ended:await()
        assert.equal(how, opener.status)
      end)
    end)
  end

  it("inside a generator is cancelled by one that runs on top of it and takes its id", function()
    marea.run(function()
      local outcome
      local below = marea.spawn(function()
        local generator = coroutine.wrap(function()
          local stream = open()
          coroutine.yield(read(stream))
        end)
        outcome = { generator() }
        marea.sleep(LONG)
      end)
      marea.sleep(0.1)
      assert.is_true(below:cancel())
      local mine = open()
      assert.equal("uno", mine:next().text)
      assert.equal("dos", mine:next().text)
      mine:close()
      pcall(below.await, below)
      assert.equal("cancelled", below.status)
      assert.equal("unodos", outcome[1])
      assert.equal("cancelled", outcome[2].kind)
    end)
  end)

  it("inside a generator is cancelled though it is woken at the same moment", function()
    marea.run(function()
      local went_on = false
      local below = marea.spawn(function()
        coroutine.wrap(function()
          marea.sleep(0.05)
          went_on = true
        end)()
      end)
      marea.spawn(function()
        marea.sleep(0.01)
        local late = core.now() + 0.08      -- then the time of both is over
        while core.now() < late do end
      end)
      marea.sleep(0.045)
      below:cancel()
      pcall(below.await, below)
      assert.equal("cancelled", below.status)
      assert.is_false(went_on)
    end)
  end)

  it("and catches its cancellation is cancelled at each wait, and disturbs nobody", function()
    marea.run(function()
      local kinds = {}
      local stubborn = marea.spawn(function()
        for i = 1, 5 do
          local _, err = pcall(i % 2 == 1 and open or marea.sleep, LONG)
          kinds[i] = type(err) == "table" and err.kind or err
          if i == 1 then pcall(marea.sleep, LONG) end
        end
      end)
      marea.sleep(0.1)
      local streams = {}
      for i = 1, 3 do
        streams[i] = marea.spawn(read, open())
      end
      stubborn:cancel()
      assert.equal("done", stubborn.status)
      assert.same({ "cancelled", "cancelled", "cancelled", "cancelled" }, { kinds[2], kinds[3], kinds[4], kinds[5] })
      marea.sleep(0.05)
      for i = 1, 3 do
        assert.equal("running", streams[i].status)
        streams[i]:cancel()
      end
    end)
  end)
end)
