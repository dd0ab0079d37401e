-- SPDX-License-Identifier: MIT
-- What a model is offered: an agent's tools, and a tool for each agent it may
-- hand the conversation over to. Made anew for each run, so that agents can be
-- given one another after they were made.

local tool = require "marea.tool"

local kit = {}

kit.FINAL = "final_answer"      -- gives the answer that `output` asks for, where a tool does

local PREFIX = "transfer_to_"

local function handoff_wire(agent, name)
  local description = ("Hands the conversation over to %s."):format(agent.name)
  if agent.description then description = description .. " " .. agent.description end
  return { type = "function", ["function"] = { name = name, description = description,
    parameters = { type = "object", properties = {} } } }
end

-- Who has a conversation is known by name.
local function check_names(agent, other)
  if other ~= agent and other.name == agent.name then
    error(("marea.agent: %q hands over to another of that name"):format(agent.name), 0)
  end
end

local function add(self, name, what, wire)
  if self.by_name[name] then error(("marea.agent: two tools are called %q"):format(name), 0) end
  self.by_name[name] = what
  self.wire[#self.wire + 1] = wire
end

-- A team that a run is within waits for its answer already: handed over to, it
-- would have the agent speak anew, within itself, without end.
local function waits_for(within, other)
  for _, one in ipairs(within and within.line or {}) do
    if one.root == other and one.team == other then return true end
  end
end

-- A tool for each; names that differ in what a tool's can't hold are told apart.
local function add_handoffs(self, agent, others, within)
  local names, taken = {}, {}
  for _, other in ipairs(others) do
    if other ~= agent and not waits_for(within, other) then
      check_names(agent, other)
      local name = names[other.name] or tool.name_of(PREFIX .. other.name, taken)
      names[other.name] = name
      add(self, name, { handoff = other }, handoff_wire(other, name))
    end
  end
end

--- by_name: name -> { tool = } or { handoff = agent }; wire: as it is sent.
--- `outside`: whom one without handoffs of its own may hand over to; `within`: the
--- run it is part of.
function kit.new(agent, outside, within)
  local self = { by_name = {}, wire = {} }
  for _, one in ipairs(agent.tools or {}) do add(self, one.name, { tool = one }, tool.wire(one)) end
  add_handoffs(self, agent, agent.handoffs or outside or {}, within)
  if agent.output and self.by_name[kit.FINAL] then
    error(("marea.agent: a tool is called %q, as is the one for `output`"):format(kit.FINAL), 0)
  end
  return self
end

--- A function that gives each agent's kit, making it once.
function kit.kept(outside, within)
  local kits = {}
  return function(agent)
    local found = kits[agent]
    if not found then
      found = kit.new(agent, outside, within)
      kits[agent] = found
    end
    return found
  end
end

--- The agent of that name among those that can be reached by handing over.
---@return table|nil
function kit.find_agent(root, name)
  local seen, queue = { [root] = true }, { root }
  for at = 1, math.huge do
    local agent = queue[at]
    if not agent then return nil end
    if agent.name == name then return agent end
    for _, other in ipairs(agent.handoffs or {}) do
      if not seen[other] then
        seen[other] = true
        queue[#queue + 1] = other
      end
    end
  end
end

return kit
