-- SPDX-License-Identifier: MIT
-- The little JSON the benchmarks pass around: one object to a line, with
-- strings free of quotes and numbers as values. It isn't marea's, so that
-- the runner works before marea is built and measures nothing of it.

local flat = {}

--- Decodes the one object in a line.
---@param line string
---@return table<string, string|number>
function flat.decode(line)
  local t = {}
  for name, value in line:gmatch('"([%w_]+)":%s*(-?%d[%d.e+-]*)') do
    t[name] = tonumber(value)
  end
  for name, value in line:gmatch('"([%w_]+)":%s*"([^"]*)"') do
    t[name] = value
  end
  return t
end

--- Encodes an object as one line, its names in order.
---@param t table<string, string|number>
---@return string
function flat.encode(t)
  local fields = {}
  for name, value in pairs(t) do
    local form = type(value) == "number" and '"%s":%.10g' or '"%s":"%s"'
    if type(value) == "string" then value = value:gsub('[%c"\\]', " ") end
    fields[#fields + 1] = form:format(name, value)
  end
  table.sort(fields)
  return "{" .. table.concat(fields, ",") .. "}"
end

return flat
