-- SPDX-License-Identifier: MIT
-- What a request says and does but for its body, prepared once and used again
-- by every call of a client that differs in nothing else: header lines, and the
-- C core's template, which keeps libcurl's handles as they were set up.

local loop = require "marea.loop"
local net = require("marea.compat").lazy "marea.network"

local template = {}

---- header lines -------------------------------------------------------------

-- One spelling of each name counts, whatever its case: the last one set.
local function put(list, places, name, value)
  local place = places[name:lower()]
  if not place then
    place = #list + 1
    places[name:lower()] = place
  end
  if value == false then list[place] = name .. ":"   -- nor libcurl's own
  elseif value == "" then list[place] = name .. ";"   -- libcurl's way to send it empty
  else list[place] = name .. ": " .. value end
end

-- How a body may be compressed. Where it comes piece by piece a compressor on the
-- way could hold back what it has until it has more. Who says nothing of it gets
-- none; to insist is for where it would do harm.
local function encodings(call)
  if call.identity then return "identity" end
  return call.whole and net.versions().encodings
end

-- What libcurl would say of itself it writes twice; what it is given, once.
local function ours(call)
  local list, places = {}, {}
  put(list, places, "User-Agent", "marea/" .. require("marea")._VERSION)
  put(list, places, "Accept-Encoding", encodings(call))
  return list, places
end

-- Of a form only libcurl knows the boundary: its type is nobody else's to say.
local function without_type(list)
  local out = {}
  for name, value in pairs(list) do
    if name:lower() ~= "content-type" then out[name] = value end
  end
  return out
end

local nothing = {}

--- The header lines of a call; of a line that takes a header away nothing
--- stands after the colon.
---@param call marea.Call
---@return string[]
function template.lines(call)
  local s, list, places = call.settings, ours(call)
  local shared, own, kind = s.headers, call.headers or nothing, call.content_type
  if kind == false then shared, own = without_type(shared), without_type(own) end
  put(list, places, "Accept", call.accept or call.whole and "application/json" or "text/event-stream")
  if kind then put(list, places, "Content-Type", kind) end
  if call.key then put(list, places, s.auth.header, (s.auth.prefix or "") .. call.key) end
  for name, value in pairs(shared) do put(list, places, name, value) end
  for name, value in pairs(own) do put(list, places, name, value) end
  return list
end

---- templates ----------------------------------------------------------------

local CLOCKS = { "connect", "first_byte", "idle", "event" }   -- those the transfer keeps

local function make(call, once)
  local s, clocks = call.settings, call.clocks or call.settings.timeout
  local options = {
    method = call.method, url = call.url, headers = template.lines(call),
    proxy = s.proxy, ca_file = s.ca_file, insecure = s.insecure,
    max_body = s.max_body, max_event = s.max_event, once = once,
    -- Older libcurls buffer without bound what a paused HTTP/2 stream receives
    -- (megabytes each), stall streams that share a connection, and take one that
    -- was reset without an error for whole.
    http1 = (not call.whole or call.identity) and net.versions().libcurl_number < 0x080000,
  }
  for _, name in ipairs(CLOCKS) do options[name] = clocks[name] end
  return loop.engine():template(options)
end

--- The template for one try of a call. Kept for those that have neither headers,
--- clocks nor a key of their own, and whose URL is kept, while the client's key
--- stays the same.
---@param call marea.Call
function template.of(call)
  local s = call.settings
  local kept = s.templates[call.url]
  if not kept or call.headers or call.clocks or call.accept or call.api_key then return make(call, true) end
  if kept.key ~= call.key then
    kept = { key = call.key }
    s.templates[call.url] = kept
  end
  local same_method = kept[call.method]
  if not same_method then
    same_method = {}
    kept[call.method] = same_method
  end
  local kind = (call.whole and 3 or 1) + (call.body and 1 or 0) + (call.identity and 4 or 0)
  local known = same_method[kind]
  if not known then
    known = make(call, false)
    same_method[kind] = known
  end
  return known
end

return template
