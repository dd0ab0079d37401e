-- SPDX-License-Identifier: MIT
-- Calls what a user wrote, so that its errors are values; but for the error with
-- which the running task is being cancelled, which must go on its way.

local loop = require "marea.loop"
local pack = require("marea.compat").pack

--- Returns what f returned, packed; or nil and the error.
---@return table|nil, any
return function(f, ...)
  local results = pack(pcall(f, ...))
  if results[1] then
    for i = 1, results.n do results[i] = results[i + 1] end
    results.n = results.n - 1
    return results
  end
  local err, current = results[2], loop.current()
  if current and current.cancelled ~= nil and current.cancelled == err then error(err, 0) end
  return nil, err
end
