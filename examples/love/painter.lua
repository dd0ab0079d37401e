-- SPDX-License-Identifier: MIT
-- The pier at dusk, drawn with plain shapes; and who is on it.

local bubble = require "bubble"

local lg = love.graphics
local sin, pi = math.sin, math.pi

local painter = {}

local WIDTH, HEIGHT = 960, 540
local HORIZON = 300
local DECK = 380                    -- where feet stand

local fonts = {}
local sky, stars

local function colour(hex, alpha)
  local n = tonumber(hex, 16)
  lg.setColor(math.floor(n / 65536) / 255, math.floor(n / 256) % 256 / 255, n % 256 / 255, alpha or 1)
end

local function rgb(hex)
  local n = tonumber(hex, 16)
  return math.floor(n / 65536) / 255, math.floor(n / 256) % 256 / 255, n % 256 / 255
end

-- A strip of colours from top to bottom, stretched when drawn.
local function gradient(list)
  local points = {}
  for i, item in ipairs(list) do
    local r, g, b = rgb(item[2])
    local y = item[1]
    points[2 * i - 1] = { 0, y, 0, 0, r, g, b, 1 }
    points[2 * i] = { WIDTH, y, 0, 0, r, g, b, 1 }
  end
  return lg.newMesh(points, "strip", "static")
end

function painter.load()
  lg.setLineStyle "smooth"
  fonts.small, fonts.text, fonts.typed = lg.newFont(13), lg.newFont(16), lg.newFont(19)
  sky = gradient { { 0, "1d1b3f" }, { 120, "463366" }, { 215, "b1567a" }, { 275, "f08a6b" }, { HORIZON, "ffc58a" },
    { HORIZON + 14, "c77786" } }
  stars = {}
  local random = love.math.newRandomGenerator(7)
  for i = 1, 60 do
    local y = random:random(150)
    stars[i] = { random:random(WIDTH), y, 0.5 + random:random() * (1 - y / 200), random:random() * 6, 1 - y / 170 }
  end
  bubble.load(fonts.text)
end

---- sky and sea --------------------------------------------------------------

local function draw_sky(time)
  lg.setColor(1, 1, 1)
  lg.draw(sky)
  for _, star in ipairs(stars) do
    lg.setColor(1, 1, 1, (0.5 + 0.3 * sin(time * 0.8 + star[4])) * star[5])
    lg.circle("fill", star[1], star[2], star[3])
  end
  for i = 5, 1, -1 do
    colour("ffe2a8", 0.07)
    lg.circle("fill", 290, HORIZON, 46 + i * 16)
  end
  colour "ffe9bd"
  lg.circle("fill", 290, HORIZON, 46)
end

-- Where its parts overlap, a cloud is no brighter.
local function cloud(x, y, scale)
  for i = -2, 2 do lg.ellipse("fill", x + i * 26 * scale, y + (i % 2) * 5, (38 - i * i * 4) * scale, 9 * scale) end
end

local function draw_clouds(time)
  lg.setBlendMode("lighten", "premultiplied")
  colour "8f5f80"
  for i = 1, 4 do cloud((i * 290 + time * (3 + i)) % (WIDTH + 240) - 120, 70 + i * 31, 0.7 + i * 0.18) end
  lg.setBlendMode "alpha"
end

