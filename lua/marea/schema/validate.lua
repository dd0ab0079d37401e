-- SPDX-License-Identifier: MIT
-- Whether a value fits a JSON Schema. What models get wrong without meaning
-- harm is put right on the way: 3.0 for an integer is 3, a null for an optional
-- property that can't be null is left out, an empty list and an empty object
-- pass for one another. The value itself is never changed: what differs is a copy.

local json = require "marea.json"
local inspect = require "marea.schema.inspect"

local null = json.null
local huge = math.huge

local validate = {}

local MAX_PROBLEMS = 8
local MAX_COUNT = 1000000
local MAX_DEPTH = 100
local MAX_FORMS = 100     -- of one value at one place, that one schema is asked of

local visit

---- what a value is -------------------------------------------------------------

local function is_int64(value)
  return type(value) == "cdata"     -- LuaJIT's, for what a double can't hold
end

local function is_whole(value)
  return is_int64(value) or value == math.floor(value) and value > -huge and value < huge
end

local function kind_of(value)
  if value == null then return "null" end
  if type(value) == "table" then return json.is_array(value) and "array" or "object" end
  if is_int64(value) then return "number" end
  return type(value)
end

local function shown(value)
  local ok, text = pcall(json.encode, value, { sort = true })
  if not ok then return type(value) end
  return #text > 60 and text:sub(1, 57):gsub("[\128-\255]*$", "") .. "..." or text
end

local function key_of(value)
  local ok, text = pcall(json.encode, value, { sort = true })
  return ok and text:gsub("^(%-?%d+)%.0$", "%1") or tostring(value)
end

local function holds(a, b, equal)
  for key, value in pairs(a) do
    if not equal(value, b[key]) then return false end
  end
  return true
end

local function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  return (json.is_array(a) == json.is_array(b) or next(a) == nil) and holds(a, b, equal) and holds(b, a, equal)
end

-- 3.0 and 3 are equal, and yet not the same JSON.
local function differs(a, b)
  return a ~= b or math.type ~= nil and math.type(a) ~= math.type(b)
end

-- What a schema says under a keyword, if it can be used.
local function said(s, keyword)
  local value = s[keyword]
  if value == nil or inspect.unusable(keyword, value) then return nil end
  return value
end

---- telling ----------------------------------------------------------------------

