-- SPDX-License-Identifier: MIT
-- JSON for Lua: the codec itself is C (marea.core), this gives it what only Lua knows.
--
-- Where lua-cjson ends and this begins: cjson's values pass in and out unchanged (null, empty_array,
-- and its array metatables where it has them are ours too), so tables made by either go through both.
-- The codec is ours because no released cjson keeps what was decoded: 3 becomes 3.0, [] becomes {},
-- and a 64-bit integer loses its last digits. cjson itself is needed neither to build nor to run.
local codec = require("marea.core").json

---@class marea.json
local json = {}

---What cjson has of these; nothing where there is no cjson, as in Neovim.
local function cjson_values()
  local found, cjson = pcall(require, "cjson")
  if not found or type(cjson) ~= "table" then return {} end
  return {
    array_mt = cjson.array_mt,
    empty_array_mt = cjson.empty_array_mt,
    empty_array = cjson.empty_array,
  }
end

---LuaJIT's numbers are doubles: what they can't hold becomes an int64_t.
local function add_int64(values)
  local found, ffi = pcall(require, "ffi")
  if not found or type(jit) ~= "table" then return values end
  local int64, uint64 = ffi.typeof("int64_t"), ffi.typeof("uint64_t")
  local unit = int64(2 ^ 32)
  function values.make_int64(high, low)
    return int64(high) * unit + int64(low)
  end
  function values.int64_digits(value)
    if not (ffi.istype(int64, value) or ffi.istype(uint64, value)) then return nil end
    return tostring(value):match("^-?%d+")
  end
  return values
end

local values = add_int64(cjson_values())

---The metatable of every decoded array; it marks an array to encode, also an empty one.
json.array_mt = codec.setup(values)

---What JSON's null decodes to: the same value as `cjson.null`.
json.null = codec.null

---One JSON document, as a Lua value; or nil and where it is not JSON. Integers stay integers, `null`
---is `json.null`, arrays have `json.array_mt`, and of equal keys the last one wins. With `vectors`, a
---string under the key "embedding" that is the base64 of float32 numbers becomes a vector at once; any
---other stays a string.
---@type fun(text: string, options?: integer|{ depth?: integer, vectors?: boolean }): any, string?
json.decode = codec.decode

---The JSON of a Lua value. A table is an array if it is marked or has a `[1]`, else an object. What
---has no JSON (NaN, functions, cycles, mixed tables) raises, naming the key path.
---@type fun(value: any, options?: { sort?: boolean, depth?: integer }): string
json.encode = codec.encode

local function is_marked(t)
  local mt = getmetatable(t)
  return mt ~= nil and (mt == json.array_mt or mt == values.empty_array_mt)
end

---Marks a list as an array, which an empty one needs.
---@generic T: table
---@param t? T a new table where absent
---@return T t the same table
function json.array(t)
  if t == nil then t = {} end
  if type(t) ~= "table" then error("array: a table expected, got " .. type(t), 2) end
  if is_marked(t) then return t end
  if getmetatable(t) then error("array: this table has another metatable", 2) end
  return setmetatable(t, json.array_mt)
end

---Whether a value would be encoded as an array.
---@param t any
---@return boolean
function json.is_array(t)
  if type(t) ~= "table" then return false end
  local mt = getmetatable(t)
  if mt == nil then return t[1] ~= nil end
  return mt == json.array_mt or is_marked(t) or rawget(t, 1) ~= nil
end

return json
