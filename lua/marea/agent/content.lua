-- SPDX-License-Identifier: MIT
-- What a tool returned, as the text a model is told.

local compat = require "marea.compat"
local Error = require "marea.error"
local json = require "marea.json"

local content = {}

local MAX_SIZE = 100000

--- The text, cut if it is larger than the tool's bound.
---@param text string
---@param tool marea.Tool|nil
function content.cut(text, tool)
  local most = tool and tool.max_result_size or MAX_SIZE
  if #text <= most then return text end
  return ("%s\n[cut: these are the first %d of %d bytes]"):format(compat.cut(text, most), most, #text)
end

--- The text of a value; or nil and why there is none.
---@param value any
---@return string|nil, string|nil
function content.of(value)
  if type(value) == "string" then return value ~= "" and value or "(empty)" end
  if value == nil then return "(no result)" end
  local ok, text = pcall(json.encode, value)
  if ok then return text end
  return nil, "the tool returned what can't be told as JSON: " .. content.message(text)
end

--- What an error says, without where in which file, and without a traceback.
---@param err any
---@return string
function content.message(err)
  if Error.is(err) then return tostring(err) end
  if type(err) ~= "string" then
    local ok, text = pcall(json.encode, err)
    return ok and text or tostring(err)
  end
  return (err:gsub("\nstack traceback:.*$", ""):gsub("^[^\n:]+:%d+: ", ""))
end

return content
