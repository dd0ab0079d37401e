-- SPDX-License-Identifier: MIT
-- Nodes and edges. A node runs when the edges that lead to it have been taken:
-- all of them, or, where its `join` is "any", one. An edge is taken when its
-- source has spoken and its condition holds. Where nothing else can run any more,
-- what waits for edges that were not taken runs with those that were, so that a
-- branch that was not chosen holds nobody up. What can run at once does.

local check = require "marea.check"
local teams = require "marea.team.new"

local VISITS = 10

---- checking -----------------------------------------------------------------------------

local function sorted(t)
  local names = {}
  for name in pairs(t) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function known(level, nodes, where, name)
  if type(name) ~= "string" or not nodes[name] then
    error(("marea.team.graph, %s: there is no node %q"):format(where, tostring(name)), level + 2)
  end
end

local function check_edges(level, options)
  for i, edge in ipairs(options.edges) do
    local where = ("edges[%d]"):format(i)
    check.value(level + 1, "marea.team.graph, " .. where, "a table", edge)
    known(level + 1, options.nodes, where, edge[1])
    known(level + 1, options.nodes, where, edge[2])
    if edge.when ~= nil then
      check.value(level + 1, "marea.team.graph, " .. where .. ".when", "a function", edge.when)
    end
  end
end

local function starts_of(options)
  if type(options.start) == "table" then return options.start end
  return { options.start or options.nodes[1] }
end

local function check_options(level, options)
  check.value(level + 1, "marea.team.graph", "a table", options)
  check.value(level + 1, "marea.team.graph, nodes", "a table", options.nodes)
  check.value(level + 1, "marea.team.graph, edges", "a table", options.edges)
  check_edges(level + 1, options)
  local starts = starts_of(options)
  if not starts[1] then error("marea.team.graph, start: expected the name of a node, or a list", level + 2) end
  local seen = {}
  for _, name in ipairs(starts) do
    known(level + 1, options.nodes, "start", name)
    if seen[name] then error(("marea.team.graph, start: %q is there twice"):format(name), level + 2) end
    seen[name] = true
  end
  for name, how in pairs(options.join or {}) do
    known(level + 1, options.nodes, "join", name)
    if how ~= "all" and how ~= "any" then
      error(('marea.team.graph, join.%s: expected "all" or "any"'):format(name), level + 2)
    end
  end
end

---- going along ----------------------------------------------------------------------------

-- The last words of a node, which the conditions of its edges look at.
local function last_of(messages, name)
  for i = #messages, 1, -1 do
    if messages[i].name == name then return messages[i] end
  end
end

-- memo.taken: node -> source -> true; memo.running: those that speak now.
local function take_edges(team, turn, name)
  local memo, message = turn.memo, last_of(turn.messages, name)
  for _, edge in ipairs(team.edges) do
    if edge[1] == name and (not edge.when or edge.when(message, turn.messages)) then
      memo.taken[edge[2]] = memo.taken[edge[2]] or {}
      memo.taken[edge[2]][name] = true
    end
  end
end

local function sources(team, name)
  local set = {}
  for _, edge in ipairs(team.edges) do
    if edge[2] == name then set[edge[1]] = true end
  end
  return set
end

local function is_ready(team, taken, name)
  if (team.join or {})[name] == "any" then return true end
  for source in pairs(sources(team, name)) do
    if not taken[source] then return false end
  end
  return true
end

-- Those whose edges are all there; or, if there are none, all that wait.
local function ready(team, memo)
  local all, some = {}, {}
  for _, name in ipairs(team.names) do
    local taken = memo.taken[name]
    if taken then
      some[#some + 1] = name
      if is_ready(team, taken, name) then all[#all + 1] = name end
    end
  end
  return all[1] and all or some
end

-- Returns why the run ends, if a node would run too often.
local function enter(team, memo, names)
  for _, name in ipairs(names) do
    local visits = (memo.visits[name] or 0) + 1
    if visits > (team.max_visits or VISITS) then return "max_visits" end
    memo.visits[name] = visits
  end
  for _, name in ipairs(names) do memo.taken[name] = nil end
  memo.running = names
end

local function begin(team, turn)
  local memo = turn.memo
  memo.taken, memo.visits, memo.running = {}, {}, nil
  local starts = starts_of(team)
  enter(team, memo, starts)
  return starts
end

local spec = { who = "marea.team.graph", kind = "graph",
  fields = { nodes = "a table", edges = "a table", start = "a string or a table", join = "a table",
    max_visits = "a whole number of at least 1" } }

function spec.policy(team)
  return function(turn)
    if turn.fresh then return begin(team, turn) end
    local memo = turn.memo
    for _, name in ipairs(memo.running or {}) do take_edges(team, turn, name) end
    memo.running = nil
    local names = ready(team, memo)
    if not names[1] then return nil, "done" end
    local full = enter(team, memo, names)
    if full then return nil, full end
    return names
  end
end

--- A team whose order is a graph: `nodes` by name, `edges` as `{ from, to, when = f }`
--- with `f(message, messages)`, `start`: a name or several; `join = { name = "any" }`
--- for a node that one edge is enough for; at most `max_visits` (10) for each node.
---@param options marea.GraphOptions
---@return marea.Team
return function(options)
  check_options(1, options)
  local made = teams.make(1, { who = spec.who, kind = spec.kind, fields = spec.fields, policy = spec.policy,
    members = {}, nodes = options.nodes, order = sorted(options.nodes) }, options)
  return made
end
