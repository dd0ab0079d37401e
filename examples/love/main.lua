-- SPDX-License-Identifier: MIT
-- A pier at dusk, and three who answer when they are talked to:
--   make all LUA_VERSION=5.1 && love examples/love      from the top of the tree
-- Talks to the provider the environment names (see examples/common.lua), else to
-- the bundled one, which is a script and no model.

-- where the library, and what the examples share, are in the tree
local tree = love.filesystem.getSource():match "^(.*)/examples/love/?$" or "."
package.path = ("%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;"):format(tree, tree, tree) .. package.path
package.cpath = tree .. "/build/5.1/?.so;" .. package.cpath

local marea = require "marea"
local bundled = require "examples.bundled"
local common = require "examples.common"
local world_of = require "world"

local step = marea.step          -- named here, all it needs is loaded before the first frame
local BUDGET = 0.002             -- of the sixteen milliseconds of a frame

local painter = love.graphics and require "painter"
local world, provider

local function make_client()
  local options = common.options()
  if not options then
    provider = bundled.start(tree, 60)
    options = { base_url = provider.base_url, model = "bundled-echo" }
  end
  return marea.client(options)
end

function love.load()
  if painter then painter.load() end
  love.keyboard.setKeyRepeat(true)
  world = world_of.new(make_client())
end

local function direction()
  local left, right = love.keyboard.isDown("left"), love.keyboard.isDown("right")
  return (right and 1 or 0) - (left and 1 or 0)
end

function love.update(dt)
  step(BUDGET)                   -- all that streams goes on, and never holds a frame
  world:update(dt, direction())
end

function love.draw()
  painter.draw(world)
end

function love.textinput(text)
  world:type(text)
end

function love.keypressed(key)
  if key == "return" or key == "kpenter" then world:enter()
  elseif key == "backspace" then world:erase()
  elseif key == "escape" and not world:escape() then love.event.quit()
  end
end

function love.quit()
  if provider then provider.stop() end
end
