-- SPDX-License-Identifier: MIT
-- What a page says in a few words, for an error about one that came in place of
-- an answer. No parser of HTML: one pass with a search for plain marks, so that
-- a page made to take long doesn't.

local compat = require("marea.compat")

local html = {}

local entities = { lt = "<", gt = ">", amp = "&", quot = '"', nbsp = " ", ["#39"] = "'" }

-- Case-folded: <TITLE> is what old proxies write.
local function folded(name)
  return (name:gsub("%a", function(c) return "[" .. c:lower() .. c:upper() .. "]" end))
end

-- The text without what stands from one mark to another. Where the second is
-- missing it is so for all that follows, and the rest stays.
local function without(text, first, last)
  local out, at = {}, 1
  while true do
    local from, to = text:find(first, at)
    if from then to = select(2, text:find(last, to + 1)) end
    if not to then break end
    out[#out + 1] = text:sub(at, from - 1)
    at = to + 1
  end
  out[#out + 1] = text:sub(at)
  return table.concat(out, " ")
end

local function plain(text)
  text = without(without(text, "<!%-%-", "%-%->"), "<", ">")
  text = text:gsub("&(#?%w+);", entities):gsub("%s+", " ")
  return compat.trim(text)
end

-- The text of the first element of that name.
local function element(text, name)
  local _, tag = text:find("<" .. folded(name))
  local _, from = text:find(">", tag and tag + 1 or #text + 1, true)
  local to = from and text:find("</" .. folded(name), from + 1)
  return to and plain(text:sub(from + 1, to - 1)) or ""
end

local function without_element(text, name)
  return without(text, "<" .. folded(name) .. "[%s>]", "</" .. folded(name) .. "%s*>")
end

--- The page's title, its heading, or all it says; "" if that is nothing.
---@param text string
---@return string
function html.summary(text)
  for _, name in ipairs { "title", "h1" } do
    local said = element(text, name)
    if said ~= "" then return said end
  end
  return plain(without_element(without_element(text, "script"), "style"))
end

return html
