-- SPDX-License-Identifier: MIT
-- What a failing test is told: what was expected and what was asked, in two
-- columns, with a mark where they differ.

local compat = require "marea.compat"
local json = require "marea.json"

local show = {}

local WIDTH = 52
local MAX_LINES = 60

---- values as lines ----------------------------------------------------------------

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function is_flat(value)
  if type(value) ~= "table" then return true end
  for _, inner in pairs(value) do
    if type(inner) == "table" then return false end
  end
  return true
end

local function one_line(value)
  if type(value) == "function" then return "(a function that looks at it)" end
  local ok, text = pcall(json.encode, value, { sort = true })
  return ok and text or tostring(value)
end

local add

local function add_table(lines, prefix, value, indent, limit)
  local is_list = json.is_array(value)
  lines[#lines + 1] = indent .. prefix .. (is_list and "[" or "{")
  for _, key in ipairs(sorted(value)) do
    local name = is_list and "" or tostring(key) .. " = "
    add(lines, name, value[key], indent .. "  ", limit)
  end
  lines[#lines + 1] = indent .. (is_list and "]" or "}")
end

function add(lines, prefix, value, indent, limit)
  if #lines >= limit then return end
  local text = one_line(value)
  if is_flat(value) or #indent + #prefix + #text <= WIDTH then
    lines[#lines + 1] = indent .. prefix .. text
  else add_table(lines, prefix, value, indent, limit) end
end

--- A value as lines, keys in order.
---@param value any
---@return string[]
function show.lines(value)
  local lines = {}
  add(lines, "", value, "", MAX_LINES)
  return lines
end

---- two columns --------------------------------------------------------------------

-- Cut to the column, and padded by characters, not bytes.
local function column(text)
  text = text:gsub("[%c\127]", " ")
  local shown = text
  if select(2, text:gsub("[^\128-\191]", "")) > WIDTH then shown = compat.cut(text, WIDTH - 3) .. "..." end
  local characters = select(2, shown:gsub("[^\128-\191]", ""))
  return shown .. (" "):rep(WIDTH - characters)
end

-- The lines of both, those that are alike on one row (longest common
-- subsequence, as in diff).
local function align(a, b)
  local best = {}
  for i = #a + 1, 1, -1 do
    best[i] = {}
    for j = #b + 1, 1, -1 do
      if i > #a or j > #b then best[i][j] = 0
      elseif a[i] == b[j] then best[i][j] = best[i + 1][j + 1] + 1
      else best[i][j] = math.max(best[i + 1][j], best[i][j + 1]) end
    end
  end
  local rows, i, j = {}, 1, 1
  while i <= #a or j <= #b do
    if i <= #a and j <= #b and a[i] == b[j] then
      rows[#rows + 1] = { a[i], b[j] }
      i, j = i + 1, j + 1
    elseif i <= #a and j <= #b and best[i + 1][j + 1] == best[i][j] then
      rows[#rows + 1] = { a[i], b[j] }
      i, j = i + 1, j + 1
    elseif j > #b or i <= #a and best[i + 1][j] >= best[i][j + 1] then
      rows[#rows + 1] = { a[i], "" }
      i = i + 1
    else
      rows[#rows + 1] = { "", b[j] }
      j = j + 1
    end
  end
  return rows
end

--- Two values side by side; rows that differ have a ! between them.
---@param left_title string
---@param left any
---@param right_title string
---@param right any
---@return string
function show.side_by_side(left_title, left, right_title, right)
  local out = { "  " .. column(left_title) .. " | " .. right_title }
  for _, row in ipairs(align(show.lines(left), show.lines(right))) do
    local mark = row[1] == row[2] and "|" or "!"
    out[#out + 1] = ("  %s %s %s"):format(column(row[1]), mark, column(row[2]):gsub("%s+$", ""))
  end
  return table.concat(out, "\n")
end

--- A request in a line: who said what last.
---@param params table
---@return string
function show.request(params)
  local messages = type(params.messages) == "table" and params.messages
  local last = messages and messages[#messages]
  if type(last) ~= "table" then return compat.cut(one_line(params), 80) end
  local content = type(last.content) == "string" and last.content or one_line(last.content)
  content = content:gsub("%c", " ")
  return ("%d messages, the last: %s: %s"):format(#messages, tostring(last.role), #content > 60
    and compat.cut(content, 57) .. "..." or content)
end

return show
