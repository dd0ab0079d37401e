-- SPDX-License-Identifier: MIT
-- What a client was told, checked and completed: where requests go, with which
-- key, headers, clocks and limits. Kept apart from the client the user holds,
-- so that no dump of that shows a secret.

local check = require "marea.check"
local compat = require "marea.compat"
local limiter = compat.lazy "marea.limiter"
local named_options = compat.lazy "marea.options"
local option_checks = compat.lazy "marea.option_checks"
local providers = compat.lazy "marea.providers"
local redact = compat.lazy "marea.redact"
local url = require "marea.url"
local Error = compat.lazy "marea.error"

local settings = {}

local client_options = {
  provider = "a string or a table", api_key = "a string or a function",
  base_url = "a string", model = "a non-empty string or a table", headers = "a table",
  timeout = "a number of seconds or a table", max_retries = "a whole number of at least 0",
  limits = "a table", proxy = "a string", ca_file = "a non-empty string",
  verify = "a boolean", on = "a table", max_body_size = "a whole number of at least 1",
  max_event_size = "a whole number of at least 1", auth = "a non-empty string",
}

local default_clocks = { connect = 10, first_byte = 120, idle = 60 }

local MiB = 1024 * 1024
local MAX_URLS = 16
local MAX_BODY, MAX_EVENT = 256 * MiB, 64 * MiB

---- checks -------------------------------------------------------------------

local function known_beside(preset)
  return option_checks.known_beside(preset)
end

-- Whether there is more to be seen of any of them than its type.
local function has_more(options)
  for name, value in pairs(options) do
    if type(value) == "table" or name == "ca_file" or name == "proxy" then return true end
  end
  return false
end

-- Returns the preset's own options, if there are any.
local function check_client(level, options, preset)
  local who = "marea.client"
  local own, named = options, nil
  for name in pairs(options) do
    if not client_options[name] then own, named = named_options.part(options, preset) break end
  end
  check.fields(level + 1, who, own, client_options, known_beside, preset)
  if named then named_options.check(level + 1, who, named, preset) end
  if has_more(options) then option_checks.client(level + 1, options) end
  return named
end

local none = {}      -- nothing is ever put into it

--- Checks the second table of a call. The preset's own options come back under
--- `named`.
---@param path string of the endpoint
---@return table options
function settings.check_call(level, who, options, s, path)
  if options == nil then return none end
  return option_checks.call(level, who, options, s.preset, path)
end

---- the provider -------------------------------------------------------------

local function find_preset(level, options)
  if type(options) ~= "table" then check.fail(level + 1, "marea.client", "a table", options) end
  local name = options.provider
  if name == nil then
    if options.base_url then return { models = {}, default_model = {}, key_optional = true } end
    name = "openai"
  end
  if type(name) == "table" then return option_checks.preset(level + 1, name) end
  check.value(level + 1, "marea.client, provider", "a string or a table", name)
  local preset, message = providers.get(name)
  if not preset then error("marea.client, provider: " .. message, level + 2) end
  return preset
end

local function find_base(level, options, preset)
  local base = options.base_url or preset.base_url
  if not base then
    error(("marea.client: provider %q needs a base_url%s"):format(preset.name or "?",
      preset.base_url_example and ", such as " .. preset.base_url_example or ""), level + 2)
  end
  url.check_base(base, level + 2)
  return base
end

---- keys ---------------------------------------------------------------------

-- A key from a file often ends in a newline.
local function clean(key)
  key = compat.trim(key)
  if key == "" then return nil end
  if key:find("[%c\127-\255 ]") then return nil, "the key holds characters no key has" end
  return key
end

-- The same key comes again and again.
local function clean_key(s, key)
  if key == "" then return nil end
  if s.raw_key == key then return s.clean_key end
  local cleaned, fault = clean(key)
  if cleaned then s.raw_key, s.clean_key = key, cleaned end
  return cleaned, fault
end

-- The header a key goes in.
local function find_auth(level, preset, header)
  local usual = preset.auth or { header = "Authorization", prefix = "Bearer " }
  if not header or usual.header:lower() == header:lower() then return usual end
  return option_checks.auth(level, preset, usual, header)
