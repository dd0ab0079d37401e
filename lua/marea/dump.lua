-- SPDX-License-Identifier: MIT
-- marea.dump and marea.load: agents, tools, paused runs and conversations as
-- tables that can be JSON, and back. What a program is made of (clients,
-- functions, tools) is only ever named, and found again in a registry the
-- program gives: data can't bring code with it.

local agents = require "marea.agent"
local approval = require "marea.agent.approval"
local json = require "marea.json"
local runs = require "marea.agent.run"
local lazy = require("marea.compat").lazy
local stops = lazy "marea.stop"
local talks = require "marea.agent.talk"
local teams = lazy "marea.team.new"
local tools = require "marea.tool"

local dump = {}

local VERSION = 1
local MAX_AGENTS = 100

local null = json.null

---- writing ------------------------------------------------------------------------------

-- Whether it is data all through.
local function is_data(value, depth)
  local kind = type(value)
  if kind == "string" or kind == "number" or kind == "boolean" or value == null then return true end
  if kind ~= "table" or depth > 50 then return false end
  for key, inner in pairs(value) do
    if type(key) ~= "string" and type(key) ~= "number" or not is_data(inner, depth + 1) then return false end
  end
  return true
end

local function fail(where, what)
  error({ dump = ("marea.dump: %s %s"):format(where, what) }, 0)
end

local write

local function name_in(names, value, where)
  local name = names[value]
  if not name then fail(where, "is not data, and the registry has no name for it") end
  return { ref = name }
end

-- A condition is data with its kind, but for a function of the user's.
local function write_stop(state, condition, where)
  local out = {}
  for key, value in pairs(condition) do
    if key == "list" then
      out.list = {}
      for i, one in ipairs(value) do out.list[i] = write_stop(state, one, ("%s[%d]"):format(where, i)).stop end
    elseif key == "f" then out.f = name_in(state.names, value, where .. ".when").ref
    else out[key] = talks.copy(value) end
  end
  return { stop = out }
end

-- Data is copied; what isn't goes by its name, or is looked into.
local function write_value(state, value, where)
  if state.names[value] then return { ref = state.names[value] } end
  if tools.is(value) or agents.is(value) or teams.is(value) then return write(state, value, where) end
  if stops.is(value) then return write_stop(state, value, where) end
  if is_data(value, 0) then return { data = talks.copy(value) } end
  if type(value) ~= "table" or getmetatable(value) then return name_in(state.names, value, where) end
  local out = {}
  for key, inner in pairs(value) do out[tostring(key)] = write_value(state, inner, where .. "." .. tostring(key)) end
  return { fields = out, list = value[1] ~= nil }
end

-- An agent, or a team, that was met already is only named: handoffs go round.
local function write_agent(state, agent, where)
  local key = state.agents[agent]
  if key then return { agent = key } end
  state.count = state.count + 1
  if state.count > MAX_AGENTS then fail(where, "is one of too many agents") end
  key = ("%d:%s"):format(state.count, agent.name)
  state.agents[agent] = key
  local options = {}
  for name, value in pairs(agents.is(agent) and agents.options(agent) or agent.options) do
    if name == "client" then options.client = { ref = state.names[value] or "client" }
    else
      options[tostring(name)] = write_value(state, value, ("%s (%s).%s"):format(where, agent.name, tostring(name)))
    end
  end
  state.out.agents[key] = { options = options, conversation = agent:save(), team = agent.kind }
  return { agent = key }
end

-- A tool goes by its own name, if no other does.
local function write_tool(state, tool, where)
  if tool.agent then fail(where, "is an agent's tool: give it a name in the registry") end
  local other = state.named[tool.name]
  if other ~= nil and other ~= tool then
    fail(where, ("is a tool, and another is called %q too: give each a name in the registry"):format(tool.name))
  end
  state.named[tool.name] = tool
  return { ref = tool.name }
end

function write(state, value, where)
  if agents.is(value) or teams.is(value) then return write_agent(state, value, where) end
  return write_tool(state, value, where)
end

-- What the registry has, by value, and by name.
local function names_of(registry)
  local names, named = {}, {}
  for name, value in pairs(registry or {}) do
    named[name] = value
    if type(value) == "table" or type(value) == "function" then names[value] = name end
  end
  return names, named
end

local function dump_value(value, registry)
  if getmetatable(value) == nil and type(value) == "table" then
    return { marea = "data", version = VERSION, value = talks.copy(value) }
  end
  if runs.is(value) then
    local out = talks.copy(value)
    out.marea, out.version = "result", VERSION
    return dump.plain(out)
  end
  if not agents.is(value) and not teams.is(value) then
    fail("the value", "is no agent, team, result or plain table")
  end
  local state = { agents = {}, count = 0, out = { marea = "agent", version = VERSION, agents = {} } }
  state.names, state.named = names_of(registry)
  state.out.root = write(state, value, "the agent").agent
  return state.out
