-- SPDX-License-Identifier: MIT
-- What is asked of options beyond what they are: those of marea.client that are
-- tables or files, and the second table of a call. Levels count as in check.lua.

local check = require "marea.check"
local headers = require "marea.headers"
local named_options = require("marea.compat").lazy "marea.options"

local option_checks = {}

local call_options = {
  timeout = "a number of seconds or a table", headers = "a table",
  max_retries = "a whole number of at least 0", query = "a table",
  api_key = "a string or a function", to = "a non-empty string", stream = "a boolean",
}

local SECONDS = "seconds (a number above 0), or false"
local clocks = { connect = SECONDS, first_byte = SECONDS, idle = SECONDS,
  event = SECONDS, total = SECONDS }

local hooks = { request = "a function", response = "a function", retry = "a function" }

local limit_options = { requests_per_minute = "a whole number of at least 1",
  requests_per_second = "a whole number of at least 1", concurrent = "a whole number of at least 1" }

local NAME = "a non-empty string"
local model_kinds = { chat = NAME, completions = NAME, responses = NAME, embeddings = NAME,
  speech = NAME, transcription = NAME, translation = NAME, image = NAME }

---- single ones --------------------------------------------------------------

local function check_timeout(level, who, timeout)
  if type(timeout) == "table" then
    check.fields(level + 1, who .. ", timeout", timeout, clocks)
  end
end

local function check_headers(level, who, list)
  for name, value in pairs(list or {}) do
    if value ~= false then
      local ok, message = headers.check(name, value)
      if not ok then error(who .. ", headers: " .. message, level + 2) end
    end
  end
end

local function check_model(level, model)
  if type(model) == "table" then
    check.fields(level + 1, "marea.client, model", model, model_kinds)
  end
end

local function check_file(level, path)
  local file = not path:find("%z") and io.open(path, "rb")     -- it would end at the NUL
  local text = file and file:read(1)      -- a directory opens, but can't be read
  if file then file:close() end
  if not text then
    error(("marea.client, ca_file: can't read %q"):format((path:gsub("%c", "?"))), level + 2)
  end
end

---- of a call, and of a client -----------------------------------------------

--- For a message: the options a preset has of its own.
---@param preset marea.preset
---@return string
function option_checks.known_beside(preset)
  return ("; %s has %s"):format(preset.name or "it", named_options.names(preset))
end

--- Checks the second table of a call. The preset's own options come back under
--- `named`.
---@param path string of the endpoint
---@return table options
function option_checks.call(level, who, options, preset, path)
  if type(options) ~= "table" then check.fail(level + 1, who .. ", options", "a table", options) end
  local own, named = options, nil
  for name in pairs(options) do
    if not call_options[name] then own, named = named_options.part(options, preset) break end
  end
  check.fields(level + 1, who .. ", options", own, call_options, option_checks.known_beside, preset)
  check_timeout(level + 1, who, own.timeout)
  check_headers(level + 1, who, own.headers)
  if named then
    named_options.check(level + 1, who .. ", options", named, preset, path)
    own.named = named
  end
  return own
end

--- Checks those options of marea.client whose type alone says little.
function option_checks.client(level, options)
  local who = "marea.client"
  check_timeout(level + 1, who, options.timeout)
  check_headers(level + 1, who, options.headers)
  check_model(level + 1, options.model)
  if options.on then check.fields(level + 1, who .. ", on", options.on, hooks) end
  if options.limits then
    check.fields(level + 1, who .. ", limits", options.limits, limit_options)
  end
  if options.ca_file then check_file(level + 1, options.ca_file) end
  if options.proxy and options.proxy:find("[%c ]") then
    error(who .. ", proxy: it holds a space or a control character", level + 2)
  end
end

---- the header of the key ----------------------------------------------------

-- What a preset of the caller's says of the key goes on the wire as it is.
local function check_auth(level, form)
  local ok, message = headers.check(form.header, (form.prefix or "") .. "key")
  if not ok then error("marea.client, provider, auth: " .. message, level + 2) end
end

--- Checks a preset that is the caller's own table.
---@return marea.preset
function option_checks.preset(level, preset)
  if not preset.auth then return preset end
  check_auth(level, preset.auth)
  for _, form in ipairs(preset.auth.alternatives or {}) do check_auth(level, form) end
  return preset
end

--- How the key goes in the header that the option `auth` names. Without a preset
--- that says which there are, any will do.
---@param usual { header: string, prefix: string|nil, alternatives: table|nil }
---@return { header: string, prefix: string|nil }
function option_checks.auth(level, preset, usual, header)
  local names = { usual.header }
  for _, form in ipairs(usual.alternatives or {}) do
    if form.header:lower() == header:lower() then return form end
    names[#names + 1] = form.header
  end
  if not preset.name then
    check_headers(level + 1, "marea.client, auth", { [header] = "key" })
    return { header = header, prefix = "" }
  end
  error(("marea.client, auth: %s takes its key in %s, not in %q"):format(preset.name,
    table.concat(names, " or "), header), level + 2)
end

return option_checks
