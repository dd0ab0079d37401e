-- SPDX-License-Identifier: MIT
-- What callers put into URLs, encoded: query parameters, and segments of paths.

local compat = require "marea.compat"
local url = require "marea.url"

local query = {}

local function encode(s, keep)
  return (s:gsub("[^%w" .. keep .. "]", function(c) return ("%%%02X"):format(c:byte()) end))
end

-- What a path segment may hold as it is (RFC 3986, pchar), so that `gpt-oss:20b`
-- stays readable. `%%` and `/` are not in it.
local SEGMENT = "%-._~!$&'()*+,;=:@"

local function segment_text(value)
  if type(value) == "number" and compat.is_integer(value) then return ("%d"):format(value) end
  if type(value) ~= "string" then return nil, "must be a string, not " .. type(value) end
  if value == "" then return nil, "must not be empty" end
  if value:find("%z") then return nil, "must not hold a NUL byte" end
  -- Servers and proxies resolve these, and the request would end up elsewhere.
  if value == "." or value == ".." then return nil, "must not be " .. url.show(value) end
  return value
end

--- Encodes one path parameter (a model's id, say); raises where it can't be one.
---@param value string|integer
---@param name? string how to call it in a message
---@param level? integer as for `error`, counted from the caller
---@return string
function query.segment(value, name, level)
  local text, message = segment_text(value)
  if not text then error((name or "path segment") .. " " .. message, (level or 1) + 1) end
  return encode(text, SEGMENT)
end

local function number_text(n)
  if compat.is_integer(n) and math.abs(n) < 2 ^ 53 then return ("%d"):format(n) end
  return (("%.17g"):format(n):gsub(",", "."))
end

local function scalar_text(key, value)
  local kind = type(value)
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("query parameter " .. url.show(key) .. " is not a finite number", 0)
    end
    return number_text(value)
  end
  if kind ~= "string" then error("query parameter " .. url.show(key) .. " can't be a " .. kind, 0) end
  if value:find("%z") then error("query parameter " .. url.show(key) .. " holds a NUL byte", 0) end
  return value
end

local function add_pair(out, key, value)
  if value == nil or compat.is_null(value) then return end
  out[#out + 1] = encode(key, "%-._~") .. "=" .. encode(scalar_text(key, value), "%-._~")
end

local function is_list(t)
  local count = 0
  for _ in pairs(t) do count = count + 1 end
  return count == #t
end

local function add_parameter(out, key, value)
  if type(key) ~= "string" or key == "" or key:find("%z") then
    error("query parameters are named by strings", 0)
  end
  if type(value) ~= "table" then return add_pair(out, key, value) end
  if not is_list(value) then
    error("query parameter " .. url.show(key) .. " must be a plain value or a list of them", 0)
  end
  for i = 1, #value do add_pair(out, key, value[i]) end
end

local function build_query(t)
  local keys, out = {}, {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, #keys do add_parameter(out, keys[i], t[keys[i]]) end
  return table.concat(out, "&")
end

--- Encodes a table of query parameters, keys in order. A list repeats its key;
--- JSON's null leaves its key out.
---@param t table|nil
---@param level? integer as for `error`, counted from the caller
---@return string without the "?"
function query.encode(t, level)
  if t == nil then return "" end
  if type(t) ~= "table" then error("query must be a table, not " .. type(t), (level or 1) + 1) end
  local ok, result = pcall(build_query, t)
  if not ok then error(result, (level or 1) + 1) end
  return result
end

-- The parameters in `text` that `t` doesn't name anew.
local function keep_parameters(out, text, t)
  for pair in (text or ""):gmatch("[^&]+") do
    local name = url.decode(pair:match("^[^=]*"))
    if not t or t[name] == nil then out[#out + 1] = pair end
  end
end

--- The query of a URL: a base's, a path's, and parameters, with the "?", or "".
---@param base_query string|nil
---@param path_query string|nil
---@param t table|nil
---@param level integer as for `error`, counted from the caller
---@return string
function query.join(base_query, path_query, t, level)
  local out = {}
  keep_parameters(out, base_query, t)
  keep_parameters(out, path_query, t)
  local own = query.encode(t, level + 1)
  if own ~= "" then out[#out + 1] = own end
  if #out == 0 then return "" end
  return "?" .. table.concat(out, "&")
end

return query
