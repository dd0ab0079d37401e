-- SPDX-License-Identifier: MIT
-- What the hooks of a client are told of a request and of its answer, with what
-- is secret blanked.

local core = require "marea.core"
local redact = require "marea.redact"
local template = require "marea.template"

local hooks = {}

local function blanked_headers(call, list)
  local out = {}
  local blank = call:blanker()
  for _, line in ipairs(redact.headers(list)) do
    if not line:find(":%s*$") then out[#out + 1] = blank(line) end   -- such a line is not sent
  end
  return out
end

--- Tells the hook `request` of what is about to be sent.
---@param call marea.Call
---@param try integer
function hooks.request(call, try)
  call.on.request { method = call.method, url = redact.url(call:blanker()(call.url)),
    headers = blanked_headers(call, template.lines(call)), attempt = try, provider = call.provider }
end

--- Tells the hook `response` of an answer.
---@param call marea.Call
---@param answer marea.Answer
---@param started number when the try began
function hooks.response(call, answer, started)
  call.on.response { method = call.method, url = redact.url(call:blanker()(call.url)),
    status = answer.status, headers = redact.deep(redact.headers(answer:headers()), call:blanker()),
    seconds = core.now() - started, provider = call.provider }
end

return hooks
