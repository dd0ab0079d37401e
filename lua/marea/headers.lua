-- SPDX-License-Identifier: MIT
-- Response headers as a plain table from lower-case name to value, so that a
-- look-up costs one index; a shared metatable lets `h["Content-Type"]` work
-- too. Repeated headers are joined with ", " as HTTP allows, except for
-- set-cookie, whose dates hold commas: that one is always a list. Also the
-- checks on what we send: libcurl writes CR and LF in a value as they are.

local compat = require("marea.compat")
local retry = compat.lazy "marea.retry"

local headers = {}

local mt = { __name = "marea.headers" }

function mt.__index(t, name)
  if type(name) ~= "string" then return nil end
  return rawget(t, name:lower())
end

local function add(fields, order, name, value)
  local list = fields[name]
  if not list then
    list = {}
    fields[name] = list
    order[#order + 1] = name
  end
  list[#list + 1] = value
end

-- Spaces and tabs alone: other bytes are the value's own.
local function trim(s)
  if not s:find("[^ \t]") then return "" end
  return (s:match("^[ \t]*(.*[^ \t])"))
end

local function finish(fields, order)
  local h = {}
  for i = 1, #order do
    local name = order[i]
    h[name] = name == "set-cookie" and fields[name] or table.concat(fields[name], ", ")
  end
  return setmetatable(h, mt)
end

-- Obsolete folding: a line that begins with a space goes on with the one before
-- it. All at once, since a value made longer line by line is copied as often.
local function unfold(raw)
  if not raw:find("\n[ \t]") then return raw end
  return (raw:gsub("\r?\n[ \t]+", " "))
end

local function add_line(fields, order, line)
  local name, value = line:match("^([^:]+):(.*)$")
  if name then add(fields, order, trim(name):lower(), trim(value)) end
end

--- Reads a response's header block. Where it holds several (1xx, a proxy's),
--- the last one counts. Lines that are no header are passed over.
---@param raw string bytes, status line included
---@return table headers
---@return integer|nil status
---@return string|nil reason
function headers.parse(raw)
  local fields, order, status, reason = {}, {}, nil, nil
  for ended in unfold(raw):gmatch("[^\n]+") do
    local line = ended:gsub("\r$", "")
    local code, text = line:match("^HTTP/%S+%s+(%d+)%s*(.*)$")
    if code then
      fields, order = {}, {}
      status, reason = tonumber(code), text
    elseif line ~= "" then
      add_line(fields, order, line)
    end
  end
  return finish(fields, order), status, reason
end

--- The value of a header, the first where it is a list.
---@return string|nil
function headers.get(h, name)
  local value = h and h[name:lower()]
  if type(value) == "table" then return value[1] end
  return value
end

local TOKEN = "^[%w!#$%%&'*+%-.^_`|~]+$"

-- Messages name the header and never show the value: it may be a key.
local function check_value(name, value)
  if type(value) ~= "string" then
    return nil, ("header %q must be a string, not %s"):format(name, type(value))
  end
  if value:find("[\r\n]") then return nil, ("header %q holds a line break"):format(name) end
  if value:find("%z") then return nil, ("header %q holds a NUL byte"):format(name) end
  if value:gsub("\t", ""):find("%c") then return nil, ("header %q holds a control character"):format(name) end
  if value:find("^[ \t]") or value:find("[ \t]$") then
    return nil, ("header %q begins or ends with a space"):format(name)
  end
  return true
end

--- Whether a header can be sent.
---@return true|nil
---@return string|nil message
function headers.check(name, value)
  if type(name) ~= "string" then return nil, "a header's name must be a string, not " .. type(name) end
  if name == "" then return nil, "a header's name is empty" end
  if not name:find(TOKEN) then
    local shown = name:sub(1, 40):gsub("%c", "?")
    return nil, ("header name %q holds a character that no header name can"):format(shown)
  end
  return check_value(name, value)
end

local MOST_DIGITS = 15

-- A number that may count something.
local function count(digits)
  return digits and #digits <= MOST_DIGITS and tonumber(digits) or nil
end

local function first_number(h, names)
  for i = 1, #names do
    local value = headers.get(h, names[i])
    local n = count(value and value:match("^%s*(%d+)"))
    if n then return n end
  end
  return nil
end

-- A plain number is a wait, or a moment: no wait is 30 years long.
local function until_reset(n, now)
  if n > 1e12 then n = n / 1000 end
  if n > 1e9 then return math.max(0, n - now) end
  return n
end

local LONGEST = 64     -- of a text that can mean a time

local function reset_seconds(value, now)
  if not value then return nil end
  value = compat.trim(value)
  if #value > LONGEST then return nil end
  local seconds, stop = retry.duration(value)
  if seconds and stop > #value then return until_reset(seconds, now) end
  local date = retry.date(value, now)
  return date and math.max(0, date - now)
end

local function first_reset(h, names, now)
  for i = 1, #names do
    local seconds = reset_seconds(headers.get(h, names[i]), now)
    if seconds then return seconds end
  end
  return nil
end

-- Requests before the rest: that is what a caller can pace; of a minute before
-- those of a day.
local function names_of(what)
  local long = "x-ratelimit-" .. what
  return { long .. "-requests", long, "x-rate-limit-" .. what, "ratelimit-" .. what,
    long .. "-requests-minute", long .. "-req-minute", long .. "-requests-day" }
end

local LIMIT, REMAINING, RESET = names_of("limit"), names_of("remaining"), names_of("reset")

---@class marea.rate_limit
---@field limit? number
---@field remaining? number
---@field reset? number seconds until the count starts anew
---@field retry_after? number seconds

-- One header for all: limit=100, remaining=5, reset=30; or, as newer drafts of
-- the standard have it, "name";r=5;t=30 beside a policy of "name";q=100;w=60.
local function in_one(h, long, short)
  local all, policy = headers.get(h, "ratelimit"), headers.get(h, "ratelimit-policy")
  local digits = all and (all:match("%f[%w]" .. long .. "=(%d+)") or all:match("%f[%w]" .. short .. "=(%d+)"))
    or policy and all and policy:match("%f[%w]" .. short .. "=(%d+)")
  return count(digits)
end

--- What the server says about its limits; nil where it says nothing.
---@param h table
---@param now? number wall clock, seconds since 1970
---@return marea.rate_limit|nil
function headers.rate_limit(h, now)
  now = now or os.time()
  local limits = {
    limit = first_number(h, LIMIT) or in_one(h, "limit", "q"),
    remaining = first_number(h, REMAINING) or in_one(h, "remaining", "r"),
    reset = first_reset(h, RESET, now) or in_one(h, "reset", "t"),
    retry_after = retry.after(h, now),
  }
  if next(limits) == nil then return nil end
  return limits
end

local request_id_names = {
  "x-request-id", "request-id", "x-amzn-requestid", "apim-request-id", "x-ms-request-id", "x-correlation-id", "cf-ray",
}

--- The name the provider gave to this request, to quote to its support.
---@return string|nil
function headers.request_id(h)
  for i = 1, #request_id_names do
    local id = headers.get(h, request_id_names[i])
    if id and id ~= "" then return id end
  end
  return nil
end

return headers
