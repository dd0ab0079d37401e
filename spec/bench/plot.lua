-- SPDX-License-Identifier: MIT
-- lua5.4 spec/bench/plot.lua [RESULTS.json] > chart.svg
--
-- Draws the runner's results as bars, a group to a figure: the floor, marea
-- on both Luas, and a mark where the goal lies. Each group has its own scale,
-- since a microsecond and a megabyte have nothing to say to each other.

package.path = (arg[0]:match("^(.*/)") or "./") .. "?.lua;" .. package.path
local flat = require "flat"

local WIDTH, LEFT, BAR, GAP, SPAN = 760, 190, 15, 3, 400

local BARS = {
  { name = "floor", label = "floor", colour = "#9aa0a6" },
  { name = "lua54", label = "marea, Lua 5.4", colour = "#2b6cb0" },
  { name = "luajit", label = "marea, LuaJIT", colour = "#dd6b20" },
  { name = "lua_curl", label = "Lua-cURL, 5.4", colour = "#718096" },
  { name = "lua_curl_jit", label = "Lua-cURL, LuaJIT", colour = "#718096" },
  { name = "openai_node", label = "openai, Node", colour = "#718096" },
}

local SUFFIX = { ratio = "  (%.2fx)", above = "  (%+.1f)", value = "" }

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function text(x, y, content, extra)
  return ('<text x="%d" y="%d" %s>%s</text>'):format(x, y, extra or "", escape(content))
end

local function goal_of(row)
  if not row.goal then return nil end
  if row.against == "value" then return row.goal end
  if not row.floor then return nil end
  return row.against == "ratio" and row.floor * row.goal or row.floor + row.goal
end

local function largest(row)
  local top = goal_of(row) or 0
  for _, bar in ipairs(BARS) do
    top = math.max(top, row[bar.name] or 0)
  end
  return top > 0 and top or 1
end

local function label_of(row, bar)
  local compared = row[bar.name .. "_against"]
  local value = ("%.4g"):format(row[bar.name])
  return compared and value .. SUFFIX[row.against]:format(compared) or value
end

local function draw_bar(out, row, bar, y, scale)
  local width = math.max(1, row[bar.name] * scale)
  out[#out + 1] = text(LEFT - 8, y + BAR - 3, bar.label, 'text-anchor="end"')
  out[#out + 1] = ('<rect x="%d" y="%d" width="%.1f" height="%d" fill="%s"/>')
    :format(LEFT, y, width, BAR, bar.colour)
  out[#out + 1] = text(LEFT + width // 1 + 6, y + BAR - 3, label_of(row, bar))
end

local function draw_goal(out, row, top, bottom, scale)
  local goal = goal_of(row)
  if not goal then return end
  local x = LEFT + goal * scale
  out[#out + 1] = ('<line x1="%.1f" x2="%.1f" y1="%d" y2="%d" stroke="#c53030" '
    .. 'stroke-dasharray="3 2"/>'):format(x, x, top - 2, bottom)
end

--- Draws a figure from y down and returns where the next one starts.
local function draw_figure(out, row, y)
  local scale = SPAN / largest(row)
  out[#out + 1] = text(8, y + 12, row.figure .. ", " .. row.unit, 'font-weight="bold"')
  y = y + 20
  local top = y
  for _, bar in ipairs(BARS) do
    if row[bar.name] then
      draw_bar(out, row, bar, y, scale)
      y = y + BAR + GAP
    end
  end
  draw_goal(out, row, top, y, scale)
  return y + 14
end

local function read_rows(path)
  local rows, about = {}, ""
  for line in io.lines(path) do
    local row = flat.decode(line)
    about = row.machine or about
    if row.figure then rows[#rows + 1] = row end
  end
  return rows, about
end

local function main()
  local rows, about = read_rows(arg[1] or "build/bench/results.json")
  local out, y = {}, 34
  out[1] = text(8, 18, about .. "; red: the goal", 'fill="#555"')
  for _, row in ipairs(rows) do
    y = draw_figure(out, row, y)
  end
  print(('<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" '
    .. 'font-family="sans-serif" font-size="12">'):format(WIDTH, y))
  print('<rect width="100%" height="100%" fill="white"/>')
  print(table.concat(out, "\n"))
  print("</svg>")
end

main()
