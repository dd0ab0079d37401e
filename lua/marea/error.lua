-- SPDX-License-Identifier: MIT
-- The one error value of the library: a table that says what went wrong to a
-- program (`kind`, `status`, `code`...) and, through tostring, to a person.
-- Providers word their errors in a dozen shapes; `parse_body` knows them all,
-- so that nobody else has to. What a server sent is data: it is blanked, cut
-- and escaped here, once, before anyone can print it.

local compat = require("marea.compat")
local headers = require("marea.headers")
local html = compat.lazy "marea.html"
local redact = require("marea.redact")
local retry = require("marea.retry")

---@class marea.error
---@field kind string
---@field message string
---@field code? string|number
---@field type? string
---@field param? string
---@field details? any
---@field status? integer
---@field phase? string of a timeout: connect, first_byte, idle, event, total
---@field retry_after? number seconds
---@field request_id? string
---@field provider? string
---@field method? string
---@field url? string
---@field location? string where a redirect points
---@field body? string first 4 KiB
---@field partial? table what a broken stream had given
---@field attempts? table[]
---@field earlier? marea.error[] of `marea.fallback`: those of the clients before

local Error = {}

-- Of one text that a server sent; of the whole of `tostring`.
local TEXT_LIMIT, LINE_LIMIT = 4096, 500

Error.kinds = {
  "connection", "tls", "timeout", "authentication", "billing", "permission", "not_found", "rate_limit", "quota",
  "bad_request", "protocol", "server", "stream", "truncated", "decode", "too_large", "cancelled", "content_filter",
  "validation", "offline",
}

local is_kind = {}
for _, kind in ipairs(Error.kinds) do is_kind[kind] = true end

-- Making one -----------------------------------------------------------------

local mt = { __name = "marea.error" }

--- Makes an error. `fields.redact`, a function from string to string, is
--- applied to every string in every field, and is not kept.
---@param fields table
---@return marea.error
function Error.new(fields)
  if type(fields) ~= "table" then error("an error is made from a table of fields", 2) end
  if not is_kind[fields.kind] then error("unknown kind of error: " .. tostring(fields.kind), 2) end
  local err = {}
  -- not by `pairs`: LuaJIT's beta hangs in a finalizer, which may close a stream,
  -- that comes to such a loop once it is compiled
  local name, value = next(fields)
  while name ~= nil do
    if name ~= "redact" then err[name] = fields.redact and redact.deep(value, fields.redact) or value end
    name, value = next(fields, name)
  end
  err.url, err.location = redact.url(err.url), redact.url(err.location)
  if type(err.body) == "string" then err.body = compat.cut(err.body, TEXT_LIMIT) end
  return setmetatable(err, mt)
end

--- Whether a value is an error of this library.
---@param v any
---@return boolean
function Error.is(v)
  return getmetatable(v) == mt
end

-- Showing one ----------------------------------------------------------------

local short_escapes = { ["\n"] = "\\n", ["\r"] = "\\r", ["\t"] = "\\t" }

local function escape_byte(c)
  return short_escapes[c] or ("\\x%02X"):format(c:byte(-1))
end

