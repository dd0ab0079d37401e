-- SPDX-License-Identifier: MIT
-- Checks of what the caller wrote. Each raises at the caller's line, naming
-- the value and what was expected.

local check = {}

local function describe(value)
  if type(value) == "number" or type(value) == "boolean" then return tostring(value) end
  if value == "" then return "an empty string" end
  if type(value) == "table" and next(value) == nil then return "an empty table" end
  return type(value)
end

--- Raises `name: expected ..., got ...`. Levels count as for `error`, from the
--- function that calls this module.
function check.fail(level, name, expected, value)
  error(("%s: expected %s, got %s"):format(name, expected, describe(value)), level + 2)
end

local tests = {
  ["a non-empty string"] = function(v) return type(v) == "string" and v ~= "" end,
  ["a non-empty string or a table"] = function(v) return type(v) == "table" or type(v) == "string" and v ~= "" end,
  ["a number"] = function(v) return type(v) == "number" and v == v end,
  ["a number of at least 0"] = function(v) return type(v) == "number" and v >= 0 end,
  ["a whole number of at least 1, or false"] = function(v)
    return v == false or type(v) == "number" and v >= 1 and v == math.floor(v) and v < math.huge
  end,
  ["a number of seconds"] = function(v) return type(v) == "number" and v == v end,
  ["a number of seconds or a table"] = function(v)
    return type(v) == "table" or type(v) == "number" and v > 0
  end,
  ["seconds (a number above 0), or false"] = function(v)
    return v == false or type(v) == "number" and v > 0 and v == v
  end,
  ["a whole number of at least 0"] = function(v)
    return type(v) == "number" and v >= 0 and v == math.floor(v) and v < math.huge
  end,
  ["a whole number of at least 1"] = function(v)
    return type(v) == "number" and v >= 1 and v == math.floor(v) and v < math.huge
  end,
}

-- All others are types: "a string", or "a string or a function".
setmetatable(tests, { __index = function(_, expected)
  local one, other = expected:match("^an? (%l+)$"), nil
  if not one then one, other = expected:match("^an? (%l+) or an? (%l+)$") end
  local function test(v) return type(v) == one or type(v) == other end
  tests[expected] = assert(one, expected) and test
  return test
end })

--- Whether a value passes the named test.
---@return boolean
function check.is(expected, value)
  return tests[expected](value) == true
end

--- value must pass the named test.
function check.value(level, name, expected, value)
  if not tests[expected](value) then check.fail(level + 1, name, expected, value) end
end

local function known_names(form)
  local names = {}
  for name in pairs(form) do names[#names + 1] = name end
  table.sort(names)
  return table.concat(names, ", ")
end

--- Every key of t must be in the form (key -> what is expected), and fit it.
---@param more? fun(subject: any): string goes on with the list of what is known
function check.fields(level, who, t, form, more, subject)
  if type(t) ~= "table" then check.fail(level + 1, who, "a table", t) end
  for key, value in pairs(t) do
    local expected = form[key]
    if not expected then
      error(("%s: unknown option %q (known: %s%s)"):format(who, tostring(key), known_names(form),
        more and more(subject) or ""), level + 2)
    end
    check.value(level + 1, who .. ", " .. key, expected, value)
  end
end

return check
