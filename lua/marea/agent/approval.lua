-- SPDX-License-Identifier: MIT
-- Calls that wait for a person. A paused run is plain data: what is decided of
-- it is written into the data, or told to `resume`, in this process or another.
-- What nobody decided stays as it was, and what can't be read is refused.

local json = require "marea.json"
local kit = require "marea.agent.kit"
local schema = require "marea.schema"

local approval = {}

---@class marea.Pending
---@field id string
---@field name string
---@field arguments table
---@field agent string
---@field decision table|nil
local methods = {}
local metatable = { __name = "marea.pending", __index = methods }

local function check(self)
  if getmetatable(self) ~= metatable then error("call it with a colon: pending:approve()", 3) end
end

--- Lets the call run, with other arguments if some are given.
---@param arguments table|nil
function methods:approve(arguments)
  check(self)
  if arguments ~= nil and type(arguments) ~= "table" then
    error("pending:approve: expected a table of arguments, got " .. type(arguments), 2)
  end
  self.decision = { approve = true, arguments = arguments }
end

--- Has the model told that the call may not run, and why.
---@param reason string|nil
function methods:reject(reason)
  check(self)
  self.decision = { reject = reason or true }
end

--- Gives items of a paused run their methods.
function approval.bless(list)
  for _, item in ipairs(list) do setmetatable(item, metatable) end
  return list
end

---- what is pending -----------------------------------------------------------------------

local function add_pending(list, open, agent, prefix)
  for _, call in ipairs(open) do
    if call.nested then
      add_pending(list, call.nested.open, call.nested.active, prefix .. call.id .. "/")
    elseif call.pending and not call.content then
      list[#list + 1] = { id = prefix .. call.id, name = call.name, arguments = call.arguments, agent = agent }
    end
  end
end

--- The calls that wait, those of agents that run as tools among them: their ids
--- have the outer call's before a slash.
---@param open table[]
---@param agent string
---@return marea.Pending[]
function approval.list(open, agent)
  local list = json.array {}
  add_pending(list, open, agent, "")
  return approval.bless(list)
end

---- deciding -------------------------------------------------------------------------------

local function tool_of(agent, call)
  local known = kit.new(agent).by_name[call.name]
  return known and known.tool
end

-- The call of that id and its tool, if it is still there.
local function find(open, id, agent)
  for _, call in ipairs(open) do
    local tool = tool_of(agent, call)
    if call.id == id and call.pending and not call.content then return call, tool end
    local inner = call.nested and tool and tool.agent
    if inner and id:sub(1, #call.id + 1) == call.id .. "/" then
      local active = kit.find_agent(inner, call.nested.active) or inner
      return find(call.nested.open, id:sub(#call.id + 2), active)
    end
  end
end

-- One of { approve = true, arguments = }, { reject = reason }, or nil.
local function normal(decision)
  if decision == true then return { approve = true } end
  if decision == false then return { reject = true } end
  if type(decision) ~= "table" then return nil end
  if decision.reject ~= nil and decision.reject ~= false then return { reject = decision.reject } end
  if decision.approve == true or type(decision.arguments) == "table" then
    return { approve = true, arguments = decision.arguments }
  end
end

-- What was written into the items of a paused run.
local function written(pending, known)
  local out = {}
  for _, item in ipairs(type(pending) == "table" and pending or {}) do
    if type(item) == "table" and known[item.id] then out[item.id] = item.decision end
  end
  return out
end

--- Collects what was decided of open calls: in the items a paused run has for
--- them, and in `more`, by id, which counts. Returns id -> decision; or nil and
--- what is wrong.
function approval.decisions(open, pending, more)
  local known = {}
  for _, item in ipairs(approval.list(open, "")) do known[item.id] = true end
  local out = written(pending, known)
  for id, decision in pairs(more or {}) do
    if not known[id] then return nil, ("no call %q is pending"):format(tostring(id)) end
    out[id] = decision
  end
  for id, decision in pairs(out) do
    out[id] = normal(decision)
    if not out[id] then
      return nil, ("%s: expected true, false, { reject = reason } or { arguments = {...} }"):format(id)
    end
  end
  return out
end

local function reject(call, reason)
  call.pending = nil
  call.content = type(reason) == "string" and "Rejected: " .. reason or "Rejected by a person."
  call.failed = true
end

--- Writes decisions into open calls; none of them if one can't be. Arguments
--- that were edited must fit like any others.
---@param open table[]
---@param decisions table<string, table>
---@param agent marea.Agent who has the conversation
---@return boolean|nil, string|nil
function approval.apply(open, decisions, agent)
  local checked = {}
  for id, decision in pairs(decisions) do
    local call, tool = find(open, id, agent)
    if not call then return nil, ("no call %q is pending"):format(id) end
    if decision.arguments then
      local problems
      checked[id], problems = schema.check(decision.arguments, tool and tool.parameters or false)
      if problems then return nil, ("the arguments for %s don't fit: %s"):format(call.name, problems) end
    end
  end
  for id, decision in pairs(decisions) do
    local call = find(open, id, agent)
    if decision.approve then
      call.pending, call.approved, call.edited = nil, true, checked[id] ~= nil or nil
      call.arguments = checked[id] or call.arguments
    else reject(call, decision.reject) end
  end
  return true
end

return approval
