-- SPDX-License-Identifier: MIT
-- Builds and takes apart the URLs we send to. One parser answers both "is this
-- the same origin" and "what do we connect to", and it refuses whatever
-- parsers are known to read differently (backslashes, several @, a # right
-- after the host) instead of choosing a reading.

local compat = require("marea.compat")

local url = {}

local default_ports = { http = 80, https = 443 }

local function encode(s, keep)
  return (s:gsub("[^%w" .. keep .. "]", function(c) return ("%%%02X"):format(c:byte()) end))
end

local function decode(s)
  return (s:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end

url.decode = decode

-- What a message may show of something the caller wrote: short, no controls.
local function show(s)
  return '"' .. compat.cut(s, 60):gsub("%c", "?") .. '"'
end

-- What a path segment may hold as it is (RFC 3986, pchar), so that `gpt-oss:20b`
-- stays readable. `%%` and `/` are not in it.
local SEGMENT = "%-._~!$&'()*+,;=:@"

local function segment_text(value)
  if type(value) == "number" and compat.is_integer(value) then return ("%d"):format(value) end
  if type(value) ~= "string" then return nil, "must be a string, not " .. type(value) end
  if value == "" then return nil, "must not be empty" end
  if value:find("%z") then return nil, "must not hold a NUL byte" end
  -- Servers and proxies resolve these, and the request would end up elsewhere.
  if value == "." or value == ".." then return nil, "must not be " .. show(value) end
  return value
end

--- Encodes one path parameter (a model's id, say); raises where it can't be one.
---@param value string|integer
---@param name? string how to call it in a message
---@param level? integer as for `error`, counted from the caller
---@return string
function url.segment(value, name, level)
  local text, message = segment_text(value)
  if not text then error((name or "path segment") .. " " .. message, (level or 1) + 1) end
  return encode(text, SEGMENT)
end

local function number_text(n)
  if compat.is_integer(n) and math.abs(n) < 2 ^ 53 then return ("%d"):format(n) end
  return (("%.17g"):format(n):gsub(",", "."))
end

local function scalar_text(key, value)
  local kind = type(value)
  if kind == "boolean" then return tostring(value) end
  if kind == "number" then
    if value ~= value or value == math.huge or value == -math.huge then
      error("query parameter " .. show(key) .. " is not a finite number", 0)
    end
    return number_text(value)
  end
  if kind ~= "string" then error("query parameter " .. show(key) .. " can't be a " .. kind, 0) end
  if value:find("%z") then error("query parameter " .. show(key) .. " holds a NUL byte", 0) end
  return value
end

local function add_pair(out, key, value)
  if value == nil or compat.is_null(value) then return end
  out[#out + 1] = encode(key, "%-._~") .. "=" .. encode(scalar_text(key, value), "%-._~")
end

local function is_list(t)
  local count = 0
  for _ in pairs(t) do count = count + 1 end
  return count == #t
end

local function add_parameter(out, key, value)
  if type(key) ~= "string" or key == "" or key:find("%z") then
    error("query parameters are named by strings", 0)
  end
  if type(value) ~= "table" then return add_pair(out, key, value) end
  if not is_list(value) then
    error("query parameter " .. show(key) .. " must be a plain value or a list of them", 0)
  end
  for i = 1, #value do add_pair(out, key, value[i]) end
end

local function build_query(t)
  local keys, out = {}, {}
  for key in pairs(t) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  for i = 1, #keys do add_parameter(out, keys[i], t[keys[i]]) end
  return table.concat(out, "&")
end

--- Encodes a table of query parameters, keys in order. A list repeats its key;
--- JSON's null leaves its key out.
---@param t table|nil
---@param level? integer as for `error`, counted from the caller
---@return string without the "?"
function url.query(t, level)
  if t == nil then return "" end
  if type(t) ~= "table" then error("query must be a table, not " .. type(t), (level or 1) + 1) end
  local ok, result = pcall(build_query, t)
  if not ok then error(result, (level or 1) + 1) end
  return result
end

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
  local path, query, fragment = tail:match("^([^?#]*)%??([^#]*)#?(.*)$")
  parts.scheme = scheme
  parts.port = parts.port or default_ports[scheme]
  parts.path = path ~= "" and path or "/"
  parts.query = query ~= "" and query or nil
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

-- "a/b/../c" without its dots.
local function remove_dots(path)
  local out = {}
  for part in path:gmatch("[^/]*") do
    if part == ".." then out[#out] = nil elseif part ~= "." and part ~= "" then out[#out + 1] = part end
  end
  local slash = #out > 0 and path:find("/%.?%.?$") and "/" or ""
  return "/" .. table.concat(out, "/") .. slash
end

--- The URL a Location header points to, seen from `base`; nil if it is none.
---@param base string
---@param location string
---@return string|nil
function url.resolve(base, location)
  location = location:gsub("#.*$", "")
  if location:find("^%a[%w+.-]*:") then return url.parse(location) and location end
  local parts = url.parse(base)
  if not parts then return nil end
  if location:find("^//") then return url.resolve(base, parts.scheme .. ":" .. location) end
  local path, query = location:match("^([^?]*)(.*)$")
  if path == "" then path = parts.path
  elseif path:sub(1, 1) ~= "/" then path = parts.path:gsub("[^/]*$", "") .. path end
  local target = url.origin(parts) .. remove_dots(path) .. query
  return url.parse(target) and target
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

-- The parameters of `query` that `t` doesn't name anew.
local function keep_parameters(out, query, t)
  for pair in (query or ""):gmatch("[^&]+") do
    local name = decode(pair:match("^[^=]*"))
    if not t or t[name] == nil then out[#out + 1] = pair end
  end
end

local function join_query(base_query, path_query, t, level)
  local out = {}
  keep_parameters(out, base_query, t)
  keep_parameters(out, path_query, t)
  local own = url.query(t, level + 1)
  if own ~= "" then out[#out + 1] = own end
  if #out == 0 then return "" end
  return "?" .. table.concat(out, "&")
end

--- The URL of `path` under `base`. The base's query (Azure's api-version) goes
--- along; a parameter given in `query` takes the place of one of that name.
---@param base string as `url.check_base` accepts it
---@param path string segments already encoded; a leading slash changes nothing
---@param query? table
---@param level? integer as for `error`, counted from the caller
---@return string
function url.join(base, path, query, level)
  level = level or 1
  local ok, message = url.check_path(path)
  if not ok then error(message, level + 1) end
  local root, base_query = base:match("^([^?#]*)%??([^#]*)")
  local tail, path_query = path:match("^/*([^?]*)%??(.*)$")
  root = root:gsub("/+$", "")
  if tail ~= "" then root = root .. "/" .. tail end
  return root .. join_query(base_query, path_query, query, level + 1)
end

return url
