-- SPDX-License-Identifier: MIT
-- One call of an endpoint, as request.lua, stream.lua and template.lua see it:
-- what is sent where, and how it is watched over. Programs make thousands of
-- them: what most calls have is there from the start, so that no table grows.

local core = require "marea.core"
local secrets = require("marea.compat").lazy "marea.secrets"
local settings = require "marea.settings"
local template = require "marea.template"

local calls = {}

---@class marea.Call
---@field settings table of the client
---@field method string
---@field url string
---@field body string|nil
---@field form table[]|nil instead of a body: its parts (form.lua)
---@field content_type string|false|nil of the body; false for that of a form
---@field accept string|nil the type wanted, where it is not JSON or events
---@field identity boolean|nil ask for no compression
---@field whole boolean read the body to its end before returning
---@field choices boolean|nil the answer must hold some
---@field any boolean|nil any answer will do
---@field text boolean|nil the answer may be text
---@field public boolean|nil the endpoint answers without a key
---@field headers table|nil the call's own, by name
---@field api_key string|function|nil the call's own
---@field key string|nil as sent
---@field earlier_keys table<string, boolean>|nil those of earlier tries
---@field attempts table[]|nil tries that failed
---@field clocks table|nil seconds by clock, where they differ from the client's
---@field deadline number|nil the end of the total clock
---@field max_retries integer
---@field limits marea.Limits|nil
---@field on table hooks
---@field provider string|nil
---@field transport function|nil stands in place of the network
---@field meanwhile fun(call: marea.Call)|nil what can be done once the request is on its way
---@field asked integer|nil how many choices
---@field state table|nil of its stream, made meanwhile
local methods = {}
local metatable = { __index = methods }

--- The function that blanks what is secret in it.
function methods:blanker()
  return secrets.blanker(self.settings, self.key, self.headers, self.earlier_keys)
end

--- What is sent but for the body, looked up anew for each try; or nil and an
--- error.
function methods:template()
  local s = self.settings
  local key, err = settings.key(s, self.api_key, self.headers, self.public)
  if err then return nil, err end
  if self.key and self.key ~= key then     -- a server may still speak of it
    self.earlier_keys = self.earlier_keys or {}
    self.earlier_keys[self.key] = true
  end
  self.key = key
  return template.of(self)
end

--- A call of an endpoint with this body.
---@param s table settings
---@param endpoint table
---@param streamed boolean|nil
---@param body string|nil
---@param options table the second table of the caller
---@param level integer as for `error`, counted from the caller
---@return marea.Call
function calls.new(s, endpoint, streamed, body, options, level)
  local timeout = settings.timeout(s, options)
  -- nothing in such an answer shows whether it is whole, as JSON does
  local unframed = endpoint.any or endpoint.text or endpoint.bytes or options.to ~= nil
  local call = setmetatable({
    settings = s, method = endpoint.method, body = body, whole = not streamed, key = nil,
    url = settings.url(s, endpoint.path, options.query or endpoint.query, level + 1, options.base),
    content_type = body and "application/json" or nil, choices = endpoint.choices,
    deadline = timeout.total and core.now() + timeout.total or nil,
    max_retries = options.max_retries or s.max_retries,
    limits = settings.limits(s, options), on = s.on, provider = s.preset.name,
  }, metatable)
  if unframed then call.identity, call.any, call.text = true, endpoint.any, endpoint.text end
  if s.preset.public_endpoints then call.public = settings.is_public(s, endpoint.path) end
  if options.headers then call.headers = settings.copy(options.headers) end   -- every try sends the same
  if options.api_key then call.api_key = options.api_key end
  if type(options.timeout) == "table" then call.clocks = timeout end
  if s.transport then call.transport = s.transport end
  return call
end

return calls
