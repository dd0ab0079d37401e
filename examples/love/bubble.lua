-- SPDX-License-Identifier: MIT
-- A speech bubble whose words appear one by one. A long answer scrolls.

local lg = love.graphics

local bubble = {}

local WIDEST, LINES = 330, 7
local PAD = 14
local APPEAR = 0.18               -- seconds until a word is wholly there
local LINGER = 14                 -- seconds it stays once all is said

local font, space, height

function bubble.load(with)
  font = with
  space, height = font:getWidth " ", font:getHeight() + 3
end

local function width_of(word)
  word.width = word.width or font:getWidth(word.text)
  return word.width
end

-- Lines of words, none wider than the bubble.
local function lay_out(said)
  local lines, line = {}, { width = 0 }
  for _, word in ipairs(said) do
    local wide = width_of(word)
    if #line > 0 and line.width + space + wide > WIDEST then
      lines[#lines + 1], line = line, { width = 0 }
    end
    line.width = line.width + (#line > 0 and space or 0) + wide
    line[#line + 1] = word
    if word.breaks then lines[#lines + 1], line = line, { width = 0 } end
  end
  if #line > 0 then lines[#lines + 1] = line end
  return lines
end

local function draw_words(lines, first, left, top, alpha)
  lg.setFont(font)
  for i = first, #lines do
    local x, y = left, top + (i - first) * height
    for _, word in ipairs(lines[i]) do
      local there = math.min(1, word.age / APPEAR)
      lg.setColor(0.16, 0.12, 0.23, there * alpha)
      lg.print(word.text, x, y + 4 * (1 - there))
      x = x + word.width + space
    end
  end
end

local function draw_dots(left, top, time)
  for i = 0, 2 do
    lg.setColor(0.35, 0.28, 0.42, 0.45 + 0.4 * math.sin(time * 5 - i * 0.9))
    lg.circle("fill", left + 8 + i * 15, top + height / 2 - 2 * math.sin(time * 5 - i * 0.9), 4)
  end
end

local function shape(left, top, width, tall, tip_x, tip_y, alpha)
  for _, pass in ipairs { { 3, 0.10, 0.07, 0.2, 0.3 * alpha }, { 0, 1, 0.97, 0.92, 0.96 * alpha } } do
    lg.setColor(pass[2], pass[3], pass[4], pass[5])
    lg.rectangle("fill", left, top + pass[1], width, tall, 16)
    local from = math.max(left + 16, math.min(left + width - 36, tip_x - 10))
    lg.polygon("fill", from, top + tall + pass[1] - 1, from + 20, top + tall + pass[1] - 1, tip_x, tip_y + pass[1])
  end
end

-- How visible it is: it fades once all was said and read.
local function fade(one, time)
  if not one.answer:done() then
    one.quiet_since = nil
    return 1
  end
  one.quiet_since = one.quiet_since or time
  return math.max(0, math.min(1, LINGER - (time - one.quiet_since)))
end

--- Draws what `one` says, above the point where its voice comes from.
function bubble.draw(one, y, time)
  if not one.answer then return end
  local alpha = fade(one, time)
  if alpha == 0 then return end
  local lines = lay_out(one.answer.said)
  local waits = #lines == 0
  local first = math.max(1, #lines - LINES + 1)
  local widest = waits and 46 or 0
  for i = first, #lines do widest = math.max(widest, lines[i].width) end
  local width = widest + 2 * PAD
  local tall = math.max(1, #lines - first + 1) * height + 2 * PAD - 6
  local left = math.max(12, math.min(948 - width, one.x - width / 2))
  local top = y - 16 - tall
  shape(left, top, width, tall, one.x, y - 2, alpha)
  if waits then return draw_dots(left + PAD, top + PAD - 3, time) end
  lg.setScissor(left, top, width, tall)
  draw_words(lines, first, left + PAD, top + PAD - 3, alpha)
  lg.setScissor()
end

return bubble
