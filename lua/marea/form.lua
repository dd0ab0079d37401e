-- SPDX-License-Identifier: MIT
-- A multipart form of parameters: the parts the C core sends. Texts go first,
-- in the order of their names, then the files, so that a server that reads as
-- it comes knows what to do with those. Lists are written as name[], objects as
-- name[key], as the provider's own libraries do.

local check = require "marea.check"
local files = require "marea.files"
local json = require "marea.json"

local form = {}

local escapes = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

-- As browsers do, and libcurl since 7.81; a NUL has no form.
local function escape(name)
  return (name:gsub('["\r\n]', escapes))
end

local function sorted_names(level, who, params)
  local names = {}
  for name in pairs(params) do
    if type(name) ~= "string" or name == "" or name:find("%z") then
      error(who .. ": the fields of a form are named by strings", level + 2)
    end
    names[#names + 1] = name
  end
  table.sort(names)
  return names
end

local function is_file(value)
  return type(value) == "table" and (value.path ~= nil or value.data ~= nil)
end

local function add_text(list, name, text)
  list[#list + 1] = { name = escape(name), data = text }
end

local function list_name(name)
  return name:find("%[%]$") and name or name .. "[]"
end

local add_value

local function add_table(level, who, list, name, value)
  if json.is_array(value) or value[1] ~= nil then
    for _, item in ipairs(value) do add_value(level + 1, who, list, list_name(name), item) end
    return
  end
  for _, key in ipairs(sorted_names(level + 1, who, value)) do
    add_value(level + 1, who, list, name .. "[" .. key .. "]", value[key])
  end
end

function add_value(level, who, list, name, value)
  local kind = type(value)
  local plain = kind == "boolean" or kind == "number" and value - value == 0
  if kind == "string" then add_text(list, name, value)
  elseif kind == "table" then add_table(level + 1, who, list, name, value)
  elseif plain then add_text(list, name, json.encode(value))
  elseif value ~= json.null then
    check.fail(level + 1, who .. ", " .. name, "a value that can be sent in a form", value)
  end
end

-- One file, or a list of them. Returns why one can't be sent, or nil.
local function add_files(level, who, list, name, value)
  local several = type(value) == "table" and value[1] ~= nil
  for i, item in ipairs(several and value or { value }) do
    local place = who .. ", " .. name .. (several and "[" .. i .. "]" or "")
    local file, err = files.describe(level + 1, place, item)
    if not file then return err end
    file.name, file.filename = escape(several and list_name(name) or name), escape(file.filename)
    list[#list + 1] = file
  end
end

-- The parts of a form; or nil and an error where a file can't be read. `wanted`
-- has the names of fields whose strings are paths.
local function make(level, who, params, wanted)
  local texts, found = {}, {}
  for _, name in ipairs(sorted_names(level + 1, who, params)) do
    local value = params[name]
    local file = is_file(value) or type(value) == "table" and is_file(value[1])
    if wanted then file = wanted[name] and value ~= json.null end
    if not file then add_value(level + 1, who, texts, name, value)
    else
      local err = add_files(level + 1, who, found, name, value)
      if err then return nil, err end
    end
  end
  for _, part in ipairs(found) do texts[#texts + 1] = part end
  if not texts[1] then check.fail(level + 1, who .. ", form", "a table with fields", params) end
  return texts
end

--- What a form holds, to be looked at: texts by name, and of files all but their
--- bytes. A name that comes more than once has a list.
---@param parts table[]
---@return table
function form.shown(parts)
  local out = {}
  for _, part in ipairs(parts) do
    local name = part.name or "file"
    local value = part.size and { filename = part.filename, content_type = part.type, size = part.size } or part.data
    if name:find("%[%]$") then
      out[name] = out[name] or json.array {}
      table.insert(out[name], value)
    else out[name] = value end
  end
  return out
end

-- Of the first file that is too large for the provider.
local function find_too_large(parts, preset)
  for _, part in ipairs(parts) do
    local err = part.size and files.too_large(part, preset.max_file_size, preset.name)
    if err then return err end
  end
end

--- The parts of what a call sends, and the type of it (false for a form, whose
--- type is the C core's to say); or nil, nil and an error.
---@param params table|string fields; for a body that is one file, that file
---@param endpoint table
---@param preset marea.preset
---@return table[]|nil, string|false|nil, marea.error|nil
function form.body(level, who, params, endpoint, preset)
  if endpoint.bare then
    local file, unreadable = files.describe(level + 1, who .. ", file", params)
    if not file then return nil, nil, unreadable end
    local kind = file.type
    file.type, file.filename = nil, nil
    return { file }, kind
  end
  local parts, err = make(level + 1, who, params, endpoint.form.paths)
  if parts and endpoint.form.bounded then err = find_too_large(parts, preset) end
  if err then return nil, nil, err end
  return parts, false
end

return form
