-- SPDX-License-Identifier: MIT
-- Runs a game in a real LÖVE: without a window, or on a screen of Xvfb's.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")

local love = {}

local NO_WINDOW = [[
function love.conf(t)
  for _, name in ipairs { "window", "graphics", "audio", "sound", "video", "joystick", "touch" } do
    t.modules[name] = false
  end
end
]]

-- `finish` ends the game well; a fault ends it badly.
local PRELUDE = hosts.OUT .. [[
local function finish() love.event.quit(0) end
function love.errorhandler(message)
  out("failed: " .. debug.traceback(tostring(message), 2))
  return function() return 9 end
end
]]

-- Plays the game of examples/love as `script` says: a list of a moment and what
-- to do then, with the world at hand.
local PLAY = [[
local tree = os.getenv "TREE"
love.filesystem.getSource = function() return tree .. "/examples/love" end
package.path = tree .. "/examples/love/?.lua;" .. package.path
local world
local worlds = require "world"
local new = worlds.new
function worlds.new(...) world = new(...) return world end
local held = {}
if love.keyboard then love.keyboard.isDown = function(key) return held[key] or false end end
dofile(tree .. "/examples/love/main.lua")
local function press(key) love.keypressed(key) end
local function write(text) love.textinput(text) press "return" end
local function person(name)
  for _, one in ipairs(world.people) do if one.name == name then return one end end
end
local function play(script)
  local update = love.update
  local co = coroutine.create(script)
  function love.update(dt)
    update(dt * 4)             -- time flies
    if coroutine.status(co) == "dead" then return finish() end
    assert(coroutine.resume(co))
  end
end
local function frames(n) for _ = 1, n do coroutine.yield() end end
local function until_true(f)
  local over = love.timer.getTime() + 10
  repeat coroutine.yield() until f() or love.timer.getTime() > over
  return f()
end
]]

---Runs a game. Returns what it wrote, and its exit status. `options`: `window`
---(true: on a screen), `play` (the code directs the game of examples/love).
function love.run(code, variables, options)
  options = options or {}
  hosts.build("5.1")
  local dir = daemon.directory()
  local env = hosts.environment("5.1", { TREE = hosts.tree(), HOME = dir, XDG_DATA_HOME = dir,
    XDG_RUNTIME_DIR = dir, GAME = dir, SDL_VIDEODRIVER = options.window and "x11" or "dummy" })
  for name, value in pairs(variables or {}) do env[name] = value end
  daemon.write(dir .. "/conf.lua", options.window and ("dofile '%s/examples/love/conf.lua'"):format(hosts.tree())
    or NO_WINDOW)
  daemon.write(dir .. "/main.lua", PRELUDE .. (options.play and PLAY or "") .. code)
  local output, status = child.command(love.command(options.window) .. dir, env)
  os.execute("rm -rf " .. dir)
  return output, status
end

---What starts LÖVE, but for the game. `seconds`: how long it may play.
function love.command(window, seconds)
  return (window and "xvfb-run -a -s '-screen 0 1280x720x24' " or "")
    .. (seconds and "timeout " .. seconds .. " " or "") .. "love "
end

return love
