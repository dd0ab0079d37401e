-- SPDX-License-Identifier: MIT
-- The tables of lua/marea/providers/README.md, made of the presets: `make readme` puts
-- them between its two marks, and readme_spec.lua sees that they are there.

local providers = require("marea.providers")

local provider_table = {}

local BEGIN, END = "<!-- providers: made by `make readme` -->\n", "<!-- end of providers -->\n"

local COLUMNS = {
  { "models", "models" }, { "chat", "chat/completions" }, { "completions", "completions" },
  { "responses", "responses" }, { "embeddings", "embeddings" }, { "speech", "audio/speech" },
  { "transcriptions", "audio/transcriptions" }, { "translations", "audio/translations" },
  { "images", "images/generations" },
}

local function sorted(map)
  local keys = {}
  for key in pairs(map or {}) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b) return tostring(a) < tostring(b) end)
  return keys
end

local function code(text)
  return "`" .. text .. "`"
end

local function each(list, f)
  local out = {}
  for i, item in ipairs(list or {}) do out[i] = f(item) end
  return out
end

local function row(cells)
  return "| " .. table.concat(cells, " | ") .. " |\n"
end

local function ruler(n)
  return "|" .. ("---|"):rep(n) .. "\n"
end

---- what can be called ------------------------------------------------------------

local function endpoint_row(preset)
  local has, cells = {}, { code(preset.name) }
  for _, path in ipairs(preset.endpoints) do has[path] = true end
  for _, column in ipairs(COLUMNS) do cells[#cells + 1] = has[column[2]] and "✓" or "" end
  return row(cells)
end

local function endpoint_table()
  local heads = { "provider" }
  for _, column in ipairs(COLUMNS) do heads[#heads + 1] = column[1] end
  local out = { row(heads), ruler(#heads) }
  for _, name in ipairs(providers.names()) do out[#out + 1] = endpoint_row(providers[name]) end
  return table.concat(out)
end

---- how it differs ----------------------------------------------------------------

local function key_cell(preset)
  local forms = { preset.api_key_env and code(preset.api_key_env) or "none" }
  if preset.key_optional and preset.api_key_env then forms[1] = forms[1] .. ", or none" end
  for _, form in ipairs((preset.auth or {}).alternatives or {}) do
    forms[#forms + 1] = ("`auth = %q`"):format(form.header)
  end
  for _, path in ipairs(preset.public_endpoints or {}) do forms[#forms + 1] = code(path) .. " without" end
  return table.concat(forms, "; ")
end

local function reasoning_cell(preset)
  local reasoning = preset.reasoning or {}
  local out = each(reasoning.fields, code)
  if reasoning.parts then out[#out + 1] = code(reasoning.parts) .. " parts" end
  for _, tag in ipairs(reasoning.tags or {}) do out[#out + 1] = code("<" .. tag .. ">") end
  for _, prefix in ipairs(reasoning.verbatim or {}) do out[#out + 1] = "not of " .. code(prefix .. "*") end
  return table.concat(out, ", ")
end

local function options_cell(preset)
  return table.concat(each(sorted(preset.options), code), ", ")
end

local function values(map)
  local out = {}
  for _, key in ipairs(sorted(map)) do
    if type(key) == "string" then out[#out + 1] = code(key .. " = " .. tostring(map[key])) end
  end
  return table.concat(out, ", ")
end

local function add_limits(out, preset)
  local limits = preset.limits
  if not limits then return end
  local said = {}
  if limits.requests_per_second then said[#said + 1] = limits.requests_per_second .. " requests a second" end
  if limits.requests_per_minute then said[#said + 1] = limits.requests_per_minute .. " requests a minute" end
  if limits.concurrent then said[#said + 1] = limits.concurrent .. " at once" end
  if limits.per then said[#said + 1] = "by " .. limits.per end
  out[#out + 1] = table.concat(said, ", ")
end

local function add_required(out, preset)
  for _, path in ipairs(sorted(preset.required)) do
    local required = preset.required[path]
    local sent = values(required)
    if sent ~= "" then out[#out + 1] = ("%s: sends %s"):format(path, sent) end
    for _, name in ipairs(required) do out[#out + 1] = ("%s: asks for %s"):format(path, code(name)) end
  end
end

local function add_ranges(out, preset)
  for _, path in ipairs(sorted(preset.ranges)) do
    for _, name in ipairs(sorted(preset.ranges[path])) do
      local range = preset.ranges[path][name]
      out[#out + 1] = ("%s from %s to %s"):format(code(name), tostring(range[1]), tostring(range[2]))
    end
  end
end

-- Of a long list, how many.
local function add_lists(out, preset)
  for _, path in ipairs(sorted(preset.extra_parameters)) do
    local names = preset.extra_parameters[path]
    local which = #names > 5 and ("%d parameters of its own"):format(#names) or table.concat(each(names, code), ", ")
    out[#out + 1] = ("%s: %s"):format(path, which)
  end
  for _, path in ipairs(sorted(preset.formats)) do
    out[#out + 1] = ("%s: %s"):format(path, table.concat(preset.formats[path], ", "))
  end
end

local function notes_cell(preset)
  local out = {}
  add_limits(out, preset)
  if preset.max_file_size then out[#out + 1] = ("files of %d MiB"):format(preset.max_file_size / 1024 / 1024) end
  if preset.max_inputs then out[#out + 1] = ("%d inputs at once"):format(preset.max_inputs) end
  add_required(out, preset)
  add_ranges(out, preset)
  add_lists(out, preset)
  if preset.model_optional then out[#out + 1] = "the key decides the model" end
  if preset.stream_default then out[#out + 1] = "is told `stream = false`" end
  if preset.responses_stream == "single" then out[#out + 1] = "a streamed response is one event" end
  return table.concat(out, "; ")
end

local function difference_table()
  local out = { row { "provider", "key", "reasoning from", "named options", "limits, and more" }, ruler(5) }
  for _, name in ipairs(providers.names()) do
    local preset = providers[name]
    out[#out + 1] = row { code(name), key_cell(preset), reasoning_cell(preset), options_cell(preset),
      notes_cell(preset) }
  end
  return (table.concat(out):gsub("|  ", "| "):gsub("|  ", "| "))
end

---- the README --------------------------------------------------------------------

---@return string markdown
function provider_table.markdown()
  return endpoint_table() .. "\n" .. difference_table()
end

---The README with the tables as they should be; nil if it has no place for them.
---@param text string
---@return string|nil
function provider_table.put(text)
  local _, first = text:find(BEGIN, 1, true)
  local last = text:find(END, 1, true)
  if not first or not last then return nil end
  return text:sub(1, first) .. provider_table.markdown() .. text:sub(last)
end

---Rewrites a file.
---@param path string
function provider_table.write(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  text = assert(provider_table.put(text), path .. " has no marks for the tables")
  file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

return provider_table
