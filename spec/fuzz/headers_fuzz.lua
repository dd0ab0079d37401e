-- SPDX-License-Identifier: MIT
-- Fuzzes headers: any head may come, none may break its reader, and what is
-- made of it is no larger than it was. A header that may be sent is read back
-- as itself.

local core = require "marea.core"
local headers = require "marea.headers"

local function check_number(n)
  assert(n == nil or (n >= 0 and n < math.huge), n)
end

local function check_limits(h)
  local limits = headers.rate_limit(h, 1700000000)
  for _, name in ipairs { "limit", "remaining", "reset", "retry_after" } do
    check_number(limits and limits[name])
  end
end

local function check_name(h, name, value)
  assert(name == name:lower() and not name:find("[\n:]"))
  local list = type(value) == "table" and value
  assert(not list or name == "set-cookie")
  for _, one in ipairs(list or { value }) do assert(not one:find("\n") and not one:find("^[ \t]")) end
  assert(headers.get(h, name:upper()) == (list and list[1] or value))
  return #(list and table.concat(list) or value)
end

local function check_parse(raw)
  local h, status = headers.parse(raw)
  assert(status == nil or math.type(status) == "integer" or status > 2 ^ 53)
  local size = 0
  for name, value in pairs(h) do size = size + #name + check_name(h, name, value) end
  assert(size <= #raw, "more came out than went in")
  check_limits(h)
  local id = headers.request_id(h)
  assert(id == nil or (type(id) == "string" and id ~= ""))
end

local TYPE = ("\ncontent-type:"):gsub("%a", function(letter)
  return "[" .. letter .. letter:upper() .. "]"
end):gsub("%-", "%%-") .. "[ \t]*([^; \t\n\v\f\r]*)"

local function check_type(raw)
  assert(core.media_type(raw) == (raw:match(TYPE) or ""):lower())
end

local function check_check(name, value)
  local ok, message = headers.check(name, value)
  if not ok then return assert(type(message) == "string" and not message:find("[%c\127]")) end
  local line = name .. ": " .. value
  assert(not line:find("[%z\r\n]"))
  local h = headers.parse("HTTP/1.1 200 OK\r\n" .. line .. "\r\n\r\n")
  assert(headers.get(h, name) == value)
end

return function(input)
  local name, value = input:match("^([^\n]*)\n(.*)$")
  check_parse("HTTP/1.1 200 OK\r\n" .. input)
  check_parse(input)
  check_type(input)
  check_type("HTTP/1.1 200 OK\r\ncontent-type:" .. input)
  if name then check_check(name, value) end
  check_check("x-mine", input)
  check_limits { ratelimit = input, ["ratelimit-policy"] = value }
  check_limits { ["x-ratelimit-reset"] = input, ["retry-after"] = input, ["x-ratelimit-limit"] = input }
end
