-- SPDX-License-Identifier: MIT
-- Somebody to talk to: who they are, what was said, and the answer being given.
-- `marea.step`, once a frame, is all that makes it come.

local marea = require "marea"
local words = require "words"

local person = {}
person.__index = person

local RULE = " You are a character in a small game. Answer in one to three short sentences,"
  .. " in the language you are spoken to, never out of character. No Markdown."

---@param who table { name =, x =, y =, kind =, nature = }
function person.new(who)
  who.messages = { { role = "system", content = who.nature .. RULE } }
  who.answer = nil            -- words, once asked
  who.thinking = false
  return setmetatable(who, person)
end

-- Runs as a task: the game goes on where this waits.
local function give_answer(self, client, answer)
  local stream = assert(client.chat.completions:create { messages = self.messages, stream = true, max_tokens = 200 })
  for text in stream:text() do
    self.thinking = false
    answer:add(text)
  end
  return assert(stream:result()).output_text
end

local function excuse(err)
  if marea.is_error(err) and err.kind == "cancelled" then return " ..." end
  return " (" .. tostring(err) .. ")"
end

--- Asks; what was being said before stops.
function person:ask(client, question)
  self:hush()
  local answer = words.new()
  self.answer, self.thinking = answer, true
  self.messages[#self.messages + 1] = { role = "user", content = question }
  self.task = marea.spawn(function()
    local ok, text = pcall(give_answer, self, client, answer)
    if ok then self.messages[#self.messages + 1] = { role = "assistant", content = text }
    else
      table.remove(self.messages)
      answer:add(excuse(text))
    end
    answer:finish()
    if self.answer == answer then self.thinking = false end
  end)
end

--- Stops the answer, and its transfer, at once.
function person:hush()
  if self.task then self.task:cancel() end
  self.task = nil
end

function person:is_talking()
  return self.answer ~= nil and not self.answer:done()
end

function person:update(dt)
  if self.answer then self.answer:update(dt) end
end

return person
