-- SPDX-License-Identifier: MIT
-- What of a schema the validator can use: its patterns, compiled, its local
-- references, and a list of the keywords it doesn't look at.

local regex = require "marea.schema.regex"

local inspect = {}

local MAX_KEPT = 256

local patterns, kept = {}, 0     -- text -> function, or false where it can't be

--- A function that tells whether the pattern is found in a string; nil where it
--- can't be honoured, and why.
---@param text any
---@return (fun(s: string): boolean)|nil, string|nil
function inspect.pattern(text)
  if type(text) ~= "string" then return nil, "it is no string" end
  local found = patterns[text]
  if found == nil then
    if kept >= MAX_KEPT then patterns, kept = {}, 0 end
    local matches, why = regex.compile(text)
    found = { matches = matches, why = why }
    patterns[text], kept = found, kept + 1
  end
  return found.matches, found.why
end

-- ~1 is a slash and ~0 a tilde; in a reference, also %25 is a percent sign.
local function decode_step(step)
  step = step:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  return (step:gsub("~1", "/"):gsub("~0", "~"))
end

--- The schema a local reference ("#/$defs/name", "#") means, or nil.
---@param root table
---@param ref any
---@return table|boolean|nil
function inspect.resolve(root, ref)
  local path = type(ref) == "string" and ref:match("^#(.*)$")
  if not path or path ~= "" and path:sub(1, 1) ~= "/" then return nil end
  local at = root
  for step in path:gmatch("/([^/]*)") do
    if type(at) ~= "table" then return nil end
    local name = decode_step(step)
    local value = at[name]
    if value == nil and name:find("^%d+$") then value = at[tonumber(name) + 1] end
    at = value
  end
  return at
end

---- keywords that say nothing ------------------------------------------------------

local function set(words)
  local out = {}
  for word in words:gmatch("%S+") do out[word] = true end
  return out
end

local numbers = set [[ minimum maximum exclusiveMinimum exclusiveMaximum multipleOf minLength maxLength minItems
  maxItems minProperties maxProperties minContains maxContains ]]
local tables = set [[ enum required properties patternProperties $defs definitions prefixItems dependentRequired
  anyOf oneOf allOf ]]

--- Why a keyword's value can't be used, or nil. Programs that write schemas leave
--- nulls in them, and older drafts have other kinds of value.
---@return string|nil
function inspect.unusable(keyword, value)
  local kind = type(value)
  if numbers[keyword] and kind ~= "number" and kind ~= "cdata" then return "it is no number" end
  if tables[keyword] and kind ~= "table" then return "it is no list and no object" end
  if keyword == "type" and kind ~= "string" and kind ~= "table" then return "it is no name" end
end

---- what is not looked at ----------------------------------------------------------

local one = set "items additionalProperties additionalItems propertyNames contains not if then else"
local list = set "anyOf oneOf allOf prefixItems"
local map = set "properties patternProperties $defs definitions"
local honoured = set [[ type nullable enum const required dependentRequired minProperties maxProperties minItems
  maxItems uniqueItems minContains maxContains minimum maximum exclusiveMinimum exclusiveMaximum multipleOf
  minLength maxLength ]]
local annotations = set [[ title description default examples deprecated readOnly writeOnly $schema $id $comment ]]

local walk

local function note(found, path, keyword, why)
  found[#found + 1] = (path == "" and "" or path .. ": ") .. keyword .. (why and " (" .. why .. ")" or "")
end

local function check_pattern(found, path, keyword, text)
  local matches, why = inspect.pattern(text)
  if not matches then note(found, path, ("%s %s"):format(keyword, tostring(text)), why) end
end

local special = {
  pattern = function(found, path, value) check_pattern(found, path, "pattern", value) end,
  ["$ref"] = function(found, path, value, root)
    if inspect.resolve(root, value) == nil then note(found, path, "$ref " .. tostring(value)) end
  end,
}

local function walk_map(found, path, value, root, keyword)
  for name, inner in pairs(value) do
    if keyword == "patternProperties" then check_pattern(found, path, keyword, name) end
    walk(found, path == "" and tostring(name) or path .. "." .. tostring(name), inner, root)
  end
end

local function walk_keyword(found, path, keyword, value, root)
  local why = inspect.unusable(keyword, value)
  if why then return note(found, path, keyword, why) end
  if special[keyword] then return special[keyword](found, path, value, root) end
  if map[keyword] then return walk_map(found, path, value, root, keyword) end
  if list[keyword] or keyword == "items" and type(value) == "table" and value[1] ~= nil then
    for _, inner in ipairs(value) do walk(found, path, inner, root) end
  elseif one[keyword] then walk(found, path, value, root)
  elseif not honoured[keyword] and not annotations[keyword] and not tostring(keyword):find("^x%-") then
    note(found, path, tostring(keyword))
  end
end

function walk(found, path, s, root)
  if type(s) ~= "table" then return end
  for keyword, value in pairs(s) do walk_keyword(found, path, keyword, value, root) end
end

--- The keywords nobody looks at when a value is checked, each as "path: keyword".
---@param s table JSON Schema
---@return string[]
function inspect.unhonoured(s)
  local found = {}
  walk(found, "", s, s)
  table.sort(found)
  return found
end

return inspect
