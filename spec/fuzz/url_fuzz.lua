-- SPDX-License-Identifier: MIT
-- Fuzzes URLs. The input's lines are a base, a path, a location, a segment and
-- a query's name and value. What is accepted must be read by libcurl, which
-- connects, as it is read here; what is joined stays on the base's origin, under
-- its path; what is encoded decodes to itself.

local query = require "marea.query"
local redirect = require "marea.redirect"
local url = require "marea.url"

local curl_url = curl_url  -- luacheck: ignore

local function lines(text)
  local list = {}
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do list[#list + 1] = line end
  return list
end

-- A host that libcurl may write in another way: an address.
local function is_address(host)
  return host:find("^[%d[]") ~= nil
end

local function check_parsed(text, parts)
  assert(parts.scheme == "http" or parts.scheme == "https")
  assert(parts.host ~= "" and parts.host == parts.host:lower())
  assert(parts.port >= 1 and parts.port <= 65535 and math.type(parts.port) == "integer")
  assert(not text:find("[%c \\]"))
  local again = assert(url.parse(url.origin(parts)))
  assert(url.origin(again) == url.origin(parts))
end

local function check_as_curl(text, parts)
  local curl = curl_url(text)
  if not curl then return end
  assert(curl.scheme:lower() == parts.scheme, "schemes differ")
  assert(tonumber(curl.port) == parts.port, "ports differ")
  assert(curl.host:lower() == parts.host or is_address(parts.host), "hosts differ")
  assert((curl.user or "") == (parts.userinfo or ""):match("^[^:]*"), "users differ")
end

local function check_url(text)
  local parts, message = url.parse(text)
  if not parts then return assert(type(message) == "string" and not message:find("%c")) end
  check_parsed(text, parts)
  check_as_curl(text, parts)
  return parts
end

-- The directory a base's path is, without the slash at its end.
local function root(parts)
  return (parts.path:gsub("/+$", ""))
end

local function check_join(base, path, parameters)
  local ok, parts = pcall(url.check_base, base)
  if not ok then return end
  local joined
  ok, joined = pcall(url.join, base, path, parameters)
  if not ok then return assert(not joined:find("%c"), "a message with control characters") end
  local got = assert(check_url(joined), "joined to what is no URL")
  assert(url.origin(got) == url.origin(parts), "another origin")
  assert(got.userinfo == parts.userinfo, "other userinfo")
  assert(got.path:sub(1, #root(parts)) == root(parts), "another root")
  assert(not got.fragment)
  local curl = curl_url(joined)
  if curl and not base:find("%.") then
    assert(curl.path:sub(1, #root(parts)) == root(parts), "another root for libcurl")
  end
end

local function check_resolve(base, location)
  local from = url.parse(base)
  local target = redirect.resolve(base, location)
  if not target then return end
  local got = assert(check_url(target), "resolved to what is no URL")
  assert(not target:find("#", 1, true))
  local relative = not location:find("^%a[%w+.-]*:") and not location:find("^//")
  if relative then assert(from and url.origin(got) == url.origin(from), "another origin") end
end

local function check_segment(text)
  local ok, segment = pcall(query.segment, text)
  if not ok then return end
  assert(url.decode(segment) == text)
  assert(not segment:find("[/?#%c\\ ]") and segment ~= "." and segment ~= "..")
  assert(url.join("http://h/v1", "models/" .. segment) == "http://h/v1/models/" .. segment)
end

local function check_query(name, value)
  local ok, text = pcall(query.encode, { [name] = value })
  if not ok then return end
  local left, right = text:match("^([^=&#?]+)=([^=&#?]*)$")
  assert(url.decode(left) == name and url.decode(right) == value)
  assert(not text:find("[^%w%%=._~-]"))
end

return function(input)
  local part = lines(input)
  local base, path, location = part[1], part[2] or "", part[3] or ""
  local name, value = part[5] or "", part[6] or ""
  check_url(base)
  check_join(base, path, nil)
  check_join(base, path, { [name] = value })
  check_resolve(base, location)
  check_resolve("https://api.example.com/v1/models?x=1", location)
  check_segment(part[4] or "")
  check_query(name, value)
  assert(type(url.is_loopback(base)) == "boolean")
end
