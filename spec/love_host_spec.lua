-- SPDX-License-Identifier: MIT
-- A real LÖVE, whose frames go on whatever streams.

local child = require("spec.support.child")
local hosts = require("spec.support.hosts")
local love = require("spec.support.love")
local paced = require("spec.support.paced")
local server = require("spec.support.server")

local PRELUDE = [[
  local marea = require "marea"
  local client = marea.client { base_url = os.getenv "BASE_URL", model = "m", max_retries = 0,
    headers = { ["x-delay-ms"] = "20" } }
  local function open()
    return assert(client.chat.completions:create { messages = { { role = "user", content = "Hola" } }, stream = true })
  end
  -- sixty frames a second: each as long as it takes, and then until the next is due
  local function loop(seconds, frame)
    local timer = love.timer
    local from, n, late = timer.getTime(), 0, 0
    while timer.getTime() - from < seconds do
      local start = timer.getTime()
      frame()
      n = n + 1
      if timer.getTime() - start > 1 / 60 then late = late + 1 end
      timer.sleep(math.max(0, 1 / 60 - (timer.getTime() - start)))
    end
    return n, late
  end
]]

describe("in LÖVE", function()
  local s
  setup(function() s = server.shared() end)

  it("twenty characters talk at once, and every one is heard to the end", function()
    local output, status = love.run(PRELUDE .. [[
      local said = {}
      for i = 1, 20 do
        said[i] = ""
        marea.spawn(function() for text in open():text() do said[i] = said[i] .. text end end)
      end
      function love.update()
        local frames = loop(0.8, function() marea.step(0.002) end)
        local whole = 0
        for i = 1, 20 do if said[i] == 'A script, not a model, answers. You said: "Hola"' then whole = whole + 1 end end
        out(whole, frames > 20)
        finish()
      end
    ]], { BASE_URL = s.base_url })
    assert.equal("20 true\n", output)
    assert.equal(0, status)
  end)

  it("a frame is never held by a firehose of twenty", function()
    local f = s:script({ { { send = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n" },
      { repeat_send = "data: " .. server.chunk_json({ content = " word" }) .. "\n\n", count = 1000000 } } },
      { repeat_last = true })
    local output, status = love.run(PRELUDE .. [[
      marea.step()                     -- loads what is needed
      local heard, voices = 0, {}
      for i = 1, 20 do
        marea.spawn(function()
          for text in open():text() do
            heard = heard + 1
            voices[i] = text
          end
        end)
      end
      function love.update()
        local longest, spent = 0, {}
        local frames, late = loop(1.2, function()
          local from, cpu = love.timer.getTime(), os.clock()
          marea.step(0.002)
          longest = math.max(longest, love.timer.getTime() - from)
          spent[#spent + 1] = os.clock() - cpu
        end)
        table.sort(spent)
        out(#voices, heard, frames, late, longest * 1000, spent[#spent] * 1000, spent[math.floor(#spent * 0.9)] * 1000)
        finish()
      end
    ]], { BASE_URL = f.base_url })
    assert.equal(0, status, output)
    local words = {}
    for word in output:gmatch("%S+") do words[#words + 1] = tonumber(word) end
    local voices, heard, frames, late, longest, busiest, usual = (table.unpack or unpack)(words)
    assert.equal(20, voices, output)
    print(("\nLÖVE, 20 streams: %d words in %d frames, %d late; longest step %.2f ms, %.2f ms of the processor"
      .. " (nine in ten: %.2f)"):format(heard, frames, late, longest, busiest, usual))
    assert.is_true(heard > 10000, output)
    assert.is_true(frames > 20, output)
    assert.is_true(usual < 4, output)
    assert.is_true(busiest < 50, output)
    assert.is_true(longest < 1000, output)
  end)

  it("a task's error comes out of step, with its traceback", function()
    local output, status = love.run(PRELUDE .. [[
      marea.spawn(function() error "lost and found" end)
      function love.update() marea.step() end
    ]], { BASE_URL = s.base_url })
    assert.equal(9, status)
    assert.is_truthy(output:find("lost and found.*stack traceback"), output)
  end)

  it("the game may end with everything in flight", function()
    local output, status = love.run(PRELUDE .. [[
      local begun = 0
      for _ = 1, 10 do
        marea.spawn(function() local stream = open() stream:next() begun = begun + 1 stream:result() end)
      end
      function love.update()
        marea.step()
        if begun == 10 then finish() end
      end
    ]], { BASE_URL = s.base_url })
    assert.equal("", output)
    assert.equal(0, status)
  end)
end)

describe("the game for LÖVE", function()
  local s
  setup(function() s = server.shared() end)

  local function play(code, place, options)
    options = options or {}
    options.play = true
    return love.run("play(function()\n" .. code .. "\nend)", { MAREA_BASE_URL = (place or s).base_url,
      MAREA_MODEL = "bundled-echo" }, options)
  end

  it("lets one walk up to a character, ask, and hear the answer word by word", function()
    local output, status = play([[
      assert(world:neighbour() == nil)
      held.right = true
      until_true(function() return world:neighbour() end)
      held.right = false
      local brina = person "Brina"
      assert(world:neighbour() == brina)
      press "return"
      write "How high is the tide?"
      assert(brina.thinking and not world.typed)
      local seen = {}
      until_true(function()
        local text = brina.answer:text()
        if text ~= seen[#seen] then seen[#seen + 1] = text end
        return brina.answer:done()
      end)
      out(#seen > 6, world.tide > 0.1, seen[#seen])
    ]])
    assert.equal('true true A script, not a model, answers. You said: "How high is the tide?" \n', output)
    assert.equal(0, status)
  end)

  it("remembers what was said, for each character apart", function()
    local f = s:script({}, { serve = true })
    local output = play([[
      local function ask(name, x, text)
        world.player.x = x
        press "return"
        write(text)
        until_true(function() return not person(name).thinking and #person(name).messages % 2 == 1 end)
        frames(5)
      end
      ask("Brina", 700, "uno")
      ask("Brina", 700, "dos")
      ask("Pinza", 410, "tres")
      out "asked"
    ]], f)
    assert.equal("asked\n", output)
    local roles = {}
    for i, request in ipairs(f.requests()) do
      roles[i] = ""
      for role in request.body:gmatch('"role": ?"(%a)') do roles[i] = roles[i] .. role end
    end
    assert.same({ "su", "suau", "su" }, roles)
  end)

  it("stops an answer at Escape, and the provider sees it", function()
    local f = paced(500, 0.02)
    local output = play([[
      local brina = person "Brina"
      world.player.x = 700
      press "return"
      write "Count"
      until_true(function() return #brina.answer.said > 3 end)
      press "escape"
      until_true(function() return brina.answer:done() end)
      out(brina.answer:text():match "%.%.%. $", brina.thinking, #brina.messages)
      frames(30)
    ]], f)
    assert.equal("...  false 1\n", output)
    assert.is_truthy(f.wait_event("eof", 2) or f.wait_event("reset", 0.1))
  end)

  it("lets all three talk at once", function()
    local output = play([[
      for name, x in pairs { Brina = 700, Pinza = 410, Gavina = 175 } do
        world.player.x = x
        press "return"
        write("I am with " .. name)
      end
      until_true(function()
        for _, one in ipairs(world.people) do if one:is_talking() then return false end end
        return true
      end)
      for _, one in ipairs(world.people) do out(one.name, one.answer:text():match "with (%a+)") end
    ]])
    assert.equal("Brina Brina\nPinza Pinza\nGavina Gavina\n", output)
  end)

  it("says in the bubble what went wrong", function()
    local output = play([[
      world.player.x = 700
      press "return"
      write "Hola"
      until_true(function() return person "Brina".answer:done() end)
      out(person "Brina".answer:text())
    ]], s:script({ { { status = 404, body = '{"error":{"message":"no such model"}}' } } }, { repeat_last = true }))
    assert.is_truthy(output:find("(not_found: no such model", 1, true), output)
  end)

  it("says a word only when it is whole, and nothing a font can't print", function()
    local output = play([[
      local words = require "words"
      local w = words.new()
      for piece in ("The ti|de\27[2J is\n\n hi|gh \255\254 \195|\161gil."):gmatch "[^|]+" do w:add(piece) end
      local before = w:behind() + #w.said
      w:finish()
      for _ = 1, 200 do w:update(0.05) end
      out(before, (w:text():gsub("\n", "/")))
    ]])
    assert.equal("5 The tide[2J is/high ?? ágil. \n", output)
  end)

  it("takes back whole characters, and no more than fits", function()
    local output = play([[
      world.player.x = 700
      press "return"
      love.textinput "año"
      press "backspace" press "backspace"
      out(world.typed)
      for _ = 1, 300 do love.textinput "x" end
      out(#world.typed)
      press "escape"
      out(world.typed)
    ]])
    assert.equal("a\n200\nnil\n", output)
  end)

  it("draws all of it, on a real screen", function()
    local output, status = play([[
      local function colours()
        local image
        love.graphics.captureScreenshot(function(data) image = data end)
        until_true(function() return image end)
        local seen, n = {}, 0
        for y = 0, image:getHeight() - 1, 6 do
          for x = 0, image:getWidth() - 1, 6 do
            local key = ("%.2f %.2f %.2f"):format(image:getPixel(x, y))
            if not seen[key] then seen[key], n = true, n + 1 end
          end
        end
        local cream = 0                              -- the bubble over Brina's head
        for y = 240, 275 do
          for x = 620, 790 do
            local r, g, b = image:getPixel(x, y)
            if r > 0.9 and g > 0.9 and b > 0.85 then cream = cream + 1 end
          end
        end
        return n > 60, cream > 2000
      end
      world.player.x = 650
      frames(2)
      out(colours())
      press "return"
      love.textinput "How high is the tide?"
      frames(2)
      press "return"
      until_true(function() return person "Brina".answer:done() end)
      frames(2)
      out(colours())
    ]], nil, { window = true })
    assert.equal("true false\ntrue true\n", output)
    assert.equal(0, status)
  end)

  it("starts as it says, with the bundled provider, and leaves none behind", function()
    local output, status = child.command(love.command(true, 1) .. hosts.tree() .. "/examples/love",
      hosts.bare { HOME = "/nonexistent", XDG_RUNTIME_DIR = "/tmp", LUA_PATH = false, LUA_CPATH = false })
    assert.equal(124, status, output)
    assert.is_nil(output:find("Error", 1, true), output)
  end)
end)
