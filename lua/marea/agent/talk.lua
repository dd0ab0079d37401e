-- SPDX-License-Identifier: MIT
-- A conversation as plain data: messages, which agent has it, what it used, the
-- calls that wait and the counters of the run that waits with them, and what
-- policies remember. What is saved is all there is.

local history = require "marea.agent.history"
local json = require "marea.json"
local redact = require "marea.redact"
local usage = require "marea.usage"

local talk = {}

local VERSION = 1

---@class marea.agent.Talk
---@field messages table[]
---@field active string name of the agent that has it
---@field usage marea.Usage over all runs
---@field open marea.agent.Call[]|nil calls of the last message
---@field counters table|nil of the run that waits
---@field memo table what context policies remember
---@field members table<string, table>|nil conversations of teams and persons it was handed over to
---@field heard table<string, integer>|nil how many of the messages each of these was told
---@field waiting string[]|nil which of them waits for a decision

---@return marea.agent.Talk
function talk.new(agent)
  return { messages = json.array {}, active = agent.name, usage = usage.new(), memo = {} }
end

local function same(s)
  return s
end

--- A copy that shares nothing.
function talk.copy(value)
  return redact.deep(value, same)
end

--- As data, with or without the messages.
---@param self marea.agent.Talk
---@param name string of the agent whose conversation it is
function talk.save(self, name, without_messages)
  local data = { marea = "conversation", version = VERSION, name = name, active = self.active, usage = self.usage,
    open = self.open, counters = self.counters, memo = self.memo, members = self.members, waiting = self.waiting,
    heard = self.heard }
  data.messages = not without_messages and self.messages or nil
  data = talk.copy(data)
  data.usage.raw = nil
  return data
end

local function is_list_of_tables(list)
  if type(list) ~= "table" then return false end
  for _, item in ipairs(list) do
    if type(item) ~= "table" then return false end
  end
  return true
end

-- Results of open calls are not in the messages yet.
local function check_messages(messages, open)
  local all = {}
  for i, message in ipairs(messages) do all[i] = message end
  for _, call in ipairs(open or {}) do all[#all + 1] = { role = "tool", tool_call_id = call.id } end
  return history.check(all)
end

local function check_open(open)
  for _, call in ipairs(open or {}) do
    if type(call.id) ~= "string" or type(call.name) ~= "string" then
      return nil, "a waiting call has no id or no name"
    end
    if call.content ~= nil and type(call.content) ~= "string" then return nil, "a call's result is no text" end
    local nested = call.nested
    if nested and not is_list_of_tables(nested.open) and type(nested.members) ~= "table" then
      return nil, "a waiting agent has no calls"
    end
  end
  return true
end

local function check(data, messages)
  if type(data) ~= "table" or data.marea ~= "conversation" then return nil, "it is no saved conversation" end
  if data.version ~= VERSION then
    return nil, ("it is of version %s, and this is version %d"):format(tostring(data.version), VERSION)
  end
  if not is_list_of_tables(messages) then return nil, "its messages are no list of tables" end
  if data.open ~= nil and not is_list_of_tables(data.open) then
    return nil, "its waiting calls are no list of tables"
  end
  local ok, why = check_open(data.open)
  if not ok then return nil, why end
  return check_messages(messages, data.open)
end

local function mend_usage(saved)
  local out = usage.new()
  if type(saved) == "table" then usage.add(out, saved, false) end
  return out
end

--- A conversation from saved data; or nil and what is wrong with it.
---@param messages table[]|nil where the data is without them
---@return marea.agent.Talk|nil, string|nil
function talk.load(data, messages)
  messages = messages or type(data) == "table" and data.messages or nil
  local ok, why = check(data, messages)
  if not ok then return nil, why end
  data = talk.copy(data)
  return { messages = json.array(talk.copy(messages)), active = data.active, usage = mend_usage(data.usage),
    open = data.open, counters = data.counters, members = data.members, waiting = data.waiting,
    heard = data.heard, memo = type(data.memo) == "table" and data.memo or {} }
end

return talk