-- One line of waves, filled to the bottom.
local function wave(y, height, length, speed, time, hex, alpha)
  colour(hex, alpha)
  local points = {}
  for x = 0, WIDTH, 16 do
    points[#points + 1] = x
    points[#points + 1] = y + height * (sin(x / length + time * speed) + 0.5 * sin(x / length * 2.3 - time * speed))
  end
  for i = 1, #points - 3, 2 do
    lg.polygon("fill", points[i], points[i + 1], points[i + 2], points[i + 3], points[i + 2], HEIGHT, points[i], HEIGHT)
  end
end

local function draw_reflection(time)
  for i = 0, 9 do
    colour("ffdf9e", 0.5 - i * 0.045)
    local width = 70 - i * 3 + 14 * sin(time * 1.6 + i * 1.9)
    lg.rectangle("fill", 290 - width / 2, HORIZON + 6 + i * 12, width, 3, 1.5)
  end
end

local function draw_far_sea(time, tide)
  wave(HORIZON + 4, 2, 60, 0.5, time, "a0587c", 1)
  wave(HORIZON + 28, 3, 70, 0.7, time, "7c4a7d", 1)
  draw_reflection(time)
  wave(HORIZON + 72 - tide * 8, 4, 85, 0.9, time, "523d78", 0.93)
end

-- The water in front of the pier's posts: this is what rises.
local function draw_near_sea(time, tide)
  local y = 478 - tide * 40
  wave(y, 6, 100, 1.1, time, "372f68", 0.82)
  wave(y + 24, 7, 120, 1.4, time + 3, "262355", 0.95)
end

---- what was built -------------------------------------------------------------

local function draw_beam(time)
  local angle = time * 0.5
  local reach = sin(angle) * 520
  local spread = 22 + 26 * math.abs(sin(angle))
  colour("fff3c4", 0.06 + 0.1 * math.abs(sin(angle)))
  lg.polygon("fill", 838, 122, 838 + reach, 122 - spread, 838 + reach, 122 + spread)
end

local function draw_rock()
  colour "2c2547"
  lg.polygon("fill", 725, HEIGHT, 752, 402, 800, 366, 880, 362, 935, 396, WIDTH, 420, WIDTH, HEIGHT)
  colour "3a3058"
  lg.polygon("fill", 752, 402, 800, 366, 846, 364, 806, 420, 770, 470)
end

local function draw_lighthouse(time)
  local tops = { 822, 366, 858, 366, 852, 146, 828, 146 }
  colour "f4e6d8"
  lg.polygon("fill", tops)
  colour "c9485b"
  for i = 0, 2 do
    local y, narrow = 190 + i * 64, (1 - (190 + i * 64 - 146) / 220) * 6
    lg.polygon("fill", 822 + narrow, y, 858 - narrow, y, 857 - narrow * 0.9, y - 28, 823 + narrow * 0.9, y - 28)
  end
  colour "2b2447"
  lg.rectangle("fill", 822, 138, 36, 9, 2)
  colour("ffe9a8", 0.75 + 0.25 * math.abs(sin(time * 0.5)))
  lg.rectangle("fill", 831, 110, 18, 28, 3)
  colour "c9485b"
  lg.polygon("fill", 824, 112, 840, 92, 856, 112)
end

local function draw_posts()
  for x = 40, 760, 90 do
    colour "33264a"
    lg.rectangle("fill", x, DECK - 4, 13, HEIGHT - DECK)
    colour("4b3a63", 0.8)
    lg.rectangle("fill", x, DECK - 4, 4, HEIGHT - DECK)
  end
end

local function draw_deck()
  colour "6f4a5f"
  lg.rectangle("fill", 0, DECK, 935, 20, 3)
  colour "8d6170"
  lg.rectangle("fill", 0, DECK, 935, 6, 3)
  colour("4a3350", 0.8)
  for x = 0, 920, 34 do lg.line(x, DECK + 2, x, DECK + 18) end
  colour "4b3a63"
  lg.rectangle("fill", 166, DECK - 76, 18, 78, 3)       -- the gull's post
  colour "6f4a5f"
  lg.rectangle("fill", 160, DECK - 80, 30, 9, 3)
end

---- who is there ---------------------------------------------------------------

-- A mouth, open while its owner makes a sound.
local function mouth(x, y, speaking, time)
  colour "5b2a3c"
  if speaking then lg.ellipse("fill", x, y, 3.4, 2 + 2.2 * math.abs(sin(time * 18)))
  else lg.arc("line", "open", x, y - 2, 4, 0.2 * pi, 0.8 * pi) end
end

local function eyes(x, y, apart, time)
  colour "2a2038"
  local open = (time % 3.7) > 0.14 and 2.2 or 0.5
  lg.ellipse("fill", x - apart, y, 2, open)
  lg.ellipse("fill", x + apart, y, 2, open)
end

local function shadow(x, width)
  colour("241a38", 0.35)
  lg.ellipse("fill", x, DECK + 3, width, 4)
end

local kinds = {}

function kinds.keeper(one, time, speaking)
  shadow(one.x, 22)
  lg.push()
  lg.translate(one.x, DECK + sin(time * 2) * 0.8)
  colour "2f3a66"
  lg.rectangle("fill", -11, -14, 9, 14, 3)
  lg.rectangle("fill", 2, -14, 9, 14, 3)
  colour "f2b93f"                                      -- the oilskin
  lg.polygon("fill", -17, -10, -12, -48, 12, -48, 17, -10)
  lg.circle("fill", 0, -46, 12)
  colour "d99a2b"
  lg.line(0, -44, 0, -12)
  colour "f2c9a5"
  lg.circle("fill", 0, -60, 13)
  colour "f2b93f"
  lg.arc("fill", 0, -62, 15, pi, 2 * pi)
  lg.rectangle("fill", -19, -64, 38, 5, 2.5)
  colour "ece7ee"
  lg.arc("fill", 0, -57, 13, 0.15 * pi, 0.85 * pi)
  colour "f2c9a5"
  lg.ellipse("fill", 0, -55, 7, 4)
  eyes(0, -60, 5, time)
  mouth(0, -53, speaking, time)
  lg.pop()
end

function kinds.crab(one, time, speaking)
  shadow(one.x, 20)
  lg.push()
  lg.translate(one.x + sin(time * 0.9) * 6, DECK - 2)
  colour "d95747"
  lg.setLineWidth(3)
  for side = -1, 1, 2 do
    for i = 1, 3 do
      local lift = math.max(0, sin(time * 5 + i * 2 + side)) * 2
      lg.line(side * 10, -9, side * (15 + i * 3), -5 + i * 2 - 4 - lift, side * (17 + i * 3), 1 - lift)
    end
    local raise = (speaking and 8 or 3) * sin(time * (speaking and 9 or 2) + side)
    lg.line(side * 14, -14, side * 24, -23 + raise)
    lg.arc("fill", side * 27, -28 + raise, 8, side > 0 and -0.1 * pi or 0.6 * pi, side > 0 and 1.5 * pi or 2.2 * pi)
    lg.line(side * 5, -18, side * 6, -27)
  end
  lg.setLineWidth(1)
  lg.ellipse("fill", 0, -12, 18, 11)
  colour("f28b70", 0.8)
  lg.ellipse("fill", 0, -15, 12, 5)
  colour "ffffff"
  lg.circle("fill", -6, -28, 4)
  lg.circle("fill", 6, -28, 4)
  eyes(0, -28, 6, time)
  mouth(0, -9, speaking, time)
  lg.pop()
end

function kinds.gull(one, time, speaking)
  lg.push()
  lg.translate(one.x, DECK - 80 + math.max(0, sin(time * 1.3)) * -1.5)
  colour "e6a23c"
  lg.setLineWidth(2)
  lg.line(-4, 0, -3, -10)
  lg.line(4, 0, 3, -10)
  lg.setLineWidth(1)
  colour "f5f2f5"
  lg.ellipse("fill", 0, -20, 20, 12)
  lg.circle("fill", 14, -36, 9)
  lg.polygon("fill", 6, -26, 12, -40, 22, -32, 16, -20)
  colour "9aa0b8"
  lg.ellipse("fill", -6, -21, 16, 8)
  lg.polygon("fill", -18, -24, -32, -18, -16, -15)
  colour "e6a23c"
  local open = speaking and 3 * math.abs(sin(time * 16)) or 0
  lg.polygon("fill", 21, -38 - open, 34, -34 - open * 0.4, 21, -34)
  lg.polygon("fill", 21, -35, 31, -33 + open, 21, -31 + open)
  colour "2a2038"
  lg.circle("fill", 16, -38, 1.8)
  lg.pop()
end

local function draw_player(player, time)
  shadow(player.x, 18)
  local step = sin(player.stride * 11)
  lg.push()
  lg.translate(player.x, DECK - math.abs(step) * 3 * (player.stride > 0 and 1 or 0))
  lg.scale(player.facing, 1)
  colour "31446e"
  lg.rectangle("fill", -8 + step * 5 * (player.stride > 0 and 1 or 0), -13, 7, 13, 3)
  lg.rectangle("fill", 1 - step * 5 * (player.stride > 0 and 1 or 0), -13, 7, 13, 3)
  colour "3f8f8b"
  lg.rectangle("fill", -12, -42, 24, 32, 9)
  colour "f4efe6"
  lg.rectangle("fill", -12, -34, 24, 3)
  lg.rectangle("fill", -12, -26, 24, 3)
  colour "b0563f"                                      -- a scarf in the wind
  lg.rectangle("fill", -12, -46, 24, 7, 3)
  lg.polygon("fill", -10, -44, -26, -40 + 3 * sin(time * 5), -26, -34 + 3 * sin(time * 5 + 0.6), -10, -39)
  colour "e8b48f"
  lg.circle("fill", 0, -55, 12)
  colour "4b2f36"
  lg.arc("fill", -1, -57, 13, 0.98 * pi, 1.95 * pi)
  colour "2a2038"
  lg.circle("fill", 5, -54, 1.8)
  lg.pop()
end

---- words ----------------------------------------------------------------------

local heights = { keeper = 84, crab = 42, gull = 132 }

local function name_tag(one)
  lg.setFont(fonts.small)
  local width = fonts.small:getWidth(one.name) + 14
  local x, y = one.x - width / 2, DECK + 25
  colour("1b1733", 0.55)
  lg.rectangle("fill", x, y, width, 19, 9)
  colour("ffe9d2", 0.95)
  lg.printf(one.name, x, y + 2, width, "center")
end

local function draw_hint(world)
  local near = not world.typed and world:neighbour()
  local hint = "Walk: left and right.   Esc: leave."
  if near then hint = "Enter: talk to " .. near.name end
  if near and near:is_talking() then hint = "Esc: stop " .. near.name .. ".   Enter: ask something else" end
  if world.typed then hint = "Enter: ask.   Esc: never mind" end
  lg.setFont(fonts.small)
  colour("ffe9d2", 0.8)
  lg.printf(hint, 0, HEIGHT - 30, WIDTH, "center")
end

local function draw_typing(world)
  if not world.typed then return end
  local left, y, width = 180, HEIGHT - 78, 600
  colour("1b1733", 0.86)
  lg.rectangle("fill", left, y, width, 40, 20)
  colour "ffd08a"
  lg.setLineWidth(1.5)
  lg.rectangle("line", left, y, width, 40, 20)
  lg.setLineWidth(1)
  lg.setFont(fonts.typed)
  local text = world.typed
  local cut = text
  while fonts.typed:getWidth(cut) > width - 60 do cut = cut:gsub("^[%z\1-\127\192-\255][\128-\191]*", "") end
  if text == "" then
    colour("ffe9d2", 0.45)
    lg.print("Ask " .. world.partner.name .. " something", left + 24, y + 8)
  end
  colour "fff4e4"
  lg.print(cut, left + 24, y + 8)
  if world.time % 1 < 0.55 then lg.rectangle("fill", left + 25 + fonts.typed:getWidth(cut), y + 9, 2, 22) end
end

function painter.draw(world)
  local time, tide = world.time, world.tide
  draw_sky(time)
  draw_clouds(time)
  draw_beam(time)
  draw_far_sea(time, tide)
  draw_rock()
  draw_lighthouse(time)
  draw_posts()
  draw_near_sea(time, tide)
  draw_deck()
  for _, one in ipairs(world.people) do
    kinds[one.kind](one, time, one.answer ~= nil and one.answer:speaking())
  end
  draw_player(world.player, time)
  for _, one in ipairs(world.people) do
    if world:neighbour() == one then name_tag(one) end
    bubble.draw(one, DECK - heights[one.kind], time)
  end
  draw_hint(world)
  draw_typing(world)
end

return painter
