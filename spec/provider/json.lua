-- SPDX-License-Identifier: MIT
-- The provider's own JSON writer. Replies must look byte for byte like the
-- providers' documentation, so objects keep the order they are written in and
-- an empty list is told from an empty object. Reading is left to lua-cjson:
-- the code under test never judges itself.

local null = require("cjson").null

local json = { null = null }

local object_mt = { __name = "provider.object" }
local list_mt = { __name = "provider.list" }
local raw_mt = { __name = "provider.raw" }

-- An object from key, value, key, value...; a nil value leaves its key out.
function json.object(...)
  return setmetatable({ n = select("#", ...), ... }, object_mt)
end

function json.list(items)
  return setmetatable(items, list_mt)
end

-- Text that is JSON already.
function json.raw(text)
  return setmetatable({ text = text }, raw_mt)
end

local escapes = {
  ['"'] = '\\"', ["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r",
  ["\t"] = "\\t", ["\b"] = "\\b", ["\f"] = "\\f",
}

local function escape(char)
  return escapes[char] or string.format("\\u%04x", char:byte())
end

-- Bytes above 127 pass untouched, valid UTF-8 or not: recorded uploads do too.
local function quote(text)
  if text:find('[%z\1-\31"\\]') then
    text = text:gsub('[%z\1-\31"\\]', escape)
  end
  return '"' .. text .. '"'
end

local function number(value)
  local whole = math.tointeger(value)
  if whole then return string.format("%d", whole) end
  local short = string.format("%.15g", value)
  return tonumber(short) == value and short or string.format("%.17g", value)
end

local write

local function write_list(out, items)
  out[#out + 1] = "["
  for i = 1, #items do
    if i > 1 then out[#out + 1] = "," end
    write(out, items[i])
  end
  out[#out + 1] = "]"
end

local function write_pair(out, first, key, value)
  out[#out + 1] = first and quote(key) or "," .. quote(key)
  out[#out + 1] = ":"
  write(out, value)
end

local function write_object(out, object)
  local first = true
  out[#out + 1] = "{"
  for i = 1, object.n, 2 do
    if object[i + 1] ~= nil then
      write_pair(out, first, object[i], object[i + 1])
      first = false
    end
  end
  out[#out + 1] = "}"
end

local function write_plain(out, object)
  local keys = {}
  for key in pairs(object) do keys[#keys + 1] = tostring(key) end
  table.sort(keys)
  out[#out + 1] = "{"
  for i, key in ipairs(keys) do write_pair(out, i == 1, key, object[key]) end
  out[#out + 1] = "}"
end

local function write_table(out, value)
  local mt = getmetatable(value)
  if mt == object_mt then return write_object(out, value) end
  if mt == raw_mt then
    out[#out + 1] = value.text
    return
  end
  if mt == list_mt or #value > 0 then return write_list(out, value) end
  return write_plain(out, value)
end

function write(out, value)
  local kind = type(value)
  if kind == "table" then
    write_table(out, value)
  elseif kind == "string" then
    out[#out + 1] = quote(value)
  elseif kind == "number" then
    out[#out + 1] = number(value)
  else
    out[#out + 1] = value == null and "null" or tostring(value)
  end
end

function json.encode(value)
  if type(value) == "string" then return quote(value) end
  local out = {}
  write(out, value)
  return table.concat(out)
end

return json