local function fault(state, path, message)
  state.count = state.count + 1
  if state.count > MAX_PROBLEMS then return end
  state.problems[#state.problems + 1] = (path == "" and "" or path .. ": ") .. message
end

local function within(path, name)
  if type(name) == "number" then return ("%s[%d]"):format(path, name - 1) end
  return path == "" and name or path .. "." .. name
end

-- The value after a schema that may not fit, and whether it did. What is wrong
-- is left to the caller to tell.
local function try(state, s, value, path)
  local inner = { root = state.root, seen = state.seen, problems = {}, count = 0, depth = state.depth }
  local out = visit(inner, s, value, path)
  return inner.count == 0, out, inner
end

-- Tells what was left to the caller.
local function tell(state, inner)
  for _, problem in ipairs(inner.problems) do
    if #state.problems == MAX_PROBLEMS then break end
    state.problems[#state.problems + 1] = problem
  end
  state.count = math.min(state.count + inner.count, MAX_COUNT)
end

---- types ------------------------------------------------------------------------

-- Conversions to a type; nil where the value is not of it.
local as = {}

function as.integer(value, kind)
  if kind ~= "number" or not is_whole(value) then return nil end
  return math.tointeger and not is_int64(value) and math.tointeger(value) or value
end

function as.array(value, kind)
  if kind == "array" then return value end
  if kind == "object" and next(value) == nil then return json.array {} end
end

function as.object(value, kind)
  if kind == "object" then return value end
  if kind == "array" and next(value) == nil then return {} end
end

local function convert(value, kind, name)
  if as[name] then return as[name](value, kind) end
  if kind == name then return value end
end

local function names_in(wanted)
  local names = {}
  for i, name in ipairs(type(wanted) == "table" and wanted or { wanted }) do names[i] = tostring(name) end
  return names
end

local function check_type(state, wanted, value, path)
  local kind, names = kind_of(value), names_in(wanted)
  for _, name in ipairs(names) do
    local converted = convert(value, kind, name)
    if converted ~= nil then return converted end
  end
  fault(state, path, ("expected %s, got %s"):format(table.concat(names, " or "), shown(value)))
end

---- numbers and strings --------------------------------------------------------

local function is_beyond(value)
  return not is_int64(value) and (value < -2 ^ 63 or value >= 2 ^ 63)
end

-- LuaJIT compares a 64-bit integer with a number as two such, also where the
-- number is beyond them.
local function comparable(a, b)
  if is_beyond(a) or is_beyond(b) then return tonumber(a), tonumber(b) end
  return a, b
end

local function bound(words, fits)
  return function(state, limit, value, path)
    if fits(comparable(value, limit)) then return end
    fault(state, path, ("must be %s %s, is %s"):format(words, shown(limit), shown(value)))
  end
end

-- The whole number, where it is one of which nothing was lost; or nil.
local function exactly(value)
  if is_int64(value) then return value end
  if math.tointeger then return math.tointeger(value) end
  return is_whole(value) and math.abs(value) <= 2 ^ 53 and value or nil
end

local function is_multiple(value, step)
  local whole, by = exactly(value), exactly(step)
  if whole and by and by ~= 0 then return whole % by == 0 end
  local times = tonumber(value) / tonumber(step)
  return math.abs(times - math.floor(times + 0.5)) < 1e-9 * math.max(1, math.abs(times))
end

-- Lists, so that what is wrong is told in the same order each time.
local numbers = {
  { "minimum", bound("at least", function(v, limit) return v >= limit end) },
  { "maximum", bound("at most", function(v, limit) return v <= limit end) },
  { "exclusiveMinimum", bound("more than", function(v, limit) return v > limit end) },
  { "exclusiveMaximum", bound("less than", function(v, limit) return v < limit end) },
  { "multipleOf", bound("a multiple of", is_multiple) },
}

local function length(s)
  return select(2, s:gsub("[^\128-\191]", ""))
end

-- As the count of what, in which direction.
local function counted(what, count, least)
  return function(state, limit, value, path)
    local n = count(value)
    if least and n >= limit or not least and n <= limit then return end
    fault(state, path, ("must have at %s %s %s, has %d"):format(least and "least" or "most",
      shown(limit), what, n))
  end
end

local function check_pattern(state, pattern, value, path)
  local matches = inspect.pattern(pattern)
  if matches and not matches(value) then
    fault(state, path, ("must match %s, is %s"):format(pattern, shown(value)))
  end
end

local strings = {
  { "minLength", counted("characters", length, true) },
  { "maxLength", counted("characters", length, false) },
  { "pattern", check_pattern },
}

---- arrays -----------------------------------------------------------------------

local function items_of(s)
  local tuple = said(s, "prefixItems")
  if json.is_array(s.items) then return s.items, s.additionalItems end   -- before 2020-12
  return tuple or {}, s.items
end

local function copy(t)
  local out = {}
  for key, value in pairs(t) do out[key] = value end
  return out
end

local function visit_items(state, s, list, path)
  local tuple, rest = items_of(s)
  local out
  for i = 1, #list do
    local item, value = tuple[i], nil
    if item == nil then item = rest end
    if item ~= nil then value = visit(state, item, list[i], within(path, i)) end
    if value ~= nil and differs(value, list[i]) then
      out = out or json.array(copy(list))
      out[i] = value
    end
  end
  return out or list
end

local function size(list) return #list end

local function check_unique(state, wanted, list, path)
  local seen = {}
  for i = 1, wanted and #list or 0 do
    local key = key_of(list[i])
    if seen[key] then
      return fault(state, path, ("items must differ: %d and %d don't"):format(seen[key] - 1, i - 1))
    end
    seen[key] = i
  end
end

local function check_contains(state, s, list, path, whole)
  local n = 0
  for i = 1, #list do n = n + (try(state, s, list[i], path) and 1 or 0) end
  local least, most = said(whole, "minContains") or 1, said(whole, "maxContains") or huge
  if n < least or n > most then fault(state, path, ("%d items are as some must be"):format(n)) end
end

local arrays = {
  { "minItems", counted("items", size, true) },
  { "maxItems", counted("items", size, false) },
  { "uniqueItems", check_unique },
  { "contains", check_contains },
}

---- objects ----------------------------------------------------------------------

local function sorted(t)
  local keys = {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function is_required(s, name)
  for _, required in ipairs(said(s, "required") or {}) do
    if required == name then return true end
  end
  return false
end

-- The schemas that say what stands under a name: a list, or false if the
-- object must have nothing of that name.
local function schemas_for(s, name)
  local found, properties = {}, said(s, "properties")
  if properties then found[1] = properties[name] end
  for pattern, inner in pairs(said(s, "patternProperties") or {}) do
    local matches = inspect.pattern(pattern)
    if matches and matches(name) then found[#found + 1] = inner end
  end
  if found[1] ~= nil or s.additionalProperties == nil then return found end
  if s.additionalProperties == false then return false end
  return { s.additionalProperties }
end

local function is_idle_null(state, s, name)
  if is_required(s, name) then return false end
  local list = schemas_for(s, name)
  return list and list[1] ~= nil and not try(state, list[1], null, name)
end

-- A model that has nothing to say of an optional property says null.
local function without_idle_nulls(state, s, object)
  local out
  for name, value in pairs(object) do
    if value == null and is_idle_null(state, s, tostring(name)) then
      out = out or copy(object)
      out[name] = nil
    end
  end
  return out or object
end

local function visit_property(state, s, name, value, path)
  local list = schemas_for(s, name)
  if not list then fault(state, path, ("unknown property %q"):format(name)) end
  for _, inner in ipairs(list or {}) do
    local converted = visit(state, inner, value, within(path, name))
    if converted ~= nil then value = converted end
  end
  return value
end

local function visit_properties(state, s, object, path)
  local out
  for _, name in ipairs(sorted(object)) do
    local value = object[name]
    local converted = visit_property(state, s, tostring(name), value, path)
    if differs(converted, value) then
      out = out or copy(object)
      out[name] = converted
    end
  end
  return out or object
end

local function count_keys(object)
  local n = 0
  for _ in pairs(object) do n = n + 1 end
  return n
end

local function check_required(state, names, object, path)
  for _, name in ipairs(names) do
    if object[name] == nil then fault(state, path, ("%q is missing"):format(tostring(name))) end
  end
end

local function check_names(state, s, object, path)
  for _, name in ipairs(sorted(object)) do visit(state, s, name, within(path, tostring(name))) end
end

local function check_dependent(state, map, object, path)
  for _, name in ipairs(sorted(map)) do
    if object[name] ~= nil and type(map[name]) == "table" then check_required(state, map[name], object, path) end
  end
end

local objects = {
  { "required", check_required },
  { "minProperties", counted("properties", count_keys, true) },
  { "maxProperties", counted("properties", count_keys, false) },
  { "propertyNames", check_names },
  { "dependentRequired", check_dependent },
}

---- combining --------------------------------------------------------------------

local function tell_closest(state, path, what, closest)
  local first = closest and closest.problems[1]
  fault(state, path, what .. (first and " (" .. first .. ")" or ""))
end

-- How many of the alternatives fit, and the value after the first that did.
local function try_all(state, list, value, path, enough)
  local n, out, closest = 0, value, nil
  for _, s in ipairs(list) do
    local ok, converted, inner = try(state, s, value, path)
    if ok then
      n = n + 1
      if n == 1 then out = converted end
      if n == enough then break end
    elseif not closest or inner.count < closest.count then closest = inner end
  end
  return n, out, closest
end

local combine = {}

function combine.anyOf(state, list, value, path)
  local n, out, closest = try_all(state, list, value, path, 1)
  if n == 0 then tell_closest(state, path, "fits none of the alternatives", closest) end
  return out
end

function combine.oneOf(state, list, value, path)
  local n, out, closest = try_all(state, list, value, path, 2)
  if n == 0 then tell_closest(state, path, "fits none of the alternatives", closest) end
  if n > 1 then fault(state, path, "fits more than one of the alternatives") end
  return out
end

function combine.allOf(state, list, value, path)
  for _, s in ipairs(list) do
    local converted = visit(state, s, value, path)
    if converted ~= nil then value = converted end
  end
  return value
end

combine["not"] = function(state, s, value, path)
  if try(state, s, value, path) then fault(state, path, "is what it must not be") end
  return value
end

combine["if"] = function(state, s, value, path, whole)
  local branch = whole[try(state, s, value, path) and "then" or "else"]
  if branch == nil then return value end
  return visit(state, branch, value, path)
end

-- What is known of a schema at a place: for each form the value had there, what
-- came of it.
local function known(state, s, path)
  local places = state.seen[s] or {}
  local list = places[path] or {}
  state.seen[s], places[path] = places, list
  return list
end

local function recall(list, value)
  for _, entry in ipairs(list) do
    if not differs(entry.value, value) then return entry end
  end
end

local function try_anew(state, s, value, path, list)
  local entry, _ = { value = value }, nil
  list[#list + 1] = entry
  _, entry.out, entry.inner = try(state, s, value, path)
  return entry
end

-- Only by references does one schema come twice to the same value. It is looked
-- at once: alternatives of alternatives would take for ever. A reference that
-- leads back to where it stands, with the value as it was, leads nowhere.
combine["$ref"] = function(state, ref, value, path)
  local s = inspect.resolve(state.root, ref)
  if s == nil then return value end      -- `unhonoured` names it
  local list = known(state, s, path)
  local entry = recall(list, value) or #list < MAX_FORMS and try_anew(state, s, value, path, list)
  if not entry or not entry.inner then
    fault(state, path, "nested too deeply")
    return value
  end
  tell(state, entry.inner)
  return entry.out
end

local order = { "$ref", "allOf", "anyOf", "oneOf", "not", "if" }

---- one schema -------------------------------------------------------------------

local function check_enum(state, list, value, path)
  local words = {}
  for i, item in ipairs(list) do
    if equal(item, value) then return item end
    words[i] = shown(item)
  end
  fault(state, path, ("expected one of %s, got %s"):format(table.concat(words, ", "), shown(value)))
end

-- By kind of value: what is checked of it, and what looks inside.
local checks = { number = numbers, string = strings, array = arrays, object = objects }
local inside = { array = visit_items, object = visit_properties }

local function check_kind(state, s, value, path)
  local kind = kind_of(value)
  if kind == "object" then value = without_idle_nulls(state, s, value) end
  for _, item in ipairs(checks[kind] or {}) do
    local wanted = said(s, item[1])
    if wanted ~= nil then item[2](state, wanted, value, path, s) end
  end
  return inside[kind] and inside[kind](state, s, value, path) or value
end

local function visit_table(state, s, value, path)
  local wanted, enum = said(s, "type"), said(s, "enum")
  if wanted then
    value = check_type(state, s.nullable == true and value == null and "null" or wanted, value, path)
    if value == nil then return nil end
  end
  if enum then check_enum(state, enum, value, path) end
  if s.const ~= nil and not equal(s.const, value) then
    fault(state, path, ("must be %s, is %s"):format(shown(s.const), shown(value)))
  end
  value = check_kind(state, s, value, path)
  for _, keyword in ipairs(order) do
    local how = said(s, keyword)
    if how ~= nil and value ~= nil then value = combine[keyword](state, how, value, path, s) end
  end
  return value
end

-- The value as the schema has it; what is wrong is told to `state`.
function visit(state, s, value, path)
  if s == false then fault(state, path, "nothing may stand here") end
  if type(s) ~= "table" then return value end
  if state.depth >= MAX_DEPTH then
    fault(state, path, "nested too deeply")
    return value
  end
  state.depth = state.depth + 1
  local out = visit_table(state, s, value, path)
  state.depth = state.depth - 1
  return out
end

--- The value, put right where it can be; or nil and what is wrong, a line each.
---@param value any
---@param s table|boolean JSON Schema
---@return any value, string|nil problems
function validate.check(value, s)
  local state = { root = s, seen = {}, problems = {}, count = 0, depth = 0 }
  local out = visit(state, s, value, "")
  if state.count == 0 then return out end
  local more = state.count - #state.problems
  if more > 0 then state.problems[#state.problems + 1] = ("and %d more"):format(more) end
  return nil, table.concat(state.problems, "\n")
end

return validate
