-- SPDX-License-Identifier: MIT
-- What of a client's settings, and of a call's, is secret: keys, headers that
-- hold one, passwords of URLs and proxies. Looked for when there is something to
-- blank.

local redact = require "marea.redact"
local url = require "marea.url"

local secrets = {}

local function joined(list, more)
  local out = {}
  for name, value in pairs(list) do out[name] = value end
  for name, value in pairs(more or out) do out[name] = value end
  return out
end

local function userinfo(u)
  local parts = url.parse(u)
  return parts and parts.userinfo
end

local proxy_variables = { "http_proxy", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY" }

-- A proxy may lack its scheme, or be written so wrongly that libcurl shows it.
local function add_proxy_secrets(list, proxy)
  local info = proxy and proxy:gsub("^%a[%w+.-]*://", ""):match("^(.*)@")
  if not info then return end
  local password = info:match(":(.+)$")
  list[#list + 1] = info
  list[#list + 1] = password
  list[#list + 1] = password and url.decode(password)
end

local function secrets_of(s, key)
  local list = { key }
  for name, value in pairs(s.headers) do
    if value and redact.is_secret_header(name) then
      list[#list + 1] = value
      list[#list + 1] = value:match("^%S+%s+(.+)$")
    end
  end
  local info = userinfo(s.base_url)
  if info then
    list[#list + 1] = info
    list[#list + 1] = info:match(":(.+)$")
  end
  add_proxy_secrets(list, s.proxy)
  if not s.proxy then
    for _, name in ipairs(proxy_variables) do add_proxy_secrets(list, os.getenv(name)) end
  end
  return list
end

--- The function that blanks this client's secrets.
---@param more table|nil headers of the call
---@param earlier table|nil set of other keys the call has used
function secrets.blanker(s, key, more, earlier)
  if more or earlier then
    local list = secrets_of({ headers = joined(s.headers, more), proxy = s.proxy,
      base_url = s.base_url }, key)
    for used in pairs(earlier or {}) do list[#list + 1] = used end
    return redact.new(list)
  end
  if not s.blank or s.blank_key ~= key then
    s.blank, s.blank_key = redact.new(secrets_of(s, key)), key
  end
  return s.blank
end

return secrets