end

--- The key for one try, or nil and why there is none ("" where none is needed).
local function find_key(s, source)
  source = source or s.api_key
  if type(source) == "function" then
    source = source()
    if type(source) ~= "string" then return nil, "the function api_key returned no string" end
  end
  if source == nil and s.preset.api_key_env then source = os.getenv(s.preset.api_key_env) end
  local key, fault = clean_key(s, source or "")
  if key or fault then return key, fault end
  if s.preset.key_optional or not s.preset.api_key_env then return nil, "" end
  return nil, ("no key: set %s, or give api_key"):format(s.preset.api_key_env), true
end

local function names_secret(list)
  for name, value in pairs(list or {}) do
    if value and redact.is_secret_header(name) then return true end
  end
  return false
end

-- A key must not cross the open internet unencrypted.
local function is_nearby(host)
  if url.is_loopback(host) then return true end
  if host:find("^%[") then return host:find("^%[f[cd]") or host:find("^%[fe[89ab]") end
  if host:find("^0x%x+$") or host:find("^%d+$") then return false end   -- an address as one number
  if not host:find("%.") then return true end
  if host:find("%.local$") or host:find("%.internal$") or host:find("%.lan$") then return true end
  local a, b = host:match("^(%d+)%.(%d+)%.%d+%.%d+$")
  a, b = tonumber(a), tonumber(b)
  return a == 10 or a == 192 and b == 168 or a == 172 and b ~= nil and b >= 16 and b <= 31
end

local function has_secret(s, options)
  return options.api_key ~= nil or s.preset.api_key_env ~= nil or names_secret(s.headers)
end

local function check_safety(level, s, options)
  local parts = url.parse(s.base_url)
  if options.verify == false and not options.base_url then
    error("marea.client: verify = false is allowed only together with a base_url", level + 2)
  end
  s.exposed = parts.scheme == "http" and options.verify ~= false and not is_nearby(parts.host)
  if s.exposed and has_secret(s, options) then
    error("marea.client, base_url: http would show the key to everybody on the way to "
      .. parts.host .. ": use https, or say verify = false", level + 2)
  end
end

---- making settings ----------------------------------------------------------

local function merge(base, more)
  local out = {}
  for key, value in pairs(base or {}) do out[key] = value end
  for key, value in pairs(more or {}) do out[key] = value end
  return out
end

settings.copy = merge

--- Clocks as `base`, but for `timeout`, seconds for `total` or a table.
function settings.clocks(base, timeout)
  if type(timeout) == "number" then return merge(base, { total = timeout }) end
  local out = merge(base, timeout)
  for name, seconds in pairs(out) do
    if seconds == false then out[name] = nil end
  end
  return out
end

--- A header is the same one in whatever case it is written.
function settings.merge_headers(base, more)
  local out, said = merge(more), {}
  for name in pairs(out) do said[name:lower()] = true end
  for name, value in pairs(base) do
    if not said[name:lower()] then out[name] = value end
  end
  return out
end

--- Is it the name of an option of marea.client?
function settings.is_option(name)
  return client_options[name] ~= nil
end

--- Checks what settings are changed by.
---@param preset marea.preset of the settings to be changed
function settings.check(level, options, preset)
  check_client(level + 1, options, options.provider ~= nil and find_preset(level + 1, options) or preset)
end

--- Settings from the options of marea.client.
function settings.new(level, options)
  local preset = find_preset(level + 1, options)
  local named = check_client(level + 1, options, preset)
  options = merge(options)     -- the caller may go on using his table
  local s = {
    preset = preset, named = named, auth = find_auth(level + 1, preset, options.auth),
    options = options, base_url = find_base(level + 1, options, preset),
    api_key = options.api_key, model = options.model, headers = merge(options.headers),
    timeout = settings.clocks(default_clocks, options.timeout),
    max_retries = options.max_retries or 2, on = options.on or {},
    limits = nil,                -- nil: none
    proxy = options.proxy, ca_file = options.ca_file, insecure = options.verify == false,
    max_body = options.max_body_size or MAX_BODY,
    max_event = options.max_event_size or MAX_EVENT,
    blank = nil, blank_key = nil, raw_key = nil, clean_key = nil,
    urls = {}, templates = {}, calls = {},   -- made when first needed, and kept
    refused = nil,               -- names of what the server refuses, and need not have
  }
  check_safety(level + 1, s, options)
  if options.limits then s.limits = limiter.new(options.limits)
  elseif preset.limits then s.limits = limiter.of_preset(s) end
  return s
