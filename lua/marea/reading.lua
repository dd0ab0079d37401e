-- SPDX-License-Identifier: MIT
-- What an answer that was read whole means: its result, or the error it is.

local json = require "marea.json"
local compat = require "marea.compat"
local Error = compat.lazy "marea.error"
local mime = compat.lazy "marea.mime"
local fault = compat.lazy "marea.fault"
local result = require "marea.result"

local reading = {}

-- Where JSON is all that can come, its look counts for more than its type. Any
-- endpoint may give what only looks like it: a log, or lines of JSON.
local function is_json(answer, endpoint, first)
  if (first == "{" or first == "[") and not endpoint.any then return true end
  local kind = answer:media_type()
  if kind == "" then return true end
  if endpoint.any then return mime.is_json(kind) end
  return kind:find("json", 1, true) ~= nil
end

-- What has the look of an error may be what any endpoint was asked for.
local function is_error(value, endpoint)
  if endpoint.any then return Error.is_error_envelope(value) end
  return (value.error ~= nil or value.choices == nil) and Error.is_error_payload(value)
end

-- A 200 that says it failed, or says nothing.
local function judge_value(call, answer, value, endpoint)
  if is_error(value, endpoint) then return fault.said(call, answer, value) end
  if value.status == "failed" and value.object == "response" then
    return fault.of_answer(call, answer, call.whole and "server" or "stream", "the response failed")
  end
  local needed = endpoint.choices and "choices" or endpoint.output and "output"
  if needed and type(value[needed]) ~= "table" then
    return fault.of_answer(call, answer, "protocol", "the answer holds no " .. needed)
  end
end

local function decode(call, answer, endpoint, params)
  local value, message = json.decode(compat.without_bom(answer.body), endpoint.decoding and endpoint.decoding(params))
  if value == nil then
    return nil, fault.of_answer(call, answer, "decode",
      "the answer is not JSON: " .. fault.without_excerpt(message))
  end
  if type(value) ~= "table" then
    if endpoint.any then return result.new({ data = value }, answer) end
    return nil, fault.of_answer(call, answer, "protocol", "the answer is not a JSON object")
  end
  local err = judge_value(call, answer, value, endpoint)
  if err then return nil, err end
  value = result.new(value, answer)
  local kind, wrong
  if endpoint.judge then kind, wrong = endpoint.judge(value, params) end
  if kind then return nil, fault.of_answer(call, answer, kind, wrong) end
  return value
end

-- Subtitles, and other text where the endpoint may give that; errors may come
-- under its name.
local function is_wanted_text(answer)
  if answer.body:find('^%s*{%s*"error"') then return false end
  local kind = answer:media_type()
  return mime.is_text(kind) and kind ~= "text/html"
end

local function as_it_is(call, answer)
  local err = fault.of_coding(call, answer)
  if err then return nil, err end
  return result.new({ data = answer.body, content_type = answer:media_type() }, answer)
end

--- The result of an answer that was read whole; or nil and the error it is.
---@param call marea.Call
---@param answer marea.Answer
---@param endpoint table
---@param params table|nil
---@return marea.Result|nil, marea.error|nil
function reading.result(call, answer, endpoint, params)
  if endpoint.text and is_wanted_text(answer) then return as_it_is(call, answer) end
  local first = compat.without_bom(answer.body):match("%S")
  if not first then
    if endpoint.any then return result.new({}, answer) end
    return nil, fault.of_answer(call, answer, "protocol", "the answer is empty")
  end
  if is_json(answer, endpoint, first) then return decode(call, answer, endpoint, params) end
  if endpoint.any then return as_it_is(call, answer) end
  return nil, fault.of_answer(call, answer, "protocol", "expected JSON, got " .. answer:media_type())
end

return reading
