-- SPDX-License-Identifier: MIT
-- Fuzzes the waits servers ask for: whatever they say, the wait is a number that
-- can be slept or there is none. Dates are held against the C library's.

local retry = require "marea.retry"

local NOW = 1700000000
local LAST = 253402300800    -- the end of the year 9999, or its leap second

local function check_wait(wait)
  assert(wait == nil or (wait >= 0 and wait <= 2 ^ 53), wait)
end

local function check_should(headers, status, tries)
  local again, reason = retry.should(status, headers, { retries = tries, max_retries = 2, now = NOW })
  assert(type(again) == "boolean" and (again or type(reason) == "string"))
  local wait = retry.after(headers, NOW)
  assert(not (again and (tries >= 2 or wait and wait > retry.max_wait)))
end

local function check_date(text)
  local date = retry.date(text, NOW)
  assert(date == nil or (date > -62200000000 and date <= LAST and math.type(date) == "integer"), date)
end

local forms = { "!%a, %d %b %Y %H:%M:%S GMT", "!%A, %d-%b-%y %H:%M:%S GMT", "!%a %b %e %H:%M:%S %Y" }

-- A moment of up to 40 years around now, written by the C library in every form.
local function check_moment(bytes)
  local moment = NOW + (string.unpack("<I4", bytes) % 2 ^ 31 - 2 ^ 30)
  for _, form in ipairs(forms) do
    local text = os.date(form, moment // 1)
    assert(retry.date(text, NOW) == moment, text)
  end
end

return function(input)
  local one, two = input:match("^([^\n]*)\n(.*)$")
  local headers = { ["retry-after"] = one or input, ["retry-after-ms"] = two, ["x-should-retry"] = two }
  check_wait(retry.after(headers, NOW))
  check_wait(retry.after({ ["retry-after-ms"] = input }, NOW))
  check_should(headers, (input:byte(1) or 0) + 300, #input % 4)
  check_date(input)
  if #input >= 4 then check_moment(input) end
  local delay = retry.delay(#input + 1, function() return (input:byte(1) or 0) / 256 end)
  assert(delay > 0 and delay <= 8)
end
