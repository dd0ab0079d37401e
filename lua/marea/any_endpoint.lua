-- SPDX-License-Identifier: MIT
-- client:request: any endpoint, documented or not, as the caller describes it.

local bytes = require("marea.compat").lazy "marea.bytes"
local check = require "marea.check"
local settings = require "marea.settings"

local any_endpoint = {}

local request_fields = { method = "a non-empty string", path = "a non-empty string",
  body = "a string or a table", form = "a table", file = "a string or a table", query = "a table",
  stream = "a boolean" }

-- The one way in which a request's body is given, or nil.
local function body_field(level, who, params)
  local found
  for _, name in ipairs { "body", "form", "file" } do
    if params[name] ~= nil and found then
      error(("%s: give %s or %s, not both"):format(who, found, name), level + 2)
    end
    if params[name] ~= nil then found = name end
  end
  return found
end

--- Sends what the caller described, as `client:request` takes it.
---@param s table settings of the client
---@param send function the client's, through which all calls go
---@param params marea.RequestParams
---@param options marea.CallOptions|nil
---@return marea.Result|marea.Stream|nil, marea.error|nil
function any_endpoint.request(s, send, params, options)
  local who = "client:request"
  check.fields(1, who, params, request_fields)
  if not params.path then check.fail(1, who .. ", path", "a non-empty string", nil) end
  options = settings.check_call(1, who, options, s, params.path)
  local field = body_field(1, who, params)
  bytes.check(1, who, options, { to = true }, params.stream)
  local method = (params.method or (field and "POST" or "GET")):upper()
  if not method:find("^%u+$") then check.fail(1, who .. ", method", "a method's name", params.method) end
  if method == "HEAD" and field then error(who .. ": a HEAD request has no " .. field, 2) end
  if params.query and options.query then
    options = settings.copy(options)
    options.query = settings.copy(params.query, options.query)
  end
  local endpoint = { method = method, path = params.path, any = true, query = params.query,
    form = field ~= "body" and field and {}, bare = field == "file" }
  local body = params[field]
  local effect = settings.effect(s, params.path, field == "body" and body or nil, options)
  if effect then
    options = effect.options
    if field == "body" and type(body) == "table" then
      body = settings.fill(settings.copy(body), effect)
      body.model = settings.suffixed(body.model, effect)
    end
  end
  return send(s, endpoint, params.stream, body, options, 1, who)
end

return any_endpoint