end

--- Takes our metatables off, all the way down; those of arrays stay.
function dump.plain(value)
  if type(value) ~= "table" then return value end
  if getmetatable(value) ~= json.array_mt then setmetatable(value, nil) end
  for _, inner in pairs(value) do dump.plain(inner) end
  return value
end

local function guarded(f, ...)
  local ok, out = pcall(f, ...)
  if ok then return out end
  if type(out) == "table" and out.dump then error(out.dump, 3) end
  error(out, 0)
end

--- A table that can be JSON: of an agent or a team (with its conversation, and the agents
--- it hands over to), a result, or a plain table. Functions go by the names a
--- registry has for them, tools by their own, where that is no other's.
---@param value any
---@param registry table<string, any>|nil
---@return table
function dump.dump(value, registry)
  local out = guarded(dump_value, value, registry)
  return out
end

---- reading ------------------------------------------------------------------------------

local function refuse(what)
  error({ dump = "marea.load: " .. what }, 0)
end

local function look_up(registry, name)
  local value = registry[name]
  if type(name) ~= "string" or value == nil then
    refuse(("the registry has nothing called %q"):format(tostring(name)))
  end
  return value
end

local read_agent

local function read_stop(state, fields)
  local out = {}
  for key, value in pairs(type(fields) == "table" and fields or {}) do out[key] = value end
  if out.f ~= nil then out.f = look_up(state.registry, out.f) end
  for i, one in ipairs(type(out.list) == "table" and out.list or {}) do out.list[i] = read_stop(state, one) end
  local condition, why = stops.restore(out)
  if not condition then refuse(why) end
  return condition
end

local function read_value(state, item)
  if type(item) ~= "table" then refuse "what was dumped is no table" end
  if item.ref ~= nil then return look_up(state.registry, item.ref) end
  if item.agent ~= nil then return read_agent(state, item.agent) end
  if item.stop ~= nil then return read_stop(state, item.stop) end
  if item.data ~= nil then return item.data end
  if type(item.fields) ~= "table" then refuse "a value has no form" end
  local out = {}
  for key, inner in pairs(item.fields) do out[item.list and tonumber(key) or key] = read_value(state, inner) end
  return out
end

local function options_of(state, saved)
  local options = {}
  for name, item in pairs(saved.options) do
    if name ~= "handoffs" then options[saved.team and tonumber(name) or name] = read_value(state, item) end
  end
  return options
end

local function make(saved, options)
  local maker = saved.team == nil and agents.new or require "marea.team.kinds"(saved.team)
  if not maker then refuse(("there is no team of the kind %q"):format(tostring(saved.team))) end
  local ok, made = pcall(maker, options)
  if not ok then refuse((tostring(made):gsub("^[^\n:]+:%d+: ", ""))) end
  return made
end

-- All are made before their handoffs are: these go round.
function read_agent(state, key)
  if state.made[key] then return state.made[key] end
  local saved = state.data.agents[key]
  if type(saved) ~= "table" or type(saved.options) ~= "table" then refuse "an agent is missing" end
  if state.begun[key] then refuse "an agent is within itself" end
  state.begun[key] = true
  local agent = make(saved, options_of(state, saved))
  state.made[key] = agent
  if saved.options.handoffs then state.later[#state.later + 1] = { agent, saved.options.handoffs } end
  local ok, err = agent:load(saved.conversation)
  if not ok then refuse(err.message) end
  return agent
end

local function read_all(state)
  local root = read_agent(state, state.data.root)
  local at = 1
  while state.later[at] do
    local agent, handoffs = state.later[at][1], state.later[at][2]
    agent.handoffs = read_value(state, handoffs)
    at = at + 1
  end
  return root
end

local function load_result(data)
  data = talks.copy(data)
  data.marea, data.version = nil, nil
  if type(data.pending) == "table" then approval.bless(data.pending) end
  return runs.bless(data)
end

local loaders = {
  data = function(data) return talks.copy(data.value) end,
  result = load_result,
  agent = function(data, registry)
    if type(data.agents) ~= "table" then refuse "it holds no agents" end
    return read_all { data = talks.copy(data), registry = registry, made = {}, begun = {}, later = {} }
  end,
}

local function load_value(data, registry)
  local loader = type(data) == "table" and loaders[data.marea]
  if not loader then refuse "it was not made by marea.dump" end
  if data.version ~= VERSION then
    refuse(("it is of version %s, and this is version %d"):format(tostring(data.version), VERSION))
  end
  return loader(data, registry or {})
end

--- What was dumped. `registry` holds by name what data can't: clients (an agent's
--- is called "client" unless it had a name), tools, functions. Raises for what
--- was not made by `dump`, or names what the registry hasn't.
---@param data table
---@param registry table<string, any>|nil
---@return any
function dump.load(data, registry)
  local out = guarded(load_value, data, registry)
  return out
end

return dump
