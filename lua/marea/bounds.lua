-- SPDX-License-Identifier: MIT
-- What a preset's page says of the values of parameters: those the caller must
-- give, those sent for him, and the range a number must be in. A number outside
-- is refused before a byte is sent, as the provider would refuse it.

local Error = require("marea.compat").lazy "marea.error"

local bounds = {}

--- Puts in what the page requires and the caller left out. Returns the name of
--- what only the caller can know.
---@param required table of the endpoint
---@param params table
---@return string|nil missing
function bounds.fill(required, params)
  for key, value in pairs(required) do
    if type(key) == "number" then
      if params[value] == nil then return value end
    elseif params[key] == nil then params[key] = value end
  end
end

--- The error for the first parameter that is out of range, or nil.
---@param ranges table<string, number[]> of the endpoint
---@param params table
---@param provider string|nil
---@return marea.error|nil
function bounds.check(ranges, params, provider)
  for name, range in pairs(ranges) do
    local value = params[name]
    if type(value) == "number" and not (value >= range[1] and value <= range[2]) then
      return Error.new { kind = "bad_request", param = name, provider = provider, attempts = {},
        message = ("%s must be from %s to %s, not %s"):format(name, range[1], range[2], value) }
    end
  end
end

return bounds
