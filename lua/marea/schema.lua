-- SPDX-License-Identifier: MIT
-- JSON Schemas from short Lua forms: "string", "integer?", "string[]", "string|null",
-- { "number", minimum = 0, optional = true }, and { city = "string" } for an
-- object. JSON Schema itself passes through, at any depth. A table is taken for
-- JSON Schema when it has a keyword that says what a value must be (a `type`
-- that is one, an `enum`, a `$ref`...) and nothing but keywords, or is plainly
-- that of an object.

local json = require "marea.json"
local lazy = require("marea.compat").lazy
local validate = lazy "marea.schema.validate"
local inspect = lazy "marea.schema.inspect"

---@class marea.schema
local schema = {}

local types = { string = true, number = true, integer = true, boolean = true, object = true,
  array = true, null = true }

local function set(words)
  local out = {}
  for word in words:gmatch("%S+") do out[word] = true end
  return out
end

-- Keywords that alone make a table a schema, and those that go with them.
local telling = set "enum const anyOf oneOf allOf not $ref"
local keywords = set [[ type enum const anyOf oneOf allOf not if then else $ref $defs definitions $schema $id $anchor
  $comment title description default examples deprecated readOnly writeOnly format
  properties required additionalProperties patternProperties propertyNames minProperties maxProperties
  dependentRequired dependentSchemas unevaluatedProperties
  items prefixItems additionalItems contains minContains maxContains minItems maxItems uniqueItems unevaluatedItems
  minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength pattern
  contentEncoding contentMediaType nullable optional ]]

local function is_type(value)
  if type(value) ~= "table" then return types[value] == true end
  for _, name in ipairs(value) do
    if not types[name] then return false end
  end
  return value[1] ~= nil
end

--- Whether a schema's `type` is "object", or has it among others.
---@param given any
---@return boolean
function schema.names_object(given)
  if type(given) ~= "table" then return given == "object" end
  for _, name in ipairs(given) do
    if name == "object" then return true end
  end
  return false
end

local function has_properties(form)
  return type(form.properties) == "table" and form.properties[1] == nil
end

-- A key that starts with x- is somebody's own.
local function is_json_schema(form)
  if schema.names_object(form.type) and has_properties(form) then return true end
  local tells = is_type(form.type)
  for key, value in pairs(form) do
    local known = type(key) == "string" and (keywords[key] or key:find("^x%-"))
    if not known or key == "type" and not is_type(value) then return false end
    tells = tells or telling[key]
  end
  return tells
end

-- Raised anew by `guarded`, at the line of him who wrote the form.
local function fail(where, message)
  error({ form = where .. ": " .. message }, 0)
end

local expand

---- words: "string", "string[]?", "string|null" ---------------------------------

local function from_union(word, where)
  local list = json.array {}
  for name in word:gmatch("[^|]+") do
    if not types[name] then fail(where, ("%q is not a type"):format(name)) end
    list[#list + 1] = name
  end
  return { type = list[2] and list or list[1] }
end

local function from_word(word, where)
  local inner = word:match("^(.*)%[%]$")
  if inner then return { type = "array", items = from_word(inner, where) } end
  if word == "any" then return {} end
  if word == "" then fail(where, "an empty string is not a type") end
  return from_union(word, where)
end

local function without_mark(word)
  local name, marks = word:gsub("%?$", "")
  return name, marks > 0
end

---- tables ---------------------------------------------------------------------

local function sorted_keys(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

-- { city = "string", unit = "string?" }: all others are refused, and in the
-- order of their names, so that the same form is the same text each time.
local function from_map(form, where)
  local properties, required = {}, json.array {}
  for _, name in ipairs(sorted_keys(form)) do
    if type(name) ~= "string" then
      fail(where, "a property's name must be a string, not a " .. type(name))
    end
    local optional
    properties[name], optional = expand(form[name], where .. "." .. name)
    if not optional then required[#required + 1] = name end
  end
  return { type = "object", properties = properties, required = required[1] and required or nil,
    additionalProperties = false }
end

local function expand_list(list, where)
  local out = json.array {}
  for i, item in ipairs(list) do out[i] = expand(item, ("%s[%d]"):format(where, i)) end
  return out
end

-- What stands under these keys is short too, where the table around it is.
local nested = {
  items = function(value, where) return (expand(value, where)) end,
  properties = function(value, where) return from_map(value, where) end,
  anyOf = expand_list, oneOf = expand_list, allOf = expand_list, prefixItems = expand_list,
}

-- { "string", enum = { "c", "f" }, optional = true }
local function from_tuple(form, where)
  local word, optional = without_mark(form[1])
  local out = from_word(word, where)
  for key, value in pairs(form) do
    if key ~= 1 and not keywords[key] then
      fail(where, ("unknown keyword %q"):format(tostring(key)))
    end
    local within = type(value) ~= "boolean" and nested[key]
    if key == "properties" and within then
      for name, field in pairs(within(value, where)) do
        if out[name] == nil then out[name] = field end
      end
    elseif key ~= 1 then out[key] = within and within(value, where) or value end
  end
  optional, out.optional = optional or form.optional, nil
  return out, optional
end

local function from_json_schema(form)
  if form.optional == nil then return form end
  local out = {}
  for key, value in pairs(form) do out[key] = value end
  out.optional = nil
  return out, form.optional
end

-- The schema of a form, and whether it is optional where it stands.
function expand(form, where)
  if type(form) == "string" then
    local word, optional = without_mark(form)
    return from_word(word, where), optional
  end
  if type(form) ~= "table" then
    fail(where, "expected a type's name or a table, got a " .. type(form))
  end
  if type(form[1]) == "string" then return from_tuple(form, where) end
  if is_json_schema(form) then return from_json_schema(form) end
  return from_map(form, where)
end

---- what others call -------------------------------------------------------------

local function guarded(level, f, form, where)
  local ok, out = pcall(f, form, where or "marea.schema")
  if ok then return out end
  if type(out) ~= "table" then error(out, 0) end
  error(out.form, level + 1)
end

--- The JSON Schema of a short form (or of JSON Schema: itself).
---@param form string|table
---@param where string|nil what to call it in an error
---@param level integer|nil as for `error`
---@return table
function schema.new(form, where, level)
  local out = guarded((level or 1) + 1, expand, form, where)
  return out
end

local function expand_object(form, where)
  if form == nil then return { type = "object", properties = {} } end
  if type(form) ~= "table" then fail(where, "expected a table, got a " .. type(form)) end
  if form[1] == "object" then return (from_tuple(form, where)) end
  local says_object = schema.names_object(form.type) or form.type == nil and form[1] == nil
  if says_object and is_json_schema(form) then return form end
  return from_map(form, where)
end

--- The same for a tool's parameters, which are an object: a table is JSON
--- Schema only if it says so, and otherwise a map of parameters.
---@param form table|nil
---@param where string|nil what to call it in an error
---@param level integer|nil as for `error`
---@return table
function schema.object(form, where, level)
  local out = guarded((level or 1) + 1, expand_object, form, where)
  return out
end

--- Whether the value fits. Returns it, with whole numbers as integers and the
--- nulls of optional properties left out; or nil and what is wrong, a line each.
---@param value any
---@param s table JSON Schema
---@return any value, string|nil problems
function schema.check(value, s)
  return validate.check(value, s)
end

--- What of a schema `check` doesn't look at: a list of "path: keyword".
---@param s table JSON Schema
---@return string[]
function schema.unhonoured(s)
  return inspect.unhonoured(s)
end

return schema
