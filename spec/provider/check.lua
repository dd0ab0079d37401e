-- SPDX-License-Identifier: MIT
-- What a request must hold, as lists of rules: { name, kind, required =, min =,
-- max =, one_of =, only = }. A kind is a name from the table below, or a
-- function of the value and the request that says what is wrong with it.
-- Each check gives nil, or a fault for the scenario's error form.

local json = require("provider.json")

local check = {}

local function is_list(value)
  return type(value) == "table" and (#value > 0 or next(value) == nil)
end

local function is_object(value)
  return type(value) == "table" and #value == 0
end

local function is_integer(value)
  return type(value) == "number" and math.floor(value) == value
end

local function all(list, is)
  if not is_list(list) then return false end
  for _, item in ipairs(list) do
    if not is(item) then return false end
  end
  return true
end

local function is_string(value) return type(value) == "string" end

check.is_list, check.is_object = is_list, is_object

local kinds = {
  ["a string"] = is_string,
  ["a number"] = function(value) return type(value) == "number" end,
  ["an integer"] = is_integer,
  ["a boolean"] = function(value) return type(value) == "boolean" end,
  ["an object"] = is_object,
  ["a list"] = is_list,
  ["a list of integers"] = function(value) return all(value, is_integer) end,
  ["a list of strings"] = function(value) return all(value, is_string) end,
  ["a string or an object"] = function(value)
    return is_string(value) or is_object(value)
  end,
  ["a string or a list"] = function(value)
    return is_string(value) or is_list(value)
  end,
  ["an object or a list"] = function(value) return type(value) == "table" end,
  ["a text or texts"] = function(value)
    return is_string(value) or all(value, is_string) and #value > 0
  end,
  ["a numeral"] = function(value) return tonumber(value) ~= nil end,
}

function check.bad(message, param)
  return { status = 400, message = message, type = "invalid_request_error",
    param = param }
end

local function wrong_kind(kind, value, request)
  if type(kind) == "function" then return kind(value, request) end
  if kinds[kind](value) then return nil end
  return "must be " .. kind
end

local function is_one_of(list, value)
  for _, allowed in ipairs(list) do
    if allowed == value then return true end
  end
  return false
end

local function out_of_bounds(rule, value)
  if rule.one_of and not is_one_of(rule.one_of, value) then
    return "must be one of " .. table.concat(rule.one_of, ", ")
  end
  local number = tonumber(value)
  if rule.min and number < rule.min then return "must be >= " .. rule.min end
  if rule.max and number > rule.max then return "must be <= " .. rule.max end
end

local function broken(rule, value, request)
  local wrong = wrong_kind(rule[2], value, request)
    or out_of_bounds(rule, value)
  if wrong then return check.bad("`" .. rule[1] .. "` " .. wrong, rule[1]) end
end

local function given(fields, name)
  local value = fields[name]
  if value ~= json.null then return value end
end

-- What is missing is said before what is wrong.
function check.fields(fields, rules, request)
  for _, rule in ipairs(rules) do
    if rule.required and given(fields, rule[1]) == nil then
      return check.bad("Field required: " .. rule[1], rule[1])
    end
  end
  for _, rule in ipairs(rules) do
    local value = given(fields, rule[1])
    local fault = value ~= nil and broken(rule, value, request)
    if fault then return fault end
  end
end

-- The fields that have a rule, for those who ignore all others.
function check.known(fields, rules)
  local out = {}
  for _, rule in ipairs(rules) do out[rule[1]] = fields[rule[1]] end
  return out
end

---- kinds of their own ------------------------------------------------------

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
  if not is_one_of(roles, message.role) then return "has an unknown role" end
  if message.role == "tool" and not calls[message.tool_call_id or false] then
    return "has a tool_call_id that no call before it has"
  end
  return content_fault(message) or note_calls(message, calls)
end

local ROLES = { "system", "user", "assistant", "tool" }

function check.messages(messages)
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
function check.tools(tools, request)
  if not is_list(tools) then return "must be a list" end
  if request.body:find('"properties"%s*:%s*%[') then
    return "holds properties that are a list"
  end
  for _, tool in ipairs(tools) do
    local wrong = tool_fault(tool)
    if wrong then return wrong end
  end
end

function check.response_format(format)
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
function check.loose_messages(messages)
  if not is_list(messages) or #messages == 0 then
    return "must be a list with at least one message"
  end
  for i, message in ipairs(messages) do
    if type(message) ~= "table" or not is_string(message.role) then
      return "[" .. (i - 1) .. "] has no role"
    end
  end
end

function check.prompt(prompt)
  if type(prompt) == "table" then prompt = prompt[1] end
  if not is_string(prompt) then return "must be a string" end
end

function check.input(input)
  if is_string(input) or is_list(input) and #input > 0 then return nil end
  return "must be a string or a list that is not empty"
end

return check
