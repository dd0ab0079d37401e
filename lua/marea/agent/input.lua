-- SPDX-License-Identifier: MIT
-- What may be said to an agent: what is none of it would stay in the history,
-- and fail each run that follows.

local check = require "marea.check"
local history = require "marea.agent.history"

local input = {}

local WHAT = "a text, a message or a list of messages"

local function is_message(value)
  return type(value) == "table" and type(value.role) == "string"
end

local function check_list(level, who, list)
  if list[1] == nil and next(list) ~= nil then check.fail(level + 1, who, "a message with a role", list) end
  for i, item in ipairs(list) do
    if not is_message(item) then
      check.fail(level + 1, ("%s, item %d"):format(who, i), "a message with a role", item)
    end
  end
end

--- Raises unless it is a text, a message or a list of messages, in which calls
--- have their results.
function input.check(level, who, value)
  if value == nil or type(value) == "string" then return end
  if type(value) ~= "table" then check.fail(level + 1, who, WHAT, value) end
  local list = is_message(value) and { value } or value
  check_list(level + 1, who, list)
  local ok, why = history.check(list)
  if not ok then error(("%s: %s"):format(who, why), level + 2) end
end

return input
