-- SPDX-License-Identifier: MIT
-- Named options: what a provider does by a header, a suffix of the model's
-- name, a parameter or another path goes by one name in the second table of a
-- call, or in that of marea.client. A preset says in its field `options` what
-- each does; a few every provider has, in its own words.

local check = require "marea.check"
local headers = require "marea.headers"

local options = {}

---@class marea.preset.option
---@field endpoints? string[] the paths it is for; nil: all
---@field on? marea.preset.effect what `true` does; `false` takes a client's away
---@field off? marea.preset.effect what `false` does instead
---@field values? table<string, marea.preset.effect> what certain words do
---@field text? marea.preset.effect what any other text does; "%s" in it is that text

---@class marea.preset.effect or a map from path to one, where endpoints differ
---@field headers? table<string, string>
---@field suffix? string goes after the model's name
---@field body? table goes into the parameters, where the caller gave none
---@field base? string takes the place of base_url's final "v1"
---@field dispensable? string a parameter of `body` that is left out where the server refuses it

local CHAT, COMPLETIONS, RESPONSES = "chat/completions", "completions", "responses"

---- what every provider has -----------------------------------------------------

-- The bound on what may be generated, under the name that is known there.
local function bound(preset, path, n)
  local name = path == CHAT and preset.max_tokens_parameter or "max_tokens"
  if path == RESPONSES then name = "max_output_tokens" end
  return { body = { [name] = n } }
end

-- Some send the usage of a stream unasked, and refuse to be asked.
local function usage(preset, _, _, params)
  if preset.stream_options == false or not params or params.stream ~= true then return {} end
  if params.stream_options ~= nil then return {} end
  return { body = { stream_options = { include_usage = true } }, dispensable = "stream_options" }
end

local common = {
  max_tokens = { endpoints = { CHAT, COMPLETIONS, RESPONSES }, number = bound },
  usage = { endpoints = { CHAT, COMPLETIONS }, on = usage },
}

local function find(preset, name)
  return (preset.options or {})[name] or common[name]
end

---- checks ------------------------------------------------------------------------

local function sorted(map)
  local names = {}
  for name in pairs(map or {}) do names[#names + 1] = name end
  table.sort(names)
  return names
end

local function has(list, value)
  for _, item in ipairs(list) do
    if item == value then return true end
  end
  return false
end

--- The names of a preset's options, for a message.
---@param preset marea.preset
---@return string
function options.names(preset)
  local all = {}
  for name in pairs(common) do all[name] = true end
  for name in pairs(preset.options or {}) do all[name] = true end
  return table.concat(sorted(all), ", ")
end

local function expected(option)
  local list = {}
  for _, word in ipairs(sorted(option.values)) do list[#list + 1] = ("%q"):format(word) end
  if option.text then list[#list + 1] = "a text" end
  if option.number then list[#list + 1] = "a whole number of at least 1" end
  if option.on then list[#list + 1] = "true" end
  return table.concat(list, ", ") .. " or false"
end

-- The effect of a value, as the preset has it; {} for none; nil: it can't be.
local function effect_of(option, value)
  if value == false then return option.off or {} end
  if value == true then return option.on end
  if type(value) == "string" and value ~= "" then return (option.values or {})[value] or option.text end
  local whole = type(value) == "number" and value >= 1 and value == math.floor(value) and value < math.huge
  return whole and option.number or nil
end

local function check_headers(level, who, effect, value)
  if type(value) ~= "string" or type(effect) ~= "table" then return end
  for name in pairs(effect.headers or {}) do
    local ok, message = headers.check(name, value)
    if not ok then error(who .. ": " .. message, level + 3) end
  end
end

--- Parts the preset's options from the others.
---@param given table
---@param preset marea.preset
---@return table others, table|nil named
function options.part(given, preset)
  local others, named = {}, nil
  for name, value in pairs(given) do
    if type(name) == "string" and find(preset, name) then
      named = named or {}
      named[name] = value
    else
      others[name] = value
    end
  end
  return others, named
end

--- Raises unless each is given as its preset says. Levels as for marea.check.
---@param path string|nil of the endpoint; nil where they are for several
function options.check(level, who, named, preset, path)
  for name, value in pairs(named) do
    local option = find(preset, name)
    local effect = effect_of(option, value)
    if not effect then check.fail(level + 1, who .. ", " .. name, expected(option), value) end
    check_headers(level, who .. ", " .. name, effect, value)
    if path and option.endpoints and not has(option.endpoints, path) then
      error(("%s: %s is an option of %s, not of %s"):format(who, name,
        table.concat(option.endpoints, ", "), path), level + 2)
    end
  end
end

---- effects -----------------------------------------------------------------------

local function is_map(value)
  return type(value) == "table" and value[1] == nil
end

local function copy(value, text)
  if type(value) == "string" and text then return (value:gsub("%%s", (text:gsub("%%", "%%%%")))) end
  if type(value) ~= "table" then return value end
  local out = {}
  for key, item in pairs(value) do out[key] = copy(item, text) end
  return setmetatable(out, getmetatable(value))
end

--- Puts into `t` what it lacks of `more`, at every depth. Tables in `t` are
--- the caller's and left as they are: copies take their places.
function options.fill(t, more)
  for key, value in pairs(more) do
    if t[key] == nil then t[key] = copy(value)
    elseif is_map(t[key]) and is_map(value) then t[key] = options.fill(copy(t[key]), value) end
  end
  return t
end

local function add(sum, effect)
  for name, value in pairs(effect.headers or {}) do sum.headers[name] = value end
  if effect.suffix then sum.suffixes[#sum.suffixes + 1] = effect.suffix end
  options.fill(sum.body, effect.body or {})
  sum.base = effect.base or sum.base
  sum.dispensable = effect.dispensable or sum.dispensable
end

local function applies(option, path)
  return not option.endpoints or has(option.endpoints, path)
end

--- What they do to a request, in the order of their names; those of the call
--- take the place of the client's.
---@param preset marea.preset
---@param path string
---@param params table|nil as the caller gave them
---@param of_client table|nil
---@param of_call table|nil
---@return { headers: table, suffixes: string[], body: table, base: string|nil, dispensable: string|nil }
function options.effect(preset, path, params, of_client, of_call)
  local sum, all = { headers = {}, suffixes = {}, body = {}, base = nil, dispensable = nil }, {}
  for name, value in pairs(of_client or {}) do all[name] = value end
  for name, value in pairs(of_call or {}) do all[name] = value end
  for _, name in ipairs(sorted(all)) do
    local option, value = find(preset, name), all[name]
    if applies(option, path) then
      local effect = effect_of(option, value)
      if type(effect) == "function" then effect = effect(preset, path, value, params) end
      add(sum, copy(effect[path] or effect, type(value) == "string" and value or nil))
    end
  end
  return sum
end

--- A model's name with the suffixes it doesn't have yet.
function options.model(name, suffixes)
  if type(name) ~= "string" then return name end
  for _, suffix in ipairs(suffixes) do
    if not (name .. ":"):find(suffix .. ":", 1, true) then name = name .. suffix end
  end
  return name
end

--- base_url with another end in the place of its "v1".
function options.base(base_url, tail)
  local root, query = base_url:match("^([^?]*)(.*)$")
  root = root:gsub("/+$", ""):gsub("/v1$", "")
  return root .. "/" .. tail .. query
end

return options
