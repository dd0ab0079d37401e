-- SPDX-License-Identifier: MIT
-- Company research: one reads the news, one the figures, side by side; an analyst
-- writes a report of what both found. Numbers are computed by the program, and
-- only told by the model: lua examples/team_company.lua [COMPANY]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local company = arg[1] or "Faro"

-- A small archive stands in for a search service and a stock exchange.
local news = {
  { company = "Faro", date = "2024-02-11", text = "Faro opens a second yard for lighthouse lenses." },
  { company = "Faro", date = "2024-05-30", text = "Faro loses its largest customer, a port authority." },
  { company = "Boya", date = "2024-04-02", text = "Boya buys a maker of chains." },
}
local closes = { Faro = { 20, 21, 23, 22, 19, 18, 19 }, Boya = { 8, 8, 9, 9, 10, 10, 11 } }

local search_news = marea.tool {
  name = "search_news", description = "News on a company, newest first", parameters = { company = "string" },
  run = function(args)
    local found = marea.array {}
    for i = #news, 1, -1 do
      if args.company:find(news[i].company, 1, true) then found[#found + 1] = news[i] end
    end
    return found
  end,
}

local function find(list, name)
  for key, value in pairs(list) do
    if name:find(key, 1, true) then return value end
  end
end

local price_figures = marea.tool {
  name = "price_figures", description = "Figures of a company's share price: last, change, highest, lowest",
  parameters = { company = "string" },
  run = function(args)
    local list = find(closes, args.company)
    if not list then return nil, "no such company" end
    local first, last, high, low = list[1], list[#list], list[1], list[1]
    for _, price in ipairs(list) do high, low = math.max(high, price), math.min(low, price) end
    return { last = last, change_percent = math.floor((last - first) / first * 1000 + 0.5) / 10,
      highest = high, lowest = low }
  end,
}

local reporter = marea.agent { client = client, name = "reporter", tools = { search_news },
  description = "Reads the news.", instructions = "You look the news up and say what matters, each with its date." }
local trader = marea.agent { client = client, name = "trader", tools = { price_figures },
  description = "Reads the figures.", instructions = "You look the figures up and say what they show. Invent none." }
local analyst = marea.agent { client = client, name = "analyst",
  instructions = "You write a report of one page: what happened, what the figures say, what to watch. "
    .. "Use what your colleagues found and nothing else." }

-- Layers could be more: with two, each would read the other's findings and look again.
local desk = marea.mixture { workers = { reporter, trader }, layers = 1, aggregator = analyst, name = "research",
  stop = marea.stop.timeout(120) }

local stream = desk:stream(("Report on the company %q."):format(company))
local result = common.must(marea.console { sums = false }:show(stream))
print(("\n[%s: %d turns, %d tool calls]"):format(result.stop, result.turns, result.usage.tool_calls))
