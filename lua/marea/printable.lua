-- SPDX-License-Identifier: MIT
-- A model's text, fit to be printed: without what steers a terminal, or turns
-- the order of what is read around.

local printable = {}

-- The control characters of ASCII but for tab and newline; those of C1, U+0080
-- to U+009F, which terminals obey as they do ESC; and the bidirectional ones,
-- U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069.
-- A whole sequence goes as one: what would be left of it says nothing.
local function without_sequences(text)
  return (text:gsub("\27%[[%d;?]*[%a@]", ""):gsub("\27%][^\7\27]*\7", ""):gsub("\27%][^\7\27]*\27\\", ""))
end

local function harmless(text)
  if text:find("\27", 1, true) then text = without_sequences(text) end
  text = text:gsub("[%z\1-\8\11-\31\127]", "")
  if not text:find("[\194\226]") then return text end
  return (text:gsub("\194[\128-\159]", ""):gsub("\226\128[\142\143\170-\174]", ""):gsub("\226\129[\166-\169]", ""))
end

printable.harmless = harmless

-- What a piece may end in of a character that is to be taken out.
local function held_back(text)
  return text:match("[\194\226]$") or text:match("\226[\128\129]$") or ""
end

--- A function that makes pieces of a text harmless, also where a piece ends
--- within a character.
---@return fun(piece: string): string
function printable.new()
  local held = ""
  return function(piece)
    piece = held .. piece
    held = held_back(piece)
    return harmless(piece:sub(1, #piece - #held))
  end
end

return printable
