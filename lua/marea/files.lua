-- SPDX-License-Identifier: MIT
-- A file as callers give one: a path, or { path = | data =, filename =,
-- content_type = }. What can't be read is known before anything is sent.

local check = require "marea.check"
local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local file = require("marea.core").file
local mime = require "marea.mime"

local files = {}

local MiB = 1024 * 1024
local EXPECTED = "a path, or { path = | data =, filename =, content_type = }"

local kinds = {
  ENOENT = "not_found", ENOTDIR = "not_found", EACCES = "permission", EPERM = "permission", EROFS = "permission",
  ENOSPC = "too_large", EDQUOT = "too_large", EFBIG = "too_large",
}

--- An error about a file of this machine.
---@param doing string such as "read"
---@param code string|nil its name, such as ENOENT
---@return marea.error
function files.error(doing, path, message, code)
  return Error.new { kind = kinds[code] or "bad_request", code = code,
    message = ("can't %s %s: %s"):format(doing, path, message) }
end

--- Raises where a path is none.
function files.check_path(level, who, path)
  if type(path) ~= "string" or path == "" or path:find("%z") then
    check.fail(level + 1, who, "a path", path)
  end
end

--- Raises unless the type is one that can stand in a header.
function files.check_type(level, who, kind)
  if kind ~= nil and (type(kind) ~= "string" or not kind:find("^[%w!#$&^_.+-]+/[%w!#$&^_.+-]+$")
    and not kind:find('^[%w!#$&^_.+-]+/[%w!#$&^_.+-]+ *;[%w !#$&^_.+/=:;"-]+$')) then
    check.fail(level + 1, who .. ", content_type", "a type such as audio/mpeg", kind)
  end
end

local fields = { path = true, data = true, filename = true, content_type = true }

local function check_file(level, who, value)
  for key in pairs(value) do
    if not fields[key] then check.fail(level + 1, who, EXPECTED, value) end
  end
  if (value.path == nil) == (value.data == nil) then check.fail(level + 1, who, EXPECTED, value) end
  if value.path ~= nil then files.check_path(level + 1, who .. ", path", value.path)
  else check.value(level + 1, who .. ", data", "a string", value.data) end
  if value.filename ~= nil then
    check.value(level + 1, who .. ", filename", "a non-empty string", value.filename)
    if value.filename:find("%z") then error(who .. ", filename: it holds a NUL byte", level + 2) end
  end
  files.check_type(level + 1, who, value.content_type)
end

-- A server may go by the extension alone: bytes without a name get one.
local function name_bytes(value)
  local known = value.content_type or mime.of_bytes(value.data)
  local extension = known and mime.extension_of(known:match("^[^ ;]+"))
  return extension and "file." .. extension or "file"
end

local function from_path(value)
  local size, message, code = file.size(value.path)
  if not size then return nil, files.error("read", value.path, message, code) end
  local name = value.filename or value.path:match("[^/]*$")
  return { path = value.path, size = size, filename = name,
    type = value.content_type or mime.of_name(name) or "application/octet-stream" }
end

local function from_bytes(value)
  local name = value.filename or name_bytes(value)
  return { data = value.data, size = #value.data, filename = name, type = value.content_type
    or mime.of_name(name) or mime.of_bytes(value.data) or "application/octet-stream" }
end

---@class marea.File
---@field path string|nil
---@field data string|nil
---@field size integer
---@field filename string
---@field type string

--- The file a caller means; or nil and an error where it can't be read. Raises
--- at the caller's line where it was written wrongly.
---@return marea.File|nil, marea.error|nil
function files.describe(level, who, value)
  if type(value) == "string" then value = { path = value } end
  if type(value) ~= "table" then check.fail(level + 1, who, EXPECTED, value) end
  check_file(level + 1, who, value)
  if value.path then return from_path(value) end
  return from_bytes(value)
end

local function in_mib(bytes)
  return (("%.1f MiB"):format(bytes / MiB):gsub("%.0 ", " "))
end

--- The error for a file larger than a provider takes, or nil.
---@param most integer|nil
function files.too_large(described, most, provider)
  if not most or described.size <= most then return nil end
  return Error.new { kind = "too_large", provider = provider,
    message = ("%s has %d bytes, and a file may have %d (%s)"):format(
      described.filename, described.size, most, in_mib(most)) }
end

--- All of a file, up to so many bytes; or nil and an error.
---@return string|nil, marea.error|nil
function files.read(path, most)
  local bytes, message, code = file.read(path, most)
  if bytes then return bytes end
  if code == "EFBIG" then message = ("it has more than %s"):format(in_mib(most)) end
  return nil, files.error("read", path, message, code)
end

--- A file to be written, there whole or not at all; or nil and an error.
---@return userdata|nil, marea.error|nil
function files.create(path)
  local sink, message, code = file.create(path)
  if sink then return sink end
  return nil, files.error("write", path, message, code)
end

return files
