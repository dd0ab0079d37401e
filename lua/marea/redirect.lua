-- SPDX-License-Identifier: MIT
-- Where an answer sends us, and whether we go: only for a GET, and within one
-- origin.

local url = require "marea.url"

local redirect = {}

-- "/a/b/../c" without its dots. Two slashes have an empty part between them.
local function remove_dots(path)
  local out, last = {}, nil
  for part in (path:sub(2) .. "/"):gmatch("([^/]*)/") do
    if part == ".." then out[#out] = nil elseif part ~= "." then out[#out + 1] = part end
    last = part
  end
  if last == "." or last == ".." then out[#out + 1] = "" end
  return "/" .. table.concat(out, "/")
end

--- The URL a Location header points to, seen from `base`; nil if it is none.
---@param base string
---@param location string
---@return string|nil
function redirect.resolve(base, location)
  location = location:gsub("#.*$", "")
  if location:find("^%a[%w+.-]*:") then return url.parse(location) and location end
  local parts = url.parse(base)
  if not parts then return nil end
  if location:find("^//") then return redirect.resolve(base, parts.scheme .. ":" .. location) end
  local path, query = location:match("^([^?]*)(.*)$")
  if path == "" then path = parts.path
  elseif path:sub(1, 1) ~= "/" then path = parts.path:gsub("[^/]*$", "") .. path end
  local target = url.origin(parts) .. remove_dots(path) .. query
  return url.parse(target) and target
end

local statuses = { [301] = true, [302] = true, [303] = true, [307] = true, [308] = true }

--- Where the error of a redirect says to go, if going there is safe.
---@param call marea.Call
---@param err marea.error
---@param fields table|nil headers of the answer, by name
---@return string|nil
function redirect.target(call, err, fields)
  local location = statuses[err.status] and fields and fields.location
  if not location or call.method ~= "GET" then return nil end
  local target = redirect.resolve(call.url, location)
  if not target or url.parse(target).userinfo then return nil end   -- no credentials of theirs
  if url.origin(target) == url.origin(call.url) then return target end
end

return redirect
