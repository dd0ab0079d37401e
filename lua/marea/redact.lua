-- SPDX-License-Identifier: MIT
-- Keeps secrets out of everything that is shown: errors, hooks, recordings.
-- Two nets, because either alone has holes: the secrets we know are blanked
-- wherever they turn up (a server may echo them), and places where secrets
-- live (certain headers, query values, userinfo) are blanked unseen.

local trim = require("marea.compat").trim

local redact = {}

local BLANK = "[redacted]"

-- Below this length a secret would blank parts of ordinary words, so it is
-- hidden only where it stands alone.
local SHORT = 4

local BASE64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

local function digit(n)
  return BASE64:sub(n + 1, n + 1)
end

-- Unpadded: what follows the last whole digit needn't be hidden.
local function base64(s)
  local out = {}
  for i = 1, #s, 3 do
    local a, b, c = s:byte(i, i + 2)
    local n = a * 65536 + (b or 0) * 256 + (c or 0)
    out[#out + 1] = digit(math.floor(n / 262144)) .. digit(math.floor(n / 4096) % 64)
    if b then out[#out + 1] = digit(math.floor(n / 64) % 64) end
    if c then out[#out + 1] = digit(n % 64) end
  end
  return table.concat(out)
end

local function percent(s, form)
  return (s:gsub("[^%w%-._~]", function(c) return form:format(c:byte()) end))
end

local function escape_pattern(s)
  return (s:gsub("%W", "%%%0"):gsub("%z", "%%z"))
end

local function add(forms, form)
  if form == "" or forms[form] then return end
  forms[form] = true
  local pattern = escape_pattern(form)
  if #form < SHORT then pattern = "%f[%w]" .. pattern .. "%f[%W]" end
  forms[#forms + 1] = { text = form, pattern = pattern }
end

-- A secret as it is, and as a URL, a JSON string or a Basic header holds it.
local function add_secret(forms, secret)
  add(forms, secret)
  secret = trim(secret)
  if secret == "" then return end
  add(forms, secret)
  add(forms, percent(secret, "%%%02X"))
  add(forms, percent(secret, "%%%02x"))
  add(forms, (secret:gsub('[\\"/]', "\\%0")))
  add(forms, (secret:gsub('[\\"]', "\\%0")))
  if #secret < SHORT then return end
  local encoded = base64(secret)
  add(forms, encoded)
  add(forms, (encoded:gsub("[+/]", { ["+"] = "-", ["/"] = "_" })))
end

--- Returns a function that blanks every one of `secrets` in a string. What is
--- not a string comes back as it went in.
---@param secrets string|string[]|nil
---@return fun(s: any): any
function redact.new(secrets)
  if type(secrets) == "string" then secrets = { secrets } end
  local forms = {}
  for _, secret in ipairs(secrets or {}) do
    if type(secret) == "string" then add_secret(forms, secret) end
  end
  -- The longest first: a secret may be part of another.
  table.sort(forms, function(a, b) return #a.text > #b.text end)
  return function(s)
    if type(s) ~= "string" then return s end
    for i = 1, #forms do
      if s:find(forms[i].text, 1, true) then s = s:gsub(forms[i].pattern, BLANK) end
    end
    return s
  end
end

local function copy(value, f, seen)
  if type(value) == "string" then return f(value) end
  if type(value) ~= "table" then return value end
  if seen[value] then return seen[value] end
  local out = {}
  seen[value] = out
  for k, v in next, value do
    out[copy(k, f, seen)] = copy(v, f, seen)
  end
  return setmetatable(out, debug.getmetatable(value))
end

--- A copy of `value` with `f` applied to each string in it, keys included.
--- Metatables are kept, cycles too.
---@param value any
---@param f fun(s: string): string
---@return any
function redact.deep(value, f)
  return copy(value, f, {})
end

local name_patterns = {
  "key$", "token$", "secret$", "password$", "passwd$", "signature$", "credential$", "^sig$", "^auth",
}

-- Whole endings, so that `max_tokens` and `keyword` stay readable.
local function is_secret_name(name)
  name = name:gsub("%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end)
  name = name:lower():gsub("[^%w]", "")
  for i = 1, #name_patterns do
    if name:find(name_patterns[i]) then return true end
  end
  return false
end

-- Where the value of a parameter begins, if it has one and is named like a secret:
-- the first = with a name before it parts it. Step by step, since a pattern would
-- take long where there is none.
local function secret_at(pair)
  local from, equals = 1, pair:find("=", 1, true)
  while equals do
    local name = pair:sub(from, equals - 1):gsub("^.*%?", "")
    if name ~= "" then return equals < #pair and is_secret_name(name) and equals + 1 or nil end
    from, equals = equals + 1, pair:find("=", equals + 1, true)
  end
end

local function blank_pair(pair)
  local at = secret_at(pair)
  return at and pair:sub(1, at - 1) .. BLANK
end

local function split_query(url)
  return url:match("^([^?#]*)(.*)$")
end

--- `url` without its userinfo and without the values of query parameters that
--- are named like a secret.
---@param url string
---@return string
function redact.url(url)
  if type(url) ~= "string" then return url end
  local scheme, rest = url:match("^(%a[%w+.-]*://)(.*)$")
  if scheme then
    -- The last @ before the path: a password may hold one of its own.
    local authority, tail = rest:match("^([^/?#]*)(.*)$")
    url = scheme .. authority:gsub("^.*@", BLANK .. "@") .. tail
  end
  local before, after = split_query(url)
  return before .. after:gsub("[^&#;]+", blank_pair)
end

--- The values of query parameters that are named like a secret, as they stand in
--- `url`.
---@param url string
---@return string[]
function redact.query_secrets(url)
  local _, query = split_query(url)
  local out = {}
  for pair in query:gmatch("[^&#;]+") do
    local at = secret_at(pair)
    if at then out[#out + 1] = pair:sub(at) end
  end
  return out
end

local secret_headers = {
  ["authorization"] = true, ["proxy-authorization"] = true, ["cookie"] = true,
  ["set-cookie"] = true, ["set-cookie2"] = true, ["www-authenticate"] = false,
}

local secret_words = {
  "key", "token", "secret", "password", "auth", "cookie", "session", "credential", "signature",
}

---@param name string
---@return boolean whether the header's value is never to be shown
function redact.is_secret_header(name)
  name = tostring(name):lower()
  local known = secret_headers[name]
  if known ~= nil then return known end
  -- They count tokens, they don't hold one.
  if name:find("ratelimit", 1, true) then return false end
  for _, word in ipairs(secret_words) do
    if name:find(word, 1, true) then return true end
  end
  return false
end

local url_headers = { ["location"] = true, ["content-location"] = true, ["referer"] = true }

local function header_value(name, value)
  if redact.is_secret_header(name) then return BLANK end
  if url_headers[tostring(name):lower()] then return redact.url(value) end
  return value
end

local function header_entry(key, entry)
  if type(key) ~= "number" then return header_value(key, entry) end
  if type(entry) == "table" then
    return { entry[1], header_value(entry[1], entry[2]) }
  end
  local name, value = tostring(entry):match("^%s*([^:]*):%s*(.*)$")
  if not name then return entry end
  return name .. ": " .. tostring(header_value(name, value))
end

--- A copy with the values of secret headers blanked. Takes a map from name to
--- value, a list of `{ name, value }`, or a list of `"Name: value"` lines.
---@param list table|nil
---@return table
function redact.headers(list)
  local out = {}
  for key, entry in pairs(list or {}) do out[key] = header_entry(key, entry) end
  return setmetatable(out, getmetatable(list))
end

return redact