end

--- The limits of a call: another key's, where it brings one that is counted.
function settings.limits(s, call)
  local per = call.api_key and not s.options.limits and s.preset.limits and s.preset.limits.per
  return per == "key" and limiter.of_preset(s, call.api_key) or s.limits
end

---- what a call needs --------------------------------------------------------

function settings.timeout(s, options)
  if options.timeout == nil then return s.timeout end
  return settings.clocks(s.timeout, options.timeout)
end

-- Whether headers hold a key where the provider looks for one.
local function carry_key(s, list)
  local usual = s.preset.auth or s.auth
  local places = { [usual.header:lower()] = true }
  for _, form in ipairs(usual.alternatives or {}) do places[form.header:lower()] = true end
  for name, value in pairs(list or {}) do
    if value and places[name:lower()] then return true end
  end
  return false
end

--- The key for one try; nil and an error where one is needed and missing.
---@param own table|nil headers of the call
---@param public boolean|nil whether the endpoint does without
function settings.key(s, source, own, public)
  local key, fault, missing = find_key(s, source)
  if missing and (public or carry_key(s, own) or carry_key(s, s.headers)) then fault = "" end
  if s.exposed and (key or names_secret(own)) then
    key, fault = nil, "base_url: http would show the key to everybody on the way: use https"
  end
  if key or fault == "" then return key end
  return nil, Error.new { kind = "authentication", message = fault, provider = s.preset.name }
end

--- The URL of a path. Those of the first few paths are kept, and so are their
--- templates (template.lua): a client calls the same endpoints again and again,
--- or ever new ones that need no keeping.
function settings.url(s, path, query, level, base)
  if query or base then
    local joined = url.join(base or s.base_url, path, query, level + 1)      -- levels count this frame
    return joined
  end
  local kept = s.urls[path]
  if not kept then
    kept = url.join(s.base_url, path, nil, level + 1)
    if #s.urls < MAX_URLS then
      s.urls[#s.urls + 1] = path
      s.urls[path], s.templates[kept] = kept, {}
    end
  end
  return kept
end

local also_for = { completions = "chat", responses = "chat", translation = "transcription" }

local function of_kind(models, kind)
  return models[kind] or models[also_for[kind] or kind]
end

--- The model for a kind of call, where the caller names none. One for chat is
--- one for completions and responses too, where none is named for those, and
--- one for transcriptions is one for translations.
function settings.model(s, kind)
  local given = s.model
  if type(given) == "table" then given = of_kind(given, kind) end
  return given or of_kind(s.preset.default_model or {}, kind)
end

--- Whether an endpoint answers without a key.
function settings.is_public(s, path)
  for _, public in ipairs(s.preset.public_endpoints or {}) do
    if public == path then return true end
  end
  return false
end

--- What named options do to a call, or nil where there are none.
---@param path string
---@param params table|nil
---@param options table the second table of the call
---@return table|nil effect
function settings.effect(s, path, params, options)
  if not s.named and not options.named then return nil end
  local effect = named_options.effect(s.preset, path, params, s.named, options.named)
  effect.options = merge(options)
  if next(effect.headers) then effect.options.headers = settings.merge_headers(effect.headers, options.headers) end
  if effect.base then effect.options.base = named_options.base(s.base_url, effect.base) end
  local name = effect.dispensable
  if name and s.refused and s.refused[name] then effect.body[name] = nil else effect.options.dispensable = name end
  return effect
end

--- The parameters with what named options put into them.
function settings.fill(params, effect)
  return named_options.fill(params, effect.body)
end

function settings.suffixed(model, effect)
  return named_options.model(model, effect.suffixes)
end

return settings
