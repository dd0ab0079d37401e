-- SPDX-License-Identifier: MIT
-- One call of an endpoint, as request.lua, stream.lua and template.lua see it:
-- what is sent where, and how it is watched over. Programs have thousands of
-- them at once: what calls have in common they share.

local core = require "marea.core"
local secrets = require("marea.compat").lazy "marea.secrets"
local settings = require "marea.settings"
local template = require "marea.template"

local calls = {}

---@class marea.Call
---@field settings table of the client
---@field method string
---@field url string
---@field first_url string|nil where it was to go, once redirected
---@field body string|nil
---@field form table[]|nil instead of a body: its parts (form.lua)
---@field content_type string|false|nil of the body; false for that of a form
---@field accept string|nil the type wanted, where it is not JSON or events
---@field identity boolean|nil nothing compressed will do
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
---@field meanwhile fun(call: marea.Call, answer: marea.Answer)|nil what can be done once the request is on its way
---@field asked integer|nil how many choices, if not one
---@field state table|nil of its stream, made meanwhile for each try
local methods = {}

--- The function that blanks what is secret in it.
function methods:blanker()
  return secrets.blanker(self)
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

-- The metatable of calls of one kind: what they share is behind it.
local function share(s, endpoint, streamed, has_body, options, level)
  -- nothing in such an answer shows whether it is whole, as JSON does
  local unframed = endpoint.any or endpoint.text or endpoint.bytes or options.to ~= nil
  local shared = {
    template = methods.template, blanker = methods.blanker,
    settings = s, method = endpoint.method, whole = not streamed,
    url = settings.url(s, endpoint.path, options.query or endpoint.query, level + 1, options.base),
    content_type = has_body and "application/json" or nil, choices = endpoint.choices,
    max_retries = options.max_retries or s.max_retries,
    on = s.on, provider = s.preset.name, transport = s.transport, api_key = options.api_key,
  }
  if unframed then shared.identity, shared.any, shared.text = true, endpoint.any, endpoint.text end
  if s.preset.public_endpoints then shared.public = settings.is_public(s, endpoint.path) end
  if options.headers then shared.headers = settings.copy(options.headers) end   -- every try sends the same
  if type(options.timeout) == "table" then shared.clocks = settings.timeout(s, options) end
  return { __index = shared }
end

-- Kept for the calls of the client's own endpoints that bring no options.
local function kind_of(s, endpoint, streamed, has_body, options, level)
  if not endpoint.kind or next(options) ~= nil then
    return share(s, endpoint, streamed, has_body, options, level)      -- a tail call has no level
  end
  local kept = s.calls[endpoint]
  if not kept or kept.settings ~= s then     -- settings may be copies that share this
    kept = { settings = s }
    s.calls[endpoint] = kept
  end
  local i = (streamed and 3 or 1) + (has_body and 1 or 0)
  kept[i] = kept[i] or share(s, endpoint, streamed, has_body, options, level + 1)
  return kept[i]
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
  local kind = kind_of(s, endpoint, streamed, body ~= nil, options, level + 1)
  local call = setmetatable({ body = body, key = nil, meanwhile = nil, state = nil }, kind)
  local total, limits = settings.timeout(s, options).total, settings.limits(s, options)
  if total then call.deadline = core.now() + total end
  if limits then call.limits = limits end
  return call
end

return calls
