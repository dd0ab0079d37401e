-- SPDX-License-Identifier: MIT
-- What came back for a request: its status, headers and body, and the transfer
-- it comes by. Most callers never look at the headers, so they are parsed when
-- somebody does.

local core = require "marea.core"
local headers = require("marea.compat").lazy "marea.headers"

local answer = {}

---@class marea.Answer
---@field transfer userdata
---@field release fun() gives the limiter's place back
---@field status integer|nil
---@field head string the head as it came
---@field fields table|nil its headers by lower-case name, once somebody asked
---@field body string|nil where it was read whole
---@field think_tags marea.think.tags|false|nil what reasoning stands between in its text
local methods = {}
local metatable = { __name = "marea.answer", __index = methods }

--- Its headers by lower-case name.
---@return table
function methods:headers()
  self.fields = self.fields or headers.parse(self.head or "")
  return self.fields
end

function methods.release() end

-- What all of them come to hold has a place from the start. There may be
-- thousands: what few have makes theirs grow.
function answer.new(release)
  local self = setmetatable({ transfer = nil, status = nil, head = nil, body = nil }, metatable)
  if release then self.release = release end
  return self
end

--- The type of the body without its parameters, in lower case; "" if unsaid.
--- Every stream asks, so the other headers are not parsed for it.
function methods:media_type()
  return core.media_type(self.head or "")
end

function methods:request_id()
  return headers.request_id(self:headers())
end

---@class marea.Response
---@field status integer
---@field headers table by lower-case name
---@field request_id string|nil
---@field rate_limit marea.rate_limit|nil

--- What a user is shown of it.
---@return marea.Response
function methods:describe()
  if not self.response then
    self.response = { status = self.status, headers = self:headers(),
      request_id = self:request_id(), rate_limit = headers.rate_limit(self:headers()) }
  end
  return self.response
end

return answer
