-- SPDX-License-Identifier: MIT
-- What the larger parameters must look like: messages, tools, formats, inputs.
-- Kinds for the rules of check.lua: each says what is wrong with a value.

local check = require("provider.check")
local json = require("provider.json")

local is_list, is_object = check.is_list, check.is_object

local kinds = {}

local function is_string(value) return type(value) == "string" end

local function image_fault(part)
  local image = part.image_url
  local url = is_object(image) and image.url
  if not is_string(url) then return "has a part without image_url.url" end
  if not url:find("^https?://") and not url:find("^data:image/") then
    return "has an image_url that is neither http nor a data URL"
  end
end

local function part_fault(part)
  if type(part) ~= "table" then return "has a part that is no object" end
  if part.type == "image_url" then return image_fault(part) end
  if part.type == "text" then
    return not is_string(part.text) and "has a text part without text" or nil
  end
  return "has a part of unknown type " .. tostring(part.type)
end

local function content_fault(message)
  local content = message.content
  if is_string(content) then return nil end
  if content == nil or content == json.null then
    return not message.tool_calls and "has no content" or nil
  end
  if not is_list(content) then return "has content of a wrong type" end
  for _, part in ipairs(content) do
    local wrong = part_fault(part)
    if wrong then return wrong end
  end
end

local function note_calls(message, calls)
  if message.tool_calls == nil then return nil end
  if not is_list(message.tool_calls) then return "has no list of tool_calls" end
  for _, call in ipairs(message.tool_calls) do
    local made = type(call) == "table" and call["function"]
    if type(made) ~= "table" or not is_string(call.id)
      or not is_string(made.name) or not is_string(made.arguments) then
      return "has a tool call that is not whole"
    end
    calls[call.id] = true
  end
end

local function message_fault(message, roles, calls)
  if type(message) ~= "table" or not is_string(message.role) then
    return "has no role"
  end
  if not check.is_one_of(roles, message.role) then return "has an unknown role" end
  if message.role == "tool" and not calls[message.tool_call_id or false] then
    return "has a tool_call_id that no call before it has"
  end
  return content_fault(message) or note_calls(message, calls)
end

local ROLES = { "system", "user", "assistant", "tool" }

function kinds.messages(messages)
  if not is_list(messages) or #messages == 0 then
    return "must be a list with at least one message"
  end
  local calls = {}
  for i, message in ipairs(messages) do
    local wrong = message_fault(message, ROLES, calls)
    if wrong then return "[" .. (i - 1) .. "] " .. wrong end
  end
end

local function tool_fault(tool)
  local described = type(tool) == "table" and tool["function"]
  if type(described) ~= "table" or tool.type ~= "function" then
    return "holds what is no function"
  end
  if not is_string(described.name) or not described.name:find("^[%w_-]+$") then
    return "holds a function without a name"
  end
  local parameters = described.parameters
  if parameters ~= nil and not is_object(parameters) then
    return "holds parameters that are no schema"
  end
end

-- Decoded, an empty list and an empty object look alike.
function kinds.tools(tools, request)
  if not is_list(tools) then return "must be a list" end
  if request.body:find('"properties"%s*:%s*%[') then
    return "holds properties that are a list"
  end
  for _, tool in ipairs(tools) do
    local wrong = tool_fault(tool)
    if wrong then return wrong end
  end
end

function kinds.response_format(format)
  local kind = is_object(format) and format.type
  if kind == "text" or kind == "json_object" then return nil end
  if kind ~= "json_schema" then return "has an unknown type" end
  local described = format.json_schema
  if not is_object(described) or not is_string(described.name) then
    return "has a json_schema without a name"
  end
  if not is_object(described.schema) then
    return "has a json_schema without a schema"
  end
end

-- What holds everywhere: lists of messages whose roles are strings.
function kinds.loose_messages(messages)
  if not is_list(messages) or #messages == 0 then
    return "must be a list with at least one message"
  end
  for i, message in ipairs(messages) do
    if type(message) ~= "table" or not is_string(message.role) then
      return "[" .. (i - 1) .. "] has no role"
    end
  end
end

function kinds.prompt(prompt)
  if type(prompt) == "table" then prompt = prompt[1] end
  if not is_string(prompt) then return "must be a string" end
end

function kinds.input(input)
  if is_string(input) or is_list(input) and #input > 0 then return nil end
  return "must be a string or a list that is not empty"
end

return kinds
