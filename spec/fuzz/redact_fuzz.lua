-- SPDX-License-Identifier: MIT
-- Fuzzes what blanks secrets. The byte 1 stands for a secret, written in one of
-- the ways secrets are; wherever it turns up, none of it may be left. And of a
-- URL neither a password nor a parameter named like a key.

local redact = require "marea.redact"

local SECRET = 'Zq7/k+9="x\\y-4711'

local function percent(s, format)
  return (s:gsub("[^%w._~-]", function(c) return format:format(c:byte()) end))
end

local forms = {
  SECRET, percent(SECRET, "%%%02X"), percent(SECRET, "%%%02x"), (SECRET:gsub('[\\"/]', "\\%0")),
  (SECRET:gsub('[\\"]', "\\%0")),
}

local function planted(text)
  local n = 0
  return (text:gsub("\1", function()
    n = n + 1
    return forms[n % #forms + 1]
  end))
end

local blank = redact.new { SECRET, "abcd" }

local function check_blank(text)
  local shown = blank(planted(text))
  for _, form in ipairs(forms) do assert(not shown:find(form, 1, true), "a secret is shown") end
  if text:find("\1", 1, true) then assert(shown:find("[redacted]", 1, true)) end
  local deep = redact.deep({ planted(text), { [planted(text)] = planted(text) } }, blank)
  assert(deep[1] == shown and deep[2][shown] == shown)
end

local function check_url(text)
  local u = "https://u:" .. SECRET:gsub("[/\\]", "") .. "@" .. text
  local shown = redact.url(u)
  assert(not shown:find("4711", 1, true), "a password is shown")
  assert(redact.url(shown) == shown, "not the same again")
  assert(type(redact.url(text)) == "string")
  local query = text:gsub("[#\r\n]", "")
  if query:find("sekret", 1, true) then return end   -- its own, after all
  shown = redact.url("https://h/p?" .. query .. "&api_key=sekret9&x=1")
  assert(not shown:find("sekret9", 1, true), "a parameter is shown")
end

local function check_headers(name, value)
  local list = redact.headers { [name] = value .. "sekret9", { name, value .. "sekret9" } }
  local shown = tostring(list[name]) .. list[1][2]
  if redact.is_secret_header(name) then assert(not shown:find("sekret9", 1, true)) end
end

return function(input)
  local bare = input:gsub("[#\r\n]", "")      -- as check_url has it
  if bare:find("sekret", 1, true) or bare:find("4711", 1, true) then return end   -- its own
  check_blank(input)
  check_url(input)
  local name, value = input:match("^([^:]*):(.*)$")
  check_headers(name or input, value or "")
end
