-- SPDX-License-Identifier: MIT
-- What of a client's settings, and of a call's, is secret: keys, headers and query
-- parameters that hold one, passwords of URLs and proxies. Looked for when there is
-- something to blank.

local redact = require "marea.redact"
local url = require "marea.url"

local secrets = {}

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

local function add_header_secrets(list, headers)
  for name, value in pairs(headers) do
    if value and redact.is_secret_header(name) then
      list[#list + 1] = value
      list[#list + 1] = value:match("^%S+%s+(.+)$")
    end
  end
end

-- As it is sent, and as a server reads it.
local function add_query_secrets(list, u)
  for _, value in ipairs(redact.query_secrets(u)) do
    list[#list + 1] = value
    list[#list + 1] = url.decode(value)
  end
end

local function secrets_of(s, key)
  local list = { key }
  add_header_secrets(list, s.headers)
  add_query_secrets(list, s.base_url)
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

local function query_of(u)
  return u:match("%?.*$")
end

-- Most calls have no secrets but their client's.
local function has_own(call)
  return call.headers or call.earlier_keys or call.first_url
    or query_of(call.url) ~= query_of(call.settings.base_url)
end

local function own_blanker(call)
  local list = secrets_of(call.settings, call.key)
  add_header_secrets(list, call.headers or {})
  add_query_secrets(list, call.url)
  if call.first_url then add_query_secrets(list, call.first_url) end
  for used in pairs(call.earlier_keys or {}) do list[#list + 1] = used end
  return redact.new(list)
end

--- The function that blanks the secrets of a call and of its client.
---@param call marea.Call
function secrets.blanker(call)
  if has_own(call) then return own_blanker(call) end
  local s, key = call.settings, call.key
  if not s.blank or s.blank_key ~= key then
    s.blank, s.blank_key = redact.new(secrets_of(s, key)), key
  end
  return s.blank
end

return secrets