-- The C1 controls too: terminals obey U+009B as they do ESC [.
local function escape(s)
  return (tostring(s):gsub("%c", escape_byte):gsub("\194[\128-\159]", escape_byte))
end

local function request_text(err)
  if not err.url then return err.method end
  return (err.method and err.method .. " " or "") .. redact.url(err.url)
end

local function circumstances(err)
  local list = { err.status }
  if err.provider then list[#list + 1] = "provider " .. err.provider end
  list[#list + 1] = request_text(err)
  if err.request_id then list[#list + 1] = "request id " .. err.request_id end
  if type(err.attempts) == "table" and #err.attempts > 1 then
    list[#list + 1] = ("%d attempts"):format(#err.attempts)
  end
  if #list == 0 then return "" end
  for i = 1, #list do list[i] = tostring(list[i]) end
  return " (" .. compat.cut(escape(table.concat(list, ", ")), 240) .. ")"
end

function mt.__tostring(err)
  local tail = circumstances(err)
  local head = err.kind .. ": "
  local room = LINE_LIMIT - #head - #tail
  local message = escape(compat.cut(tostring(err.message or "unknown error"), LINE_LIMIT))
  if #message > room then message = compat.cut(message, room - 3) .. "..." end
  return head .. message .. tail
end

function mt.__concat(a, b)
  return tostring(a) .. tostring(b)
end

-- Reading what a server said ---------------------------------------------------

local MAX_NESTING = 6

local function text_of(v)
  if type(v) == "string" and v:find("%S") then return v end
  return nil
end

local function scalar(v)
  if type(v) == "number" then return v end
  return text_of(v)
end

-- JSON's null, false and {} say nothing.
local function given(v)
  if v == nil or v == false or compat.is_null(v) then return nil end
  if type(v) == "table" and next(v) == nil then return nil end
  return v
end

-- A page of a proxy or a bare text.
local function parse_text(s)
  local head = s:sub(1, 65536)
  if head:find("^%s*<") then return { message = text_of(html.summary(head)) } end
  return { message = text_of(compat.trim(head)) }
end

local parse_value

-- FastAPI's { loc = { "body", "model" }, msg = "field required" }.
local function location_of(entry)
  if type(entry.loc) ~= "table" then return nil end
  local names = {}
  for _, part in ipairs(entry.loc) do
    if part ~= "body" then names[#names + 1] = tostring(part) end
  end
  return names[1] and table.concat(names, ".")
end

local function parse_entry(entry, depth)
  local parsed = parse_value(entry, depth + 1)
  if type(entry) == "table" then
    parsed.param = parsed.param or location_of(entry)
    if parsed.message and location_of(entry) then
      parsed.message = location_of(entry) .. ": " .. parsed.message
    end
  end
  return parsed
end

-- Every message, and code, type and param of the first that has them.
local function parse_list(list, depth)
  local out, messages = { details = list }, {}
  for i = 1, math.min(#list, 10) do
    local entry = parse_entry(list[i], depth)
    messages[#messages + 1] = entry.message
    out.code, out.type, out.param = out.code or entry.code, out.type or entry.type, out.param or entry.param
    if #list == 1 then out.details = entry.details or list end
  end
  out.message = messages[1] and table.concat(messages, "; ")
  return out
end

-- Maps from field to messages, as { errors = { model = { "is missing" } } }.
local function parse_field_map(map, depth)
  local names, messages = {}, {}
  for name in pairs(map) do
    if type(name) == "string" then names[#names + 1] = name end
  end
  table.sort(names)
  for i = 1, math.min(#names, 10) do
    local message = parse_value(map[names[i]], depth + 1).message
    if message then messages[#messages + 1] = names[i] .. ": " .. message end
  end
  if not messages[1] then return {} end
  return { message = table.concat(messages, "; "), details = map }
end

local function inner_code(t)
  local inner = given(t.innererror) or given(t.inner_error)
  return type(inner) == "table" and scalar(inner.code) or nil
end

-- "error" as a type says nothing; Google puts its type, in capitals, in status.
local function type_of(t)
  if text_of(t.type) and t.type ~= "error" then return t.type end
  return type(t.status) == "string" and t.status:match("^[%u_]+$") or nil
end

-- How long to wait, where a body says it.
local wait_fields = { "retry_after", "retryAfter", "retry-after", "retry_after_seconds", "retryDelay", "Retry-After" }

local function seconds_of(value)
  if type(value) == "number" then return value >= 0 and value < math.huge and value or nil end
  if type(value) ~= "string" then return nil end
  local seconds, stop = retry.duration(value)
  return seconds and stop > #value and seconds or nil
end

local function own_wait(t)
  for _, name in ipairs(wait_fields) do
    local seconds = seconds_of(t[name])
    if seconds then return seconds end
  end
  local milliseconds = seconds_of(t.retry_after_ms)
  return milliseconds and milliseconds / 1000
end

-- It may stand among the details: Google's are a list, OpenRouter's hold headers.
local function wait_in(t)
  local wait = own_wait(t)
  for _, place in ipairs({ t.details or false, t.metadata or false }) do
    if type(place) == "table" then
      wait = wait or own_wait(place) or type(place.headers) == "table" and own_wait(place.headers) or nil
      for _, item in ipairs(place) do wait = wait or type(item) == "table" and own_wait(item) or nil end
    end
  end
  return wait
end

local function own_fields(t)
  return {
    retry_after = wait_in(t),
    code = scalar(t.code) or scalar(t.error_code),
    type = type_of(t),
    param = scalar(t.param),
    details = given(t.details) or given(t.metadata) or given(t.innererror) or given(t.inner_error),
    inner_code = inner_code(t),
  }
end

local function absorb(out, inner)
  for _, name in ipairs({ "message", "code", "type", "param", "details", "inner_code", "retry_after" }) do
    if out[name] == nil then out[name] = inner[name] end
  end
  return out
end

-- Where the message may stand, the most telling first.
local message_fields = {
  "message", "error", "detail", "errors", "msg", "error_description", "error_message", "title", "reason",
}

-- { error = "Bad Request", message = "..." }: the short text is a type.
local function absorb_short_error(out, t)
  if not out.message or type(t.error) ~= "string" or t.error == out.message then return end
  out.type = out.type or text_of(t.error)
end

local function parse_object(t, depth)
  local out = {}
  if type(given(t.error)) == "table" then absorb(out, parse_value(t.error, depth + 1)) end
  absorb(out, own_fields(t))
  for _, name in ipairs(message_fields) do
    if out.message then break end
    local value = given(t[name])
    if value ~= nil then absorb(out, parse_value(value, depth + 1)) end
  end
  absorb_short_error(out, t)
  if not out.message and depth > 1 then absorb(out, parse_field_map(t, depth)) end
  return out
end

function parse_value(v, depth)
  v = given(v)
  if v == nil or depth > MAX_NESTING then return {} end
  if type(v) == "string" then return { message = text_of(v) } end
  if type(v) == "number" then return { code = v } end
  if type(v) ~= "table" then return {} end
  if v[1] ~= nil then return parse_list(v, depth) end
  return parse_object(v, depth)
end

-- The codec is C: it is looked for when needed, so that this module, like all
-- policy, loads without it.
local function default_decode(s)
  local ok, json = pcall(require, "marea.json")
  if not ok then return nil end
  return json.decode(s)
end

-- Where there is nothing but blanks to begin with, the decoder tells: it passes
-- over millions of them in no time, which a pattern does not.
local function may_be_json(s)
  local head = s:sub(1, 65536)
  return head:find('^%s*[{%["]') or not head:find("%S")
end

local function parse_string(s, decode)
  s = compat.without_bom(s)
  if may_be_json(s) then
    local ok, value = pcall(decode or default_decode, s)
    if ok and value ~= nil then return parse_value(value, 1) end
  end
  return parse_text(s)
end

-- Blanked before it is cut: half a key would no longer be recognised.
local function read_body(body, decode, blank)
  local parsed
  if type(body) == "string" then parsed = parse_string(body, decode) else parsed = parse_value(body, 1) end
  return redact.deep(parsed, function(s)
    return compat.cut(blank and blank(s) or s, TEXT_LIMIT)
  end)
end

--- Reads an error in any shape a provider gives it.
---@param body string|table|nil as received, or already decoded
---@param decode? fun(s: string): any the JSON decoder, `marea.json`'s by default
---@return table fields message, code, type, param, details, retry_after: those it has
function Error.parse_body(body, decode)
  local parsed = read_body(body, decode)
  parsed.inner_code = nil
  return parsed
end

-- Fields that no error has, whatever else it looks like.
local function has_result(t)
  return t.choices ~= nil or t.data ~= nil or t.output ~= nil or t.delta ~= nil or t.text ~= nil or t.id ~= nil
end

local function has_content(v)
  v = given(v)
  if type(v) == "string" then return text_of(v) ~= nil end
  if type(v) == "number" then return v ~= 0 end
  if type(v) ~= "table" then return v ~= nil end
  for _, value in pairs(v) do
    if given(value) ~= nil and value ~= "" then return true end
  end
  return false
end

-- { code = 0, message = "ok" } is how some say that all went well.
local function is_failure_code(code)
  if type(code) == "number" then return code ~= 0 and (code < 200 or code > 299) end
  return code ~= nil and code:lower() ~= "ok" and code:lower() ~= "success"
end

--- Whether a decoded 200 body or stream chunk says itself that it is an error.
--- `error` that is null, false, {} or "" is none: some send it with every answer.
---@param t any
---@return boolean
function Error.is_error_envelope(t)
  if type(t) ~= "table" then return false end
  if has_content(t.error) then return true end
  return (t.object == "error" or t.type == "error") and not has_result(t)
end

--- Whether it is an error, said or not: those of FastAPI and NanoGPT show only in
--- what they hold, and what they lack.
---@param t any
---@return boolean
function Error.is_error_payload(t)
  if Error.is_error_envelope(t) then return true end
  if type(t) ~= "table" or has_result(t) then return false end
  if has_content(t.detail) then return true end
  return text_of(t.message) ~= nil and is_failure_code(scalar(t.code))
end

-- Finding the kind -------------------------------------------------------------

local kinds_by_status = {
  [401] = "authentication", [402] = "billing", [403] = "permission", [404] = "not_found", [408] = "timeout",
  [413] = "too_large", [429] = "rate_limit",
}

local filter_codes = {
  content_filter = true, content_filtered = true, content_policy_violation = true, responsibleaipolicyviolation = true,
  moderation_blocked = true, content_moderation = true, data_inspection_failed = true,
}

local quota_codes = {
  insufficient_quota = true, quota_exceeded = true, exceeded_quota = true, exceeded_current_quota_error = true,
  billing_hard_limit_reached = true, billing_limit_reached = true, billing_not_active = true, out_of_credits = true,
  insufficient_credits = true, credits_exhausted = true, insufficient_balance = true, usage_limit_reached = true,
}

local rate_codes = {
  rate_limit = true, rate_limit_error = true, rate_limit_exceeded = true, rate_limited = true, rpm_limit = true,
  tpm_limit = true, max_parallel_requests = true, too_many_requests = true, requests = true, tokens = true,
  slow_down = true, ratelimitreached = true,
}

local kinds_by_type = {
  invalid_request_error = "bad_request", invalid_request = "bad_request", authentication_error = "authentication",
  invalid_api_key = "authentication", permission_error = "permission", permission_denied = "permission",
  not_found_error = "not_found", model_not_found = "not_found", billing_error = "billing",
  server_error = "server", api_error = "server", internal_error = "server", internal_server_error = "server",
  overloaded_error = "server", service_unavailable = "server", request_too_large = "too_large",
  timeout_error = "timeout",
}

local quota_phrases = {
  "exceeded your current quota", "insufficient quota", "insufficient_quota", "billing hard limit", "plan and billing",
  "out of credits", "credits exhausted", "insufficient credits", "insufficient balance", "no credits", "credit balance",
}

-- A "quota" of so many requests per minute is a rate after all.
local rate_phrases = { "per minute", "per second", "per hour", "rate limit", "rate_limit", "too many requests" }

local function says(text, phrases)
  for i = 1, #phrases do
    if text:find(phrases[i], 1, true) then return true end
  end
  return false
end

local function any_code(parsed, codes)
  for _, name in ipairs({ "code", "type", "inner_code" }) do
    local code = parsed[name]
    if type(code) == "string" and codes[code:lower()] then return codes[code:lower()] end
  end
  return nil
end

-- Codes are believed; a message only where no wait was named, since a server
-- that says when to come back means a rate.
local function kind_of_429(parsed, wait)
  if any_code(parsed, quota_codes) then return "quota" end
  if any_code(parsed, rate_codes) or wait then return "rate_limit" end
  local text = tostring(parsed.message or ""):lower()
  if says(text, quota_phrases) then return "quota" end
  if text:find("quota", 1, true) and not says(text, rate_phrases) then return "quota" end
  return "rate_limit"
end

local function kind_of_status(status, parsed, wait)
  if status >= 400 and status < 500 and any_code(parsed, filter_codes) then return "content_filter" end
  if status == 429 then return kind_of_429(parsed, wait) end
  if kinds_by_status[status] then return kinds_by_status[status] end
  if status >= 400 and status <= 499 then return "bad_request" end
  if status >= 500 and status <= 599 then return "server" end
  return "protocol"
end

local function status_in(parsed, payload)
  local nested = type(payload.error) == "table" and payload.error or payload
  for _, value in ipairs({ parsed.code or false, nested.status or false, payload.status or false }) do
    local number = type(value) ~= "userdata" and tonumber(value) or nil
    if number and compat.is_integer(number) and number >= 400 and number <= 599 then return number end
  end
  return nil
end

local function kind_of_payload(parsed, payload)
  if any_code(parsed, filter_codes) then return "content_filter" end
  if any_code(parsed, quota_codes) then return "quota" end
  if any_code(parsed, rate_codes) then return "rate_limit" end
  local status = status_in(parsed, payload)
  if status then return kind_of_status(status, parsed) end
  return any_code(parsed, kinds_by_type) or "server"
end

-- From what was received -------------------------------------------------------

local reasons = {
  [400] = "bad request", [401] = "the key is missing or wrong", [402] = "the balance is used up",
  [403] = "not allowed", [404] = "not found", [408] = "the server waited too long", [409] = "conflict",
  [413] = "the request is too large", [422] = "the request can't be processed", [429] = "too many requests",
  [500] = "internal error", [502] = "bad gateway", [503] = "service unavailable", [504] = "gateway timeout",
  [524] = "the server took too long",
}

local function fallback_message(status)
  if status >= 300 and status <= 399 then return ("the server redirects (status %d)"):format(status) end
  local reason = reasons[status]
  return ("the server answered with status %d%s"):format(status, reason and ": " .. reason or "")
end

-- Some name the wait in their message alone: "retry after 33 seconds" (Azure),
-- "try again in 7m12.5s" (Groq).
local wait_phrases = { "retry after ()", "try again in ()", "try again after ()", "retry in ()" }

local function wait_in_message(message)
  if type(message) ~= "string" then return nil end
  local text = message:lower()
  for _, phrase in ipairs(wait_phrases) do
    local position = text:match(phrase)
    local seconds = position and retry.duration(text, position)
    if seconds then return seconds end
  end
  return nil
end

local function location_for(status, h)
  if status < 300 or status > 399 then return nil end
  return headers.get(h, "location")
end

---@class marea.error.response
---@field status integer
---@field headers? table by lower-case name
---@field body? string|table
---@field provider? string
---@field method? string
---@field url? string
---@field redact? fun(s: string): string
---@field retry_after? number where it is known already
---@field now? number wall clock, for a retry-after that is a date
---@field decode? fun(s: string): any JSON decoder

--- The error that a response with a status other than 2xx stands for.
---@param response marea.error.response
---@return marea.error
function Error.from_response(response)
  local status, h = response.status, response.headers or {}
  if type(status) ~= "number" then error("from_response needs a status", 2) end
  local parsed = read_body(response.body, response.decode, response.redact)
  local wait = response.retry_after or retry.after(h, response.now) or parsed.retry_after
  if not wait and status == 429 then wait = wait_in_message(parsed.message) end
  return Error.new({
    kind = kind_of_status(status, parsed, wait),
    message = parsed.message or fallback_message(status),
    code = parsed.code, type = parsed.type, param = parsed.param, details = parsed.details,
    status = status, retry_after = wait, request_id = headers.request_id(h), location = location_for(status, h),
    provider = response.provider, method = response.method, url = response.url,
    body = type(response.body) == "string" and response.body or nil,
    redact = response.redact,
  })
end

--- The error that stands in a 200 body or in a stream. `fields` go into it as
--- they are; a kind among them wins over what the payload says of itself.
---@param payload table decoded
---@param fields? table
---@return marea.error
function Error.from_payload(payload, fields)
  if type(payload) ~= "table" then error("from_payload needs a decoded table", 2) end
  local parsed = read_body(payload, nil, fields and fields.redact)
  local all = {
    message = parsed.message or "the server sent an error without a message",
    code = parsed.code, type = parsed.type, param = parsed.param, details = parsed.details,
    kind = kind_of_payload(parsed, payload), retry_after = parsed.retry_after,
  }
  if all.kind == "rate_limit" then all.retry_after = all.retry_after or wait_in_message(parsed.message) end
  for name, value in pairs(fields or {}) do all[name] = value end
  return Error.new(all)
end

return Error
