-- SPDX-License-Identifier: MIT
-- A tool: a Lua function a model may call, with the schema of its arguments. It
-- is a plain table; agent/calls.lua runs it.

local check = require "marea.check"
local schema = require "marea.schema"

local tool = {}

---@class marea.Tool
---@field name string
---@field description? string
---@field parameters table JSON Schema of an object
---@field run fun(args: table, context: marea.ToolContext): any, any nil and a message where it fails
---@field approve? boolean|fun(args: table, context: marea.ToolContext): boolean must a person be asked?
---@field timeout? number|false seconds, in place of the agent's
---@field parallel? boolean false: never beside another call
---@field repeatable? boolean the same call again and again is in order, as when waiting for something
---@field max_result_size? integer bytes; what is more is cut

local fields = {
  name = "a non-empty string", description = "a string", parameters = "a table", run = "a function",
  approve = "a boolean or a function", timeout = "seconds (a number above 0), or false",
  parallel = "a boolean", repeatable = "a boolean", max_result_size = "a whole number of at least 1",
}

local MAX_NAME = 64

--- Raises unless the name is one that providers take.
function tool.check_name(level, who, name)
  if type(name) ~= "string" or #name > MAX_NAME or not name:find("^[%w_-]+$") then
    check.fail(level + 1, who, ("a name of at most %d letters, digits, _ and -"):format(MAX_NAME), name)
  end
end

--- A name that providers take, of any text; with a set of those that are `taken`, one
--- that is not, and now is.
---@param text string
---@param taken table<string, boolean>|nil
---@return string
function tool.name_of(text, taken)
  local name, n = text:sub(1, MAX_NAME):gsub("[^%w_-]", "_"), 1
  if name == "" then name = "unknown" end
  local found = name
  while taken and taken[found] do
    n = n + 1
    found = ("%s_%d"):format(name:sub(1, MAX_NAME - #tostring(n) - 1), n)
  end
  if taken then taken[found] = true end
  return found
end

local metatable = { __name = "marea.tool" }

--- Makes a table a tool that has all a tool must: its parameters are JSON Schema,
--- and stay as they are.
---@param self table
---@return marea.Tool
function tool.of(self)
  return setmetatable(self, metatable)
end

--- Makes a tool: { name =, description =, parameters =, run = }.
---@param options marea.ToolOptions parameters are a map of short forms (see schema.lua) or JSON Schema
---@return marea.Tool
function tool.new(options)
  check.fields(1, "marea.tool", options, fields)
  tool.check_name(1, "marea.tool, name", options.name)
  check.value(1, "marea.tool, run", "a function", options.run)
  local self = {}
  for key, value in pairs(options) do self[key] = value end
  self.parameters = schema.object(options.parameters, "marea.tool, parameters", 2)
  return tool.of(self)
end

---@return boolean
function tool.is(value)
  return getmetatable(value) == metatable
end

--- As the wire has it.
---@param self marea.Tool
function tool.wire(self)
  return { type = "function", ["function"] = {
    name = self.name, description = self.description, parameters = self.parameters,
  } }
end

return tool
