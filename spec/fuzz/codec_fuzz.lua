-- SPDX-License-Identifier: MIT
-- Fuzzes the JSON codec as Lua sees it: any text gives a value or a message
-- that says where it is wrong, and what was decoded encodes to a text that means
-- the same. Values made of the input, too, come back as they were.

local grow = require "grow"
local json = require "marea.json"

local function same(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then
    return a == b and math.type(a) == math.type(b)
  end
  if getmetatable(a) ~= getmetatable(b) then return false end
  for k, v in next, a do if not same(v, b[k]) then return false end end
  for k in next, b do if a[k] == nil then return false end end
  return true
end

local function check_text(text, options)
  local value, message = json.decode(text, options)
  if value == nil then
    return assert(message:find("^[%w ]+ at byte %d+") and not message:find("[^\32-\126]"))
  end
  return value
end

-- Bytes that are no UTF-8 are replaced when written: after that nothing changes.
local function check_again(value)
  local once = json.encode(value, { sort = true })
  local first = json.decode(once)
  assert(first ~= nil, "what was written is not JSON")
  local twice = json.encode(first, { sort = true })
  assert(once == twice, "written in another way")
  assert(same(first, json.decode(twice)))
  assert(same(json.decode(json.encode(value)), first) or once:find("\239\191\189", 1, true))
end

return function(input)
  local value = check_text(input)
  if value ~= nil then check_again(value) end
  check_text(input, 1 + (input:byte(1) or 0) % 8)
  check_text('{"data":[{"embedding":' .. input .. "}]}", { vectors = true })
  check_again(grow.value(grow.chooser(input)))
  check_again { [input] = { input, input:sub(1, 8) } }
end
