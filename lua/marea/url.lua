-- SPDX-License-Identifier: MIT
-- Builds and takes apart the URLs we send to. One parser answers both "is this
-- the same origin" and "what do we connect to", and it refuses whatever
-- parsers are known to read differently (backslashes, several @, a # right
-- after the host) instead of choosing a reading.

local compat = require "marea.compat"
local query = compat.lazy "marea.query"

local url = {}

local default_ports = { http = 80, https = 443 }

local function decode(s)
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

url.decode = decode

-- What a message may show of something the caller wrote: short, no controls.
local function show(s)
  return '"' .. compat.cut(s, 60):gsub("%c", "?") .. '"'
end

url.show = show

local function bad_bytes(s)
  if s:find("%z") then return "holds a NUL byte" end
  if s:find("[%c]") then return "holds a control character" end
  if s:find(" ", 1, true) then return "holds a space" end
  if s:find("\\", 1, true) then return "holds a backslash" end
  return nil
end

local function split_userinfo(authority)
  local userinfo, rest = authority:match("^(.*)@([^@]*)$")
  if not userinfo then return nil, authority end
  if userinfo:find("@", 1, true) then return nil, nil, "has more than one @ before its path" end
  return userinfo, rest
end

local function split_port(hostport)
  local host, port = hostport:match("^(%[[%x:.]+%])(.*)$")
  if not host then host, port = hostport:match("^([^:]*)(.*)$") end
  if port == "" or port == ":" then return host, nil end
  local number = tonumber(port:match("^:(%d%d?%d?%d?%d?)$"))
  if not number or number < 1 or number > 65535 then return nil, nil, "has a port that is no port number" end
  return host, number
end

local function check_host(host)
  if host == "" then return "has no host" end
  if host:find("[\128-\255]") then return "has a host with letters beyond ASCII: write it in its xn-- form" end
  if not host:find("^%[[%x:.]+%]$") and not host:find("^[%w._-]+$") then
    return "has a host with characters that no host name has"
  end
  return nil
end

local function parse_authority(authority)
  local userinfo, hostport, message = split_userinfo(authority)
  if message then return nil, message end
  local host, port, bad = split_port(hostport)
  bad = bad or check_host(host)
  if bad then return nil, bad end
  return { userinfo = userinfo, host = host:lower(), port = port }
end

---@class marea.url
---@field scheme string "http" or "https"
---@field userinfo? string
---@field host string in lower case, IPv6 in brackets
---@field port integer the scheme's own where the URL names none
---@field path string "/" where the URL has none
---@field query? string without the "?"
---@field fragment? string without the "#"

--- Takes an absolute http or https URL apart. Messages never show it: it may
--- hold a password.
---@param u string
---@return marea.url|nil
---@return string|nil message that goes on from the name of what was parsed
function url.parse(u)
  if type(u) ~= "string" then return nil, "must be a string, not " .. type(u) end
  local bad = bad_bytes(u)
  if bad then return nil, bad end
  local scheme, rest = u:match("^(%a[%w+.-]*)://(.*)$")
  if not scheme then return nil, "has no scheme (http:// or https://)" end
  scheme = scheme:lower()
  if not default_ports[scheme] then return nil, "must begin with http:// or https://, not " .. scheme .. "://" end
  local authority, tail = rest:match("^([^/?#]*)(.*)$")
  if tail:sub(1, 1) == "#" then return nil, "has a # right after its host" end
  local parts, message = parse_authority(authority)
  if not parts then return nil, message end
  local path, after, fragment = tail:match("^([^?#]*)%??([^#]*)#?(.*)$")
  parts.scheme = scheme
  parts.port = parts.port or default_ports[scheme]
  parts.path = path ~= "" and path or "/"
  parts.query = after ~= "" and after or nil
  parts.fragment = fragment ~= "" and fragment or nil
  return parts
end

--- Scheme, host and port, always all three: equal strings are one origin.
---@param u string|marea.url
---@return string|nil
---@return string|nil message
function url.origin(u)
  local parts = u
  if type(u) ~= "table" then
    local message
    parts, message = url.parse(u)
    if not parts then return nil, message end
  end
  return ("%s://%s:%d"):format(parts.scheme, parts.host, parts.port)
end

local function is_loopback_v4(host)
  local a, b, c, d = host:match("^(%d+)%.(%d+)%.(%d+)%.(%d+)$")
  if not a or tonumber(a) ~= 127 then return false end
  return tonumber(b) <= 255 and tonumber(c) <= 255 and tonumber(d) <= 255
end

--- Whether a host is this machine by its name alone; nothing is looked up.
---@param host string
---@return boolean
function url.is_loopback(host)
  if type(host) ~= "string" then return false end
  host = host:lower():gsub("^%[(.*)%]$", "%1")
  local name = host:gsub("%.$", "")
  if name == "localhost" or name:find("%.localhost$") then return true end
  if host == "::1" or host:find("^[0:]+:0*1$") and select(2, host:gsub(":", "")) == 7 then return true end
  return is_loopback_v4((host:gsub("^::ffff:", "")))
end

local function check_base(u)
  if type(u) ~= "string" then return nil, "must be a string, not " .. type(u) end
  if u == "" then return nil, "is empty" end
  if not u:find("://", 1, true) and u:find("^[%w.%-]+:?%d*/?[%w./_-]*$") then
    return nil, ("has no scheme: write %s or https://..."):format(show("http://" .. u))
  end
  local parts, message = url.parse(u)
  if parts and parts.fragment then return nil, "has a fragment (#...), which is never sent" end
  return parts, message
end

--- Checks a base URL; raises, saying what is wrong and how it should look.
---@param u any
---@param level? integer as for `error`, counted from the caller
---@return marea.url
function url.check_base(u, level)
  local parts, message = check_base(u)
  if not parts then
    error("base_url " .. message .. ' (expected something like "https://api.example.com/v1")', (level or 1) + 1)
  end
  return parts
end

--- Whether `path` can be appended to a base URL without leaving it.
---@param path any
---@return true|nil
---@return string|nil message
function url.check_path(path)
  if type(path) ~= "string" then return nil, "path must be a string, not " .. type(path) end
  local bad = bad_bytes(path)
  if bad then return nil, "path " .. bad end
  if path:find("#", 1, true) then return nil, "path holds a #: encode it as %23" end
  local is_url = path:find("^%a[%w+.-]*://") or path:find("^//")
  if is_url then return nil, "path must be relative to base_url, not a URL of its own" end
  for part in path:match("^[^?]*"):gmatch("[^/]+") do
    local plain = decode(part)
    if plain == "." or plain == ".." then return nil, "path must not hold the segment " .. show(part) end
  end
  return true
end

--- The URL of `path` under `base`. The base's query (Azure's api-version) goes
--- along; one of `parameters` takes the place of one of that name.
---@param base string as `url.check_base` accepts it
---@param path string segments already encoded; a leading slash changes nothing
---@param parameters? table
---@param level? integer as for `error`, counted from the caller
---@return string
function url.join(base, path, parameters, level)
  level = level or 1
  local ok, message = url.check_path(path)
  if not ok then error(message, level + 1) end
  local root, base_query = base:match("^([^?#]*)%??([^#]*)")
  local tail, path_query = path:match("^/*([^?]*)%??(.*)$")
  root = root:gsub("/+$", "")
  if tail ~= "" then root = root .. "/" .. tail end
  if base_query == "" and path_query == "" and parameters == nil then return root end
  return root .. query.join(base_query, path_query, parameters, level + 1)
end

return url
