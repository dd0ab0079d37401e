-- SPDX-License-Identifier: MIT
-- Fuzzes errors made of what servers send: texts, pages, JSON of any shape. One
-- comes of every body, of a known kind, short, in one printable line, and
-- without the secret, which the byte 1 stands for.

local Error = require "marea.error"
local grow = require "grow"
local json = require "marea.json"
local redact = require "marea.redact"

local SECRET = "sk-canary-4711"

local kinds = {}
for _, kind in ipairs(Error.kinds) do kinds[kind] = true end

local function strings(value, f, seen)
  if type(value) == "string" then return f(value) end
  if type(value) ~= "table" or seen[value] then return end
  seen[value] = true
  for k, v in next, value do
    strings(k, f, seen)
    strings(v, f, seen)
  end
end

local function check(err)
  assert(Error.is(err) and kinds[err.kind], err.kind)
  assert(type(err.message) == "string" and #err.message <= 4096)
  assert(err.body == nil or #err.body <= 4096)
  assert(err.retry_after == nil or err.retry_after >= 0)
  local line = tostring(err)
  assert(#line <= 520, #line)
  assert(not line:find("[%c\127]") and not line:find("\194[\128-\159]"))
  strings(err, function(s) assert(not s:find(SECRET, 1, true), "a secret is shown") end, {})
  assert(json.encode({ message = err.message, body = err.body }))
end

local function of_response(status, headers, body)
  check(Error.from_response { status = status, headers = headers, body = body,
    redact = redact.new { SECRET }, method = "POST", url = "https://u:p@h/?key=1", now = 1700000000 })
end

return function(input)
  local status = 300 + (input:byte(1) or 0) + (input:byte(2) or 0) % 2 * 100
  local text = input:sub(3)
  local body = text:gsub("\1", SECRET)
  of_response(status, { ["content-type"] = "application/json" }, body)
  of_response(status, { ["retry-after"] = text, ["x-request-id"] = body, location = body }, text)
  local choose = grow.chooser(text)
  local value = grow.object(choose)
  of_response(status, {}, json.encode(value))
  assert(type(Error.is_error_payload(value)) == "boolean")
  check(Error.from_payload(value, { redact = redact.new { SECRET } }))
end
