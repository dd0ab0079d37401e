-- SPDX-License-Identifier: MIT
-- Errors about a call, and about the answer it got: where they came from, and
-- each try.

local Error = require "marea.error"

local fault = {}

--- An error about a call that got no answer.
function fault.of_call(call, fields)
  fields.method, fields.url, fields.provider = call.method, call.url, call.provider
  fields.redact = call:blanker()
  return Error.new(fields)
end

-- What any error about an answer tells: where it came from, and each try.
local function about(call, answer)
  local attempts = {}
  for i, attempt in ipairs(call.attempts or attempts) do attempts[i] = attempt end
  attempts[#attempts + 1] = { status = answer.status }
  return { status = answer.status, request_id = answer:request_id(),
    body = answer.status and answer.body or nil,
    attempts = attempts, method = call.method, url = call.url, provider = call.provider,
    redact = call:blanker() }
end

local function finish_error(err)
  err.attempts[#err.attempts].kind = err.kind
  return err
end

--- An error about an answer that was received.
---@param answer marea.Answer
function fault.of_answer(call, answer, kind, message)
  local fields = about(call, answer)
  fields.kind, fields.message = kind, message
  return finish_error(Error.new(fields))
end

--- The error an answer holds; `kind` wins over what it says of itself.
---@param payload table decoded
---@param kind string|nil
function fault.said(call, answer, payload, kind)
  local fields = about(call, answer)
  fields.kind = kind
  return finish_error(Error.from_payload(payload, fields))
end

--- The error the transfer of an answer ended with, or nil.
function fault.of_transfer(call, answer)
  local kind, message, phase = answer.transfer:failure()
  if not kind then return nil end
  if kind == "timeout" then message = "timed out (" .. phase .. ")" end
  local err = fault.of_answer(call, answer, kind, message)
  err.phase = phase
  return err
end

--- The error of an answer that was compressed though it was asked not to be,
--- since its end would not show; or nil.
function fault.of_coding(call, answer)
  local coding = answer:headers()["content-encoding"]
  if not call.identity or coding == nil or coding == "identity" then return nil end
  return fault.of_answer(call, answer, "protocol",
    "the answer is compressed, though it was asked not to be: whether it is whole would not show")
end

--- What the decoder said, but for the bytes it quotes: half a key would not be
--- recognised as one.
function fault.without_excerpt(message)
  return (message:gsub(" near '.*$", ""))
end

return fault
