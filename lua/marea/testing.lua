-- SPDX-License-Identifier: MIT
-- marea.testing: what a program's own tests need to run its agents without a
-- model. Nothing of the library itself uses this.

local request = require "marea.request"

---@class marea.testing
local testing = {}

--- A client that answers from a script, see testing/client.lua.
---@param options marea.TestClientOptions
---@return marea.TestClient
function testing.client(options)
  return require("marea.testing.client").new(options)
end

--- A client that writes what passes to a file, streams with their timing, keys
--- blanked: see testing/tape.lua.
---@param path string
---@param client marea.Client
---@return marea.Client
function testing.record(path, client)
  return require("marea.testing.tape").record(path, client)
end

--- A client that answers from such a file, and says how a request differs from
--- the next on it.
---@param path string
---@param options table|nil `speed = 1` keeps the times; others as in marea.client
---@return marea.Client
function testing.replay(path, options)
  return require("marea.testing.tape").replay(path, options)
end

--- From now on any request to the network is an `offline` error. Returns a
--- function that undoes it.
---@return fun()
function testing.offline()
  local before = request.keep_offline("the network is switched off by marea.testing.offline()")
  return function() request.keep_offline(before) end
end

return testing
