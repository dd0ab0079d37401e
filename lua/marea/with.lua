-- SPDX-License-Identifier: MIT
-- client:with{...}: settings made from others. What goes elsewhere takes along
-- nothing that was meant for the old place.

local check = require "marea.check"
local redact = require "marea.redact"
local settings = require "marea.settings"
local url = require "marea.url"

local with = {}

-- The preset for another origin: its variable's key is not for there.
local function without_key(preset)
  local out = settings.copy(preset)
  out.api_key_env, out.key_optional = nil, true
  return out
end

local function has_moved(base, options)
  if options.provider ~= nil then return true end
  return options.base_url ~= nil and url.origin(options.base_url) ~= url.origin(base.base_url)
end

-- What settings that go elsewhere keep: nothing that was meant for the old
-- place, and no secret.
local function inherited(base, options)
  if not has_moved(base, options) then return base.options, base.headers end
  local kept, headers_kept = settings.copy(base.options), {}
  kept.api_key = nil
  if options.provider ~= nil then
    for name in pairs(kept) do
      if not settings.is_option(name) then kept[name] = nil end
    end
    kept.base_url, kept.model, kept.auth = nil, nil, nil
  end
  if options.provider == nil then kept.provider = without_key(base.preset) end
  for name, value in pairs(base.headers) do
    if not redact.is_secret_header(name) then headers_kept[name] = value end
  end
  return kept, headers_kept
end

--- Settings as `base`, but for `options`. Limits are shared unless given, or
--- another provider is.
function with.extend(level, base, options)
  if type(options) ~= "table" then check.fail(level + 1, "marea.client", "a table", options) end
  settings.check(level + 1, options, base.preset)
  local kept, kept_headers = inherited(base, options)
  local all = settings.copy(kept, options)
  all.headers = settings.merge_headers(kept_headers, options.headers)
  local s = settings.new(level + 1, all)
  s.timeout = settings.clocks(base.timeout, options.timeout)
  s.transport = base.transport
  local counted = not all.limits and s.preset.limits and s.preset.limits.per
  if not options.limits and not options.provider and not counted then s.limits = base.limits end
  return s
end

return with
