-- SPDX-License-Identifier: MIT
-- When to try again, and how long to wait before: three pure functions, with
-- clock and chance passed in, so that the whole policy is a table of cases.
-- The rules are those OpenAI's own clients follow; where those two disagree,
-- a hint of more than `max_wait` means "not now" and is left to the caller.

local trim = require("marea.compat").trim

local floor, huge = math.floor, math.huge

local retry = {}

--- A longer wait than this is returned to the caller, not slept.
retry.max_wait = 120

local FIRST_DELAY, LONGEST_DELAY = 0.5, 8

-- Beyond this a number of seconds is a mistake, not a wait.
local SANE = 2 ^ 53

local retried_statuses = { [408] = true, [409] = true, [429] = true }

local retried_phases = { connect = true, first_byte = true }

-- A longer text means no time. It would also take long to see that.
local LONGEST = 64

-- What may mean a time, without the spaces around it.
local function time_text(s)
  if type(s) ~= "string" then return nil end
  s = trim(s)
  return #s <= LONGEST and s or nil
end

-- Piecewise, since the host may have set a decimal comma.
local function decimal(digits)
  local whole, fraction = digits:match("^(%d*)%.?(%d*)$")
  return (tonumber(whole) or 0) + (tonumber(fraction) or 0) / 10 ^ #fraction
end

-- Plain decimals alone: `tonumber` would also take 0x10, inf, nan and 1e400.
local function parse_number(s)
  s = time_text(s)
  if not s then return nil end
  local digits = s:match("^%+?(%d+%.?%d*)$") or s:match("^%+?(%.%d+)$")
  if not digits then return nil end
  local n = decimal(digits)
  if n ~= n or n == huge or n > SANE then return nil end
  return n
end

local units = { d = 86400, h = 3600, m = 60, s = 1, ms = 1e-3, us = 1e-6, ["µs"] = 1e-6, ["μs"] = 1e-6, ns = 1e-9 }

for unit, names in pairs({
  d = { "day", "days" }, h = { "hr", "hrs", "hour", "hours" }, m = { "min", "mins", "minute", "minutes" },
  s = { "sec", "secs", "second", "seconds" }, ms = { "millisecond", "milliseconds" },
}) do
  for _, name in ipairs(names) do units[name] = units[unit] end
end

--- Reads how long: 20, 1m26.4s, 120ms, 33 seconds, 1 hour 5 minutes. A number
--- alone is seconds.
---@param s string
---@param position? integer where it begins
---@return number|nil seconds
---@return integer|nil stop where it ended
function retry.duration(s, position)
  local total, at = nil, position or 1
  while true do
    local number, unit, stop = s:match("^%s*(%d+%.?%d*)%s*([%a\194\181\206\188]*)()", at)
    local seconds = number and (unit == "" and 1 or units[unit])
    if not seconds or unit == "" and total then break end
    total, at = (total or 0) + decimal(number) * seconds, stop
    if unit == "" then break end
  end
  if not total or total > SANE then return nil end
  return total, at
end

local month_names = { "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec" }

local months = {}
for number, name in ipairs(month_names) do months[name] = number end

local month_days = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 }

local weekdays = {
  sun = "sunday", mon = "monday", tue = "tuesday", wed = "wednesday",
  thu = "thursday", fri = "friday", sat = "saturday",
}

