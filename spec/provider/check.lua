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

function check.is_one_of(list, value)
  for _, allowed in ipairs(list) do
    if allowed == value then return true end
  end
  return false
end

local function out_of_bounds(rule, value)
  if rule.one_of and not check.is_one_of(rule.one_of, value) then
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

return check
