-- SPDX-License-Identifier: MIT
-- Draws results as SVG, to be read on light and dark pages alike: what the work
-- costs as a multiple of bare libcurl, the other clients on the same work, and
-- how much of its goal each remaining figure takes.

local rows = require "rows"
local show = require "show"

local plot = {}

local WIDTH, LEFT, RIGHT = 860, 334, 90
local SPAN = WIDTH - LEFT - RIGHT
local BAR, GAP = 9, 2

local MAREA = {
  { name = "lua54", label = "marea, Lua 5.4", class = "a" },
  { name = "luajit", label = "marea, LuaJIT", class = "b" },
}

local PEERS = {
  { name = "lua_curl", label = "Lua-cURL, Lua 5.4", class = "p1" },
  { name = "lua_curl_jit", label = "Lua-cURL, LuaJIT", class = "p2" },
  { name = "fetch_node", label = "fetch, Node", class = "p3" },
  { name = "openai_node", label = "openai, Node", class = "p4" },
}

local STYLE = [[<style>
svg { font: 13px system-ui, "Segoe UI", Helvetica, Arial, sans-serif }
.page { fill: #ffffff; stroke: #d0d7de } .ink { fill: #1f2328 } .soft { fill: #59636e; font-size: 12px }
.small { font-size: 11px } .title { fill: #1f2328; font-size: 15px; font-weight: 600 }
.rule { stroke: #d0d7de } .track { fill: #eff2f5 }
.goal { stroke: #1f2328; stroke-width: 2 } .a { fill: #1f6feb } .b { fill: #2da44e }
.over { fill: #cf222e; font-weight: 600 }
.p1 { fill: #bf8700 } .p2 { fill: #d4a72c } .p3 { fill: #a475f9 } .p4 { fill: #e16f24 }
@media (prefers-color-scheme: dark) {
.page { fill: #0d1117; stroke: #3d444d } .ink { fill: #e6edf3 } .soft { fill: #9198a1 }
.title { fill: #e6edf3 } .rule { stroke: #3d444d } .track { fill: #1c2129 }
.goal { stroke: #e6edf3 } .a { fill: #4493f8 } .b { fill: #3fb950 } .over { fill: #ff7b72 }
.p1 { fill: #d29922 } .p2 { fill: #e3b341 } .p3 { fill: #bc8cff } .p4 { fill: #f0883e }
}
</style>]]

---- pieces -------------------------------------------------------------------

local function escape(text)
  return (text:gsub("[&<>]", { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;" }))
end

local function add(page, form, ...)
  page[#page + 1] = form:format(...)
end

local function text(page, x, y, class, content, anchor)
  add(page, '<text x="%.1f" y="%.1f" class="%s"%s>%s</text>', x, y, class,
    anchor and (' text-anchor="%s"'):format(anchor) or "", escape(content))
end

local function heading(page, title, explanation)
  text(page, 20, page.y + 16, "title", title)
  text(page, 20, page.y + 34, "soft", explanation)
  page.y = page.y + 50
end

local function legend(page, series)
  local x = 20
  for _, one in ipairs(series) do
    add(page, '<rect x="%d" y="%d" width="11" height="11" rx="2" class="%s"/>', x, page.y, one.class)
    text(page, x + 16, page.y + 10, "soft", one.label)
    x = x + 34 + 6.6 * #one.label // 1
  end
  page.y = page.y + 26
end

local function label(row)
  return (row.figure:gsub("`", ""):gsub(" %(growth to the floor's%)", ""))
end

local function goal_mark(page, x, top, bottom)
  add(page, '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="goal"/>', x, x, top, bottom)
end

--- A group of bars, one to a client; `scale` gives a value's width, which the
--- page may be too narrow for.
local function bars(page, row, scale, words)
  local top, height = page.y, 2 * BAR + GAP
  text(page, LEFT - 12, top + height / 2 + 4, "ink", label(row), "end")
  add(page, '<rect x="%d" y="%d" width="%d" height="%d" class="track"/>', LEFT, top, SPAN, height)
  for i, client in ipairs(MAREA) do
    local value, y = row[client.name .. "_against"], top + (i - 1) * (BAR + GAP)
    if value then
      local width = math.max(1.5, math.min(SPAN, scale(value)))
      add(page, '<rect x="%d" y="%d" width="%.1f" height="%d" class="%s"/>', LEFT, y, width, BAR, client.class)
      local class = rows.missed(row, client.name) and "over small" or "soft small"
      text(page, WIDTH - RIGHT + 8, y + BAR, class, words(row, value))
    end
  end
  if row.goal then goal_mark(page, LEFT + math.min(SPAN, scale(row.goal)), top - 3, top + height + 3) end
  page.y = page.y + height + 13
end

---- the three parts ----------------------------------------------------------

local MULTIPLES = { text = true, events = true, chunks = true, ["text-packed"] = true, paced = true,
  small = true, ["embed-base64"] = true, one = true }

local function is_multiple(row)
  return MULTIPLES[row.workload] and row.against == "ratio" and not row.peers
end

local function largest(list)
  local most = 1
  for _, row in ipairs(list) do
    most = math.max(most, row.goal or 0)
    for _, client in ipairs(MAREA) do most = math.max(most, row[client.name .. "_against"] or 0) end
  end
  return most
end

local function select_rows(list, wanted)
  local chosen = {}
  for _, row in ipairs(list) do
    if wanted(row) then chosen[#chosen + 1] = row end
  end
  return chosen
end

local function multiples(page, list)
  local chosen = select_rows(list, is_multiple)
  if #chosen == 0 then return end
  local unit = SPAN / largest(chosen)
  heading(page, "What the work costs, as a multiple of bare libcurl",
    "A C program on libcurl and libuv alone is 1. CPU of the client's process (of one request: time by the clock); "
    .. "the mark is the goal.")
  legend(page, MAREA)
  for _, row in ipairs(chosen) do
    bars(page, row, function(value) return value * unit end,
      function(_, value) return show.number(value) .. " x" end)
  end
  page.y = page.y + 14
end

local DECADES = 3      -- from 1 to 1,000

local function at(value)
  return LEFT + math.max(0, math.min(1, math.log(value, 10) / DECADES)) * SPAN
end

local function log_axis(page, bottom)
  for i = 0, DECADES do
    local x = LEFT + SPAN * i / DECADES
    add(page, '<line x1="%.1f" x2="%.1f" y1="%.1f" y2="%.1f" class="rule"/>', x, x, page.y, bottom)
    text(page, x, bottom + 15, "soft", ("%d x"):format(10 ^ i // 1 | 0), "middle")
  end
end

local function dots(page, row, series)
  local y = page.y + 12
  text(page, LEFT - 12, y + 4, "ink", label(row), "end")
  add(page, '<line x1="%d" x2="%d" y1="%d" y2="%d" class="rule"/>', LEFT, WIDTH - RIGHT, y, y)
  for _, client in ipairs(series) do
    local value = row[client.name .. "_against"]
    if value then
      add(page, '<circle cx="%.1f" cy="%d" r="6" class="%s"><title>%s: %s x</title></circle>', at(value), y,
        client.class, client.label, show.number(value))
    end
  end
  page.y = page.y + 26
end

local function present(list, all)
  local found = {}
  for _, client in ipairs(all) do
    for _, row in ipairs(list) do
      if row[client.name .. "_against"] then
        found[#found + 1] = client
        break
      end
    end
  end
  return found
end

local function peers(page, list, about)
  local chosen = select_rows(list, function(row) return row.peers and row.against == "ratio" end)
  local series = present(chosen, { PEERS[1], PEERS[2], PEERS[3], PEERS[4], MAREA[1], MAREA[2] })
  if #series <= #MAREA then return end
  heading(page, "Other clients on the same work", "The same measure; each step is ten times the one before.")
  text(page, 20, page.y, "soft", about.peers)
  page.y = page.y + 14
  legend(page, series)
  log_axis(page, page.y + 26 * #chosen)
  for _, row in ipairs(chosen) do dots(page, row, series) end
  page.y = page.y + 36
end

local function share_words(row, value)
  local sign = row.against == "above" and "+" or ""
  return sign .. show.number(value) .. " " .. (row.against == "ratio" and "x" or row.unit:gsub("us", "µs"))
end

local function shares(page, list)
  local chosen = select_rows(list, function(row) return row.goal and not is_multiple(row) end)
  if #chosen == 0 then return end
  heading(page, "How much of its goal each of the rest takes",
    "The mark is the goal, whatever its unit: memory, time, size, growth.")
  legend(page, MAREA)
  for _, row in ipairs(chosen) do
    bars(page, row, function(value) return math.max(0, value) / row.goal * SPAN * 0.7 end, share_words)
  end
end

--- The whole picture.
---@param about table<string, string> what it was measured with
---@param list table[] rows
---@return string
function plot.svg(about, list)
  local page = { y = 16 }
  multiples(page, list)
  peers(page, list, about)
  shares(page, list)
  text(page, 20, page.y + 14, "soft", ("%s; medians of %d"):format(about.machine or "", about.turns or 1))
  local height = page.y + 30
  local head = ('<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d">')
    :format(WIDTH, height, WIDTH, height)
  local back = ('<rect x="0.5" y="0.5" width="%d" height="%d" rx="8" class="page"/>'):format(WIDTH - 1, height - 1)
  return table.concat({ head, STYLE, back, table.concat(page, "\n"), "</svg>\n" }, "\n")
end

return plot