local function is_weekday(name)
  name = name:lower()
  local long = weekdays[name:sub(1, 3)]
  return long ~= nil and (#name == 3 or name == long)
end

-- Days since 1970-01-01 in the proleptic Gregorian calendar. `os.time` would
-- read the fields in the host's own zone.
local function days_from_civil(year, month, day)
  if month <= 2 then year = year - 1 end
  local era = floor(year / 400)
  local year_of_era = year - era * 400
  local shifted = (month + 9) % 12
  local day_of_year = floor((153 * shifted + 2) / 5) + day - 1
  local day_of_era = year_of_era * 365 + floor(year_of_era / 4) - floor(year_of_era / 100) + day_of_year
  return era * 146097 + day_of_era - 719468
end

local function epoch(year, month, day, hour, minute, second)
  if not month or day < 1 or day > month_days[month] then return nil end
  if hour > 23 or minute > 59 or second > 60 then return nil end
  return days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 + second
end

-- The year that ends in these two digits and isn't more than 50 years ahead.
local function full_year(two_digits, now)
  local this_year = 1970 + floor(now / 31556952)
  local year = this_year - this_year % 100 + two_digits
  if year > this_year + 50 then return year - 100 end
  if year <= this_year - 50 then return year + 100 end
  return year
end

local function imf_date(s)
  local weekday, day, month, year, hour, minute, second, zone =
    s:match("^(%a+), (%d%d?) (%a%a%a) (%d%d%d%d) (%d%d):(%d%d):(%d%d) (%S+)$")
  return weekday, year, month, day, hour, minute, second, zone
end

local function rfc850_date(s, now)
  local weekday, day, month, year, hour, minute, second, zone =
    s:match("^(%a+), (%d%d)%-(%a%a%a)%-(%d%d) (%d%d):(%d%d):(%d%d) (%S+)$")
  return weekday, year and full_year(tonumber(year), now), month, day, hour, minute, second, zone
end

local function asctime_date(s)
  local weekday, month, day, hour, minute, second, year =
    s:match("^(%a+) (%a%a%a) +(%d%d?) (%d%d):(%d%d):(%d%d) (%d%d%d%d)$")
  return weekday, year, month, day, hour, minute, second, "GMT"
end

-- Not HTTP's, but what some send all the same: 2025-01-31T10:00:00Z.
local function iso_date(s)
  local year, month, day, hour, minute, second, zone =
    s:match("^(%d%d%d%d)%-(%d%d)%-(%d%d)[T ](%d%d):(%d%d):(%d%d)%.?%d*(%S+)$")
  return year and "sun", year, month_names[tonumber(month)], day, hour, minute, second, zone
end

local forms = { imf_date, rfc850_date, asctime_date, iso_date }

local zones = { GMT = true, UTC = true, ["+0000"] = true, Z = true, ["+00:00"] = true }

--- Reads an HTTP date in any of its three forms, or an ISO 8601 one in UTC.
---@param s string
---@param now? number seconds since 1970, to complete a two-digit year
---@return number|nil seconds since 1970
function retry.date(s, now)
  s, now = time_text(s), now or os.time()
  if not s then return nil end
  for i = 1, #forms do
    local weekday, year, month, day, hour, minute, second, zone = forms[i](s, now)
    if weekday then
      if not is_weekday(weekday) or not zones[zone] then return nil end
      return month and epoch(tonumber(year), months[month:lower()], tonumber(day), tonumber(hour), tonumber(minute),
        tonumber(second))
    end
  end
  return nil
end

local function header(headers, name)
  local value = headers and headers[name]
  if type(value) == "table" then value = value[1] end
  if type(value) == "number" then return tostring(value) end
  return value
end

local function after_date(value, now)
  local date = type(value) == "string" and retry.date(value, now)
  if not date or date <= now then return nil end
  return date - now
end

--- How long the server asks us to wait; nil where it doesn't say, or says
--- something that can't be meant.
---@param headers table|nil values by lower-case name
---@param now? number wall clock, seconds since 1970
---@return number|nil seconds
function retry.after(headers, now)
  local milliseconds = parse_number(header(headers, "retry-after-ms"))
  if milliseconds then return milliseconds / 1000 end
  local value = header(headers, "retry-after")
  return parse_number(value) or after_date(value, now or os.time())
end

--- The wait before retry number `attempt` (1 is the first retry).
---@param attempt integer
---@param random? fun(): number in [0, 1)
---@return number seconds
function retry.delay(attempt, random)
  local delay = LONGEST_DELAY
  if attempt < 5 then delay = FIRST_DELAY * 2 ^ (attempt - 1) end
  return delay * (1 - 0.25 * (random or math.random)())
end

local function status_retried(status)
  return retried_statuses[status] or (status >= 500 and status <= 599)
end

local function error_retried(err)
  if err.kind == "quota" then return false end
  if err.kind == "connection" or err.kind == "rate_limit" then return true end
  if err.kind == "timeout" and (err.phase or not err.status) then return retried_phases[err.phase] or false end
  if type(err.status) ~= "number" then return false end
  return status_retried(err.status)
end

---@class marea.retry.state
---@field retries? integer retries already made
---@field max_retries? integer
---@field now? number wall clock, for a retry-after that is a date

--- Whether to try again. Nobody asks once output was handed over (request.lua).
---@param failure table|integer a marea.error, or a status
---@param headers? table values by lower-case name
---@param state? marea.retry.state
---@return boolean
---@return string|nil reason why not
function retry.should(failure, headers, state)
  state = state or {}
  if state.max_retries and (state.retries or 0) >= state.max_retries then return false, "no retries left" end
  local is_status = type(failure) == "number"
  local wait = retry.after(headers, state.now) or (not is_status and failure.retry_after or nil)
  if wait and wait > retry.max_wait then return false, "the wait asked for is too long" end
  local override = header(headers, "x-should-retry")
  if override == "true" then return true end
  if override == "false" then return false, "the server said not to" end
  local yes
  if is_status then yes = status_retried(failure) else yes = error_retried(failure) end
  if yes then return true end
  return false, "not a passing failure"
end

return retry
