-- SPDX-License-Identifier: MIT
-- What came back for a request: its status, headers and body, and the transfer
-- it comes by. Most callers never look at the headers, so they are parsed when
-- somebody does.

local headers = require("marea.compat").lazy "marea.headers"

local answer = {}

---@class marea.Answer
---@field transfer userdata
---@field release fun() gives the limiter's place back
---@field status integer|nil
---@field head string the head as it came
---@field headers table by lower-case name
---@field body string|nil where it was read whole
---@field think_tags marea.think.tags|false|nil what reasoning stands between in its text
local methods = {}
local metatable = { __name = "marea.answer" }

function metatable.__index(self, key)
  if key ~= "headers" then return methods[key] end
  local parsed = headers.parse(rawget(self, "head") or "")
  self.headers = parsed
  return parsed
end

function methods.release() end

-- What all of them come to hold has a place from the start. There may be
-- thousands: what few have makes theirs grow.
function answer.new(release)
  local self = setmetatable({ transfer = nil, status = nil, head = nil, body = nil }, metatable)
  if release then self.release = release end
  return self
end

local CONTENT_TYPE = ("\ncontent-type:[ \t]*"):gsub("%a", function(letter)
  return "[" .. letter .. letter:upper() .. "]"
end):gsub("%-", "%%-") .. "([^;%s]*)"

-- Streams that say so as nearly all do are known without a pattern.
local EVENTS = "text/event-stream"
local AS_A_RULE = { "\nContent-Type: " .. EVENTS, "\ncontent-type: " .. EVENTS }

local function says_events(head)
  for i = 1, #AS_A_RULE do
    local _, last = head:find(AS_A_RULE[i], 1, true)
    if last then return head:find("^[;%s]", last + 1) end
  end
end

--- The type of the body without its parameters, in lower case; "" if unsaid.
--- Every stream asks, so the other headers are not parsed for it.
function methods:media_type()
  local head = rawget(self, "head") or ""
  if says_events(head) then return EVENTS end
  local kind = head:match(CONTENT_TYPE)
  return kind and kind:lower() or ""
end

function methods:request_id()
  return headers.request_id(self.headers)
end

---@class marea.Response
---@field status integer
---@field headers table by lower-case name
---@field request_id string|nil
---@field rate_limit marea.rate_limit|nil

--- What a user is shown of it.
---@return marea.Response
function methods:describe()
  if not rawget(self, "response") then
    self.response = { status = self.status, headers = self.headers,
      request_id = self:request_id(), rate_limit = headers.rate_limit(self.headers) }
  end
  return self.response
end

return answer
