-- SPDX-License-Identifier: MIT
-- Text that comes in pieces, and is said word by word: each word has an age, so
-- that it can be drawn appearing. A voice that has much to say speaks faster.

local words = {}
words.__index = words

local PAUSE = 0.09          -- seconds between words
local STOP = 0.35           -- after a sentence
local HURRY = 12            -- words that wait: from here on, faster

function words.new()
  return setmetatable({
    said = {},              -- { text =, age =, breaks = is it followed by a new line }
    waiting = {}, first = 1,
    rest = "",              -- the beginning of a word whose end has yet to come
    pause = 0,
    ended = false,
  }, words)
end

-- What a font can print: no control characters, no broken UTF-8.
local function printable(text)
  text = text:gsub("[%z\1-\31\127]", "")
  if require("utf8").len(text) then return text end
  return (text:gsub("[\128-\255]", "?"))
end

local function hear(self, text, breaks)
  text = printable(text)
  if text == "" and not breaks then return end
  self.waiting[#self.waiting + 1] = { text = text, age = 0, breaks = breaks }
end

--- Takes in a piece, which may end inside a word.
function words:add(piece)
  local text = self.rest .. piece
  local from = 1
  for word, space, after in text:gmatch "(%S*)(%s+)()" do
    hear(self, word, space:find("\n", 1, true) ~= nil)
    from = after
  end
  self.rest = text:sub(from)
end

--- No more will come.
function words:finish()
  hear(self, self.rest, false)
  self.rest, self.ended = "", true
end

--- How many words wait to be said.
function words:behind()
  return #self.waiting - self.first + 1
end

--- Is everything said?
function words:done()
  return self.ended and self:behind() == 0
end

local function say_next(self)
  local word = self.waiting[self.first]
  self.waiting[self.first], self.first = false, self.first + 1
  self.said[#self.said + 1] = word
  local sentence = word.text:find "[.!?:]$" ~= nil
  self.pause = self.pause + (sentence and STOP or PAUSE) / math.max(1, self:behind() / HURRY)
end

function words:update(dt)
  for i = #self.said, math.max(1, #self.said - 20), -1 do self.said[i].age = self.said[i].age + dt end
  self.pause = math.max(self.pause - dt, -PAUSE)
  while self.pause <= 0 and self:behind() > 0 do say_next(self) end
end

--- Is the voice making a sound just now?
function words:speaking()
  local last = self.said[#self.said]
  return last ~= nil and last.age < 0.15
end

function words:text()
  local parts = {}
  for i, word in ipairs(self.said) do parts[i] = word.text .. (word.breaks and "\n" or " ") end
  return table.concat(parts)
end

return words
