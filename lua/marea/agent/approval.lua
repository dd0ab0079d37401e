-- SPDX-License-Identifier: MIT
-- Calls that wait for a person. A paused run is plain data: what is decided of
-- it is written into the data, or told to `resume`, in this process or another.
-- What nobody decided stays as it was, and what can't be read is refused.

local json = require "marea.json"
local kit = require "marea.agent.kit"
local party = require("marea.compat").lazy "marea.agent.party"
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

-- One step of an id. Ids are the model's to choose: one with a slash in it must not
-- be taken for another call within an agent, and that one be run in its place.
local function step(name)
  return (name:gsub("[%%/]", { ["%"] = "%25", ["/"] = "%2F" }))
end

-- A state is a conversation: of an agent, with its open calls; or of a team, or
-- one handed over to a team, with those of the members that wait.
local function add_pending(list, state, prefix)
  for _, name in ipairs(state.waiting or {}) do
    add_pending(list, state.members[name], prefix .. step(name) .. "/")
  end
  for _, call in ipairs(state.open or {}) do
    if call.nested then add_pending(list, call.nested, prefix .. step(call.id) .. "/")
    elseif call.pending and not call.content then
      list[#list + 1] = { id = prefix .. step(call.id), name = call.name, arguments = call.arguments,
        agent = state.active }
    end
  end
end

--- The calls that wait in a conversation, those of agents that run as tools and
--- of a team's members among them: their ids have the outer call's, or the
--- member's name, before a slash.
---@param state table
---@return marea.Pending[]
function approval.list(state)
  local list = json.array {}
  add_pending(list, state, "")
  return approval.bless(list)
end

---- deciding -------------------------------------------------------------------------------

local function after(id, prefix)
  prefix = step(prefix) .. "/"
  return id:sub(1, #prefix) == prefix and id:sub(#prefix + 1) or nil
end

local find

local function find_in_members(state, id, who)
  for _, name in ipairs(state.waiting or {}) do
    local rest = after(id, name)
    local member = rest and party.member(who, name)
    if member then return find(state.members[name], rest, member) end
  end
end

-- The call of that id and its tool, if it is still there.
function find(state, id, who)
  if not state.open then return find_in_members(state, id, who) end
  local known = kit.new(kit.find_agent(who, state.active) or who).by_name
  for _, call in ipairs(state.open) do
    local tool = known[call.name] and known[call.name].tool
    if step(call.id) == id and call.pending and not call.content then return call, tool end
    local rest = call.nested and tool and tool.agent and after(id, call.id)
    if rest then return find(call.nested, rest, tool.agent) end
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

--- Collects what was decided of the calls that wait: in the items a paused run has
--- for them, and in `more`, by id, which counts. Returns id -> decision; or nil
--- and what is wrong.
function approval.decisions(state, pending, more)
  local known = {}
  for _, item in ipairs(approval.list(state)) do known[item.id] = true end
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
---@param state table
---@param decisions table<string, table>
---@param who marea.Agent|marea.Team whose conversation it is
---@return boolean|nil, string|nil
function approval.apply(state, decisions, who)
  local checked = {}
  for id, decision in pairs(decisions) do
    local call, tool = find(state, id, who)
    if not call then return nil, ("no call %q is pending"):format(id) end
    if decision.arguments then
      local problems
      checked[id], problems = schema.check(decision.arguments, tool and tool.parameters or false)
      if problems then return nil, ("the arguments for %s don't fit: %s"):format(call.name, problems) end
    end
  end
  for id, decision in pairs(decisions) do
    local call = find(state, id, who)
    if decision.approve then
      call.pending, call.approved, call.edited = nil, true, checked[id] ~= nil or nil
      call.arguments = checked[id] or call.arguments
    else reject(call, decision.reject) end
  end
  return true
end

return approval
