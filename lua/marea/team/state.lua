-- SPDX-License-Identifier: MIT
-- The conversation of a team as plain data: what was said aloud (messages), each
-- member's own conversation and how much of the first it was told, whose turn
-- it is, what its policy and its stop condition have counted. What is saved is
-- all there is, in the middle of a turn too.

local history = require "marea.agent.history"
local json = require "marea.json"
local talks = require "marea.agent.talk"
local usage = require "marea.usage"

local state = {}

local VERSION = 1

---@class marea.TeamState
---@field messages table[] what was said: by the user, and by members, who are named
---@field members table<string, table> the conversation of each that had a turn
---@field heard table<string, integer> how many of the messages each was told
---@field speaking string[]|nil whose turn it is, or was when the run broke off
---@field said table<string, table> which of these have spoken, and what
---@field waiting string[]|nil which of these wait for a person
---@field outputs table<string, any> the `output` of what each member said last
---@field policy table what the policy remembers
---@field stop table what the stop condition has counted
---@field run table|nil counters of the run that goes on: turns, steps, seconds, usage
---@field last string|nil who spoke last
---@field handoff string|nil to whom the last speaker handed over
---@field usage marea.Usage over all runs

---@return marea.TeamState
function state.new()
  return { messages = json.array {}, members = {}, heard = {}, said = {}, outputs = {}, policy = {}, stop = {},
    usage = usage.new() }
end

--- As data.
---@param self marea.TeamState
---@param name string
function state.save(self, name)
  local data = talks.copy(self)
  data.marea, data.version, data.name, data.usage.raw = "team", VERSION, name, nil
  return data
end

local tables = { "messages", "members", "heard", "said", "policy", "stop", "usage" }

local function check_speaking(data)
  for _, list in ipairs { data.speaking or {}, data.waiting or {} } do
    if type(list) ~= "table" then return nil, "who speaks is no list" end
    for _, name in ipairs(list) do
      if type(data.members[name]) ~= "table" and list == data.waiting then
        return nil, ("%s waits, and has no conversation"):format(tostring(name))
      end
    end
  end
  return true
end

local numbers = { "turns", "steps", "seconds", "first" }

-- The counters of a run, where one goes on.
local function check_run(run)
  if run == nil then return true end
  if type(run) ~= "table" then return nil, "its run is no table" end
  for _, name in ipairs(numbers) do
    if type(run[name]) ~= "number" then return nil, ("its run has no number of %s"):format(name) end
  end
  return true
end

-- What each was told, has said, and has in its own conversation.
local function check_members(data)
  for name, told in pairs(data.heard) do
    if type(told) ~= "number" then return nil, ("how much %s heard is no number"):format(tostring(name)) end
  end
  for name, said in pairs(data.said) do
    local is_said = said == false or type(said) == "table" and type(said.message) == "table"
    if not is_said then return nil, ("what %s said is no message"):format(tostring(name)) end
  end
  for name, member in pairs(data.members) do
    if type(member) ~= "table" then return nil, ("the conversation of %s is no table"):format(tostring(name)) end
  end
  return check_run(data.run)
end

local function check(data)
  if type(data) ~= "table" or data.marea ~= "team" then return nil, "it is no saved team" end
  if data.version ~= VERSION then
    return nil, ("it is of version %s, and this is version %d"):format(tostring(data.version), VERSION)
  end
  for _, name in ipairs(tables) do
    if type(data[name]) ~= "table" then return nil, ("its %s is no table"):format(name) end
  end
  local ok, why = check_speaking(data)
  if ok then ok, why = check_members(data) end
  if not ok then return nil, why end
  return history.check(data.messages)
end

-- A list that came through JSON from a stranger may be an object; ours is a list.
local function mend_usage(saved)
  local out = usage.new()
  usage.add(out, saved, false)
  return out
end

--- A state from saved data; or nil and what is wrong with it. A member's own is
--- looked at by `load_member(name, data)`.
---@return marea.TeamState|nil, string|nil
function state.load(data, load_member)
  local ok, why = check(data)
  if not ok then return nil, why end
  local self = talks.copy(data)
  self.marea, self.version, self.name = nil, nil, nil
  self.messages, self.usage = json.array(self.messages), mend_usage(self.usage)
  self.outputs = type(self.outputs) == "table" and self.outputs or {}      -- those saved earlier have none
  if self.run then
    self.run.usage = mend_usage(type(self.run.usage) == "table" and self.run.usage or {})
  end
  for name, member in pairs(self.members) do
    self.members[name], why = load_member(name, member)
    if not self.members[name] then return nil, ("%s: %s"):format(tostring(name), why) end
  end
  return self
end

return state
