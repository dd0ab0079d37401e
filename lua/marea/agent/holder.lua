-- SPDX-License-Identifier: MIT
-- What those who hold a conversation, agents and teams, have in common: one run
-- at a time has it, whole or as a stream, and they can be asked through a tool.

local check = require "marea.check"
local compat = require "marea.compat"
local Error = require "marea.error"
local events = compat.lazy "marea.agent.events"
local tool = require "marea.tool"

local holder = {}

-- By conversation: true, or the task that has it, which may have been ended
-- before it could give it back.
local busy = setmetatable({}, { __mode = "k" })

function holder.is_busy(talk)
  local by = busy[talk]
  return by == true or by ~= nil and by.status == "running"
end

--- Takes the conversation for a run; raises where another has it.
---@param self marea.Agent|marea.Team
---@param talk table
---@param level integer as for `error`, counted from the caller
function holder.take(self, talk, level)
  if holder.is_busy(talk) then error(("%s is running already"):format(tostring(self)), level + 1) end
  busy[talk] = true
end

function holder.give_back(talk)
  busy[talk] = nil
end

--- Runs `go(...)`, which has taken the conversation, and gives that back.
function holder.perform(talk, go, ...)
  local ok, result, err = pcall(go, ...)
  busy[talk] = nil
  if not ok then error(result, 0) end
  if not result then return nil, err end
  return result
end

--- A run in a task of its own, whose events are read.
---@param talk table
---@param go fun(emit: function): table|nil, marea.error|nil
---@param stopped fun(): table|nil what there is of a run that was broken off
---@return marea.AgentStream
function holder.stream(talk, go, stopped)
  local stream = events.new {
    go = go,
    started = function(task) busy[talk] = task end,
    stopped = function()
      busy[talk] = nil
      return stopped()
    end,
  }
  return stream, nil, nil, stream
end

--- Checks the options of a run; `fields` says what each is.
function holder.check_run(level, who, options, fields)
  if options ~= nil then check.value(level + 1, who .. ", options", "a table", options) end
  for name, value in pairs(options or {}) do
    if not fields[name] then error(("%s: unknown option %q"):format(who, tostring(name)), level + 2) end
    if name ~= "data" then check.value(level + 1, who .. ", " .. name, fields[name], value) end
  end
end

--- The options of a run, and whether a stream is wanted.
---@param options table|nil
---@return table options, boolean|nil streamed
function holder.split(options)
  local out = {}
  for name, value in pairs(options or {}) do out[name] = value end
  out.stream = nil
  return out, options and options.stream
end

function holder.invalid(message)
  return nil, Error.new { kind = "validation", message = message }
end

local tool_fields = { name = "a non-empty string", description = "a string", parallel = "a boolean",
  approve = "a boolean or a function" }

--- A tool that asks `self`, in a conversation of its own each time. To be called
--- by a tail call.
---@param level integer as for `error`, counted from him whose call that ends
---@param who string
---@param options marea.AsToolOptions|nil
---@return marea.Tool
function holder.as_tool(level, who, self, options)
  options = options or {}
  check.fields(level, who, options, tool_fields)
  if options.name then tool.check_name(level, who .. ", name", options.name) end
  local made = tool.new { name = options.name or tool.name_of(self.name),
    description = options.description or self.description, parameters = { input = "string" },
    run = function() end, parallel = options.parallel, approve = options.approve }
  made.agent = self
  return made
end

return holder
