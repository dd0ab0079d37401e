-- SPDX-License-Identifier: MIT
-- Rows as text: lines for a terminal, tables in Markdown for the README.

local clients = require "clients"
local rows = require "rows"

local show = {}

local FLOOR = { name = "floor", label = "floor" }

local function with_floor(lists)
  local columns = { FLOOR }
  for _, list in ipairs(lists) do
    for _, client in ipairs(list) do columns[#columns + 1] = client end
  end
  return columns
end

show.marea = with_floor { clients.marea }
show.peers = with_floor { clients.marea, clients.peers }

-- Three digits say enough.
local function number(value)
  local size = math.abs(value)
  local digits = size >= 100 and 0 or size >= 10 and 1 or size >= 1 and 2 or 3
  return ("%." .. digits .. "f"):format(value)
end

show.number = number

local SHOWN = { ratio = "%s x", above = "%s above" }
local GOALS = { ratio = "<= %g x", above = "<= %g above", value = "<= %g" }

---- a terminal ---------------------------------------------------------------

local function note(row, name)
  local text = row[name .. "_note"]
  if not text then return "" end
  return #text <= 13 and text or "failed"
end

local function cell(row, name)
  local value, compared = row[name], row[name .. "_against"]
  if not value then return note(row, name) end
  local text = number(value)
  if compared and SHOWN[row.against] then
    text = ("%s (%s)"):format(text, SHOWN[row.against]:format(number(compared)))
  end
  return rows.missed(row, name) and text .. " !" or text
end

local function line_of(columns, first, unit, f, last)
  local cells = {}
  for i, column in ipairs(columns) do
    cells[i] = ("%-18s"):format(f(column))
  end
  local text = ("%-58s %-10s %s %s"):format(first, unit, table.concat(cells, " "), last)
  return (text:gsub("%s+$", ""))
end

--- The line over rows with these columns.
function show.head(columns)
  return line_of(columns, "", "", function(column) return column.label end,
    columns == show.marea and "goal" or "")
end

--- A row with these columns. What missed its goal is marked.
function show.line(row, columns)
  local goal = row.goal and GOALS[row.against]:format(row.goal) or ""
  return line_of(columns, row.figure:gsub("`", ""), row.unit,
    function(column) return cell(row, column.name) end, goal)
end

--- One line on how many goals there are and how many were missed.
function show.summary(list)
  local all, missed = 0, 0
  for _, row in ipairs(list) do
    for _, client in ipairs(clients.marea) do
      local over = rows.missed(row, client.name)
      if over ~= nil then all = all + 1 end
      if over then missed = missed + 1 end
    end
  end
  if all == 0 then return "too short a run to judge: the cost of a process shows in it" end
  return ("%d of %d goals missed (marked !)"):format(missed, all)
end

---- Markdown -----------------------------------------------------------------

local function unit_of(row)
  if row.unit == "x" then return " x" end
  return " " .. row.unit:gsub("^us", "µs"):gsub("/.*", "")
end

local function marked(row, name, text)
  return rows.missed(row, name) and text .. " ✗" or text
end

local compared_cells = {}

function compared_cells.ratio(row, name)
  return number(row[name .. "_against"]) .. " x"
end

function compared_cells.above(row, name)
  return ("+ %s%s"):format(number(row[name .. "_against"]), unit_of(row))
end

function compared_cells.value(row, name)
  return number(row[name]) .. unit_of(row)
end

local function marea_cell(row, column)
  local name = column.name
  if not row[name] then return "" end
  if column == FLOOR then return number(row[name]) .. unit_of(row) end
  return marked(row, name, compared_cells[row.against](row, name))
end

local function peers_cell(row, column)
  local name = column.name
  if not row[name] then return note(row, name) end
  local text = number(row[name]) .. unit_of(row)
  if row.against ~= "ratio" or column == FLOOR then return text end
  return ("%s, %s x"):format(text, number(row[name .. "_against"]))
end

local function add_line(out, cells)
  out[#out + 1] = "| " .. table.concat(cells, " | ") .. " |"
end

local function add_head(out, columns, last)
  local cells, rule = { "work" }, { "---" }
  for i, column in ipairs(columns) do
    cells[i + 1] = column == FLOOR and "bare libcurl" or column.label
    rule[i + 1] = "---"
  end
  cells[#cells + 1], rule[#rule + 1] = last, last and "---"
  add_line(out, cells)
  out[#out + 1] = "|" .. table.concat(rule, "|") .. "|"
end

local function add_row(out, row, columns, f, last)
  local cells = { row.figure }
  for i, column in ipairs(columns) do cells[i + 1] = f(row, column) end
  cells[#cells + 1] = last
  add_line(out, cells)
end

local function goal_of(row)
  if row.against == "ratio" then return ("≤ %g x"):format(row.goal) end
  return ("≤ %s%g%s"):format(row.against == "above" and "+ " or "", row.goal, unit_of(row))
end

local function is_anywhere(list, column)
  for _, row in ipairs(list) do
    if row.peers and row[column.name] then return true end
  end
  return false
end

-- The peers that were there.
local function present(list)
  local columns = {}
  for _, column in ipairs(show.peers) do
    if is_anywhere(list, column) then columns[#columns + 1] = column end
  end
  return columns
end

--- What it was measured with, as a sentence.
local function origin(about)
  local peers = about.peers and about.peers ~= "none installed" and ("; other clients: " .. about.peers) or ""
  return ("Medians of %d on %s%s."):format(about.turns or 1, about.machine or "an unknown machine",
    peers:gsub(";", ","):gsub("^,", ";"))
end

--- Two tables: the rows with a goal, and those with peers.
---@return string
function show.markdown(about, list)
  local out, columns = { origin(about), "" }, present(list)
  add_head(out, show.marea, "goal")
  for _, row in ipairs(list) do
    if row.goal then add_row(out, row, show.marea, marea_cell, goal_of(row)) end
  end
  if #columns == 0 then return table.concat(out, "\n") end
  out[#out + 1] = ""
  add_head(out, columns)
  for _, row in ipairs(list) do
    if row.peers then add_row(out, row, columns, peers_cell) end
  end
  return table.concat(out, "\n")
end

return show
