-- SPDX-License-Identifier: MIT
-- From what a test writes to an answer as the wire has it. A reply is a text; a
-- table of text, reasoning, refusal, tool_calls, usage, finish_reason, error;
-- or a wire completion, which goes out as it is. Where the call is streamed, the
-- same comes in pieces.

local compat = require "marea.compat"
local files = compat.lazy "marea.testing.files"
local json = require "marea.json"

local null = json.null

local reply = {}

---@class marea.testing.Reply
---@field text string|nil
---@field reasoning string|nil
---@field refusal string|nil
---@field tool_calls table[]|nil each { name =, arguments = table or JSON text, id = }
---@field usage table|nil
---@field finish_reason string|nil
---@field model string|nil that answers
---@field data string|nil bytes, such as speech, of the type `content_type`
---@field content_type string|nil
---@field error string|table|nil a kind, or { kind =, status =, message =, code = }; after a text: the stream breaks
---@field expect string|table|function|nil what the request must hold, see client.lua
---@field after number|nil seconds until the answer begins
---@field pause number|nil seconds before each piece of a stream

local fields = { text = true, reasoning = true, refusal = true, tool_calls = true, usage = true, finish_reason = true,
  error = true, expect = true, after = true, pause = true, model = true, data = true, content_type = true }

-- The kinds of error a provider can be the cause of.
local statuses = { authentication = 401, billing = 402, permission = 403, not_found = 404, rate_limit = 429,
  quota = 429, bad_request = 400, content_filter = 400, too_large = 413, server = 500 }
local unanswered = { connection = true, tls = true, timeout = true, truncated = true, protocol = true, decode = true }

local function is_kind(err)
  if type(err) == "table" then return err.kind == nil or is_kind(err.kind) end
  return statuses[err] ~= nil or unanswered[err] == true or err == "stream"
end

local function are_calls(list)
  if type(list) ~= "table" or list[1] == nil and next(list) ~= nil then return false end
  for _, call in ipairs(list) do
    if type(call) ~= "table" or type(call.name) ~= "string" then return false end
  end
  return true
end

local expects = { string = true, table = true, ["function"] = true }

--- What is wrong with a table in our words, or nil.
---@return string|nil
function reply.problem(value)
  for name in pairs(value) do
    if not fields[name] then return ("unknown field %q"):format(tostring(name)) end
  end
  if value.error ~= nil and not is_kind(value.error) then
    return ("no provider is the cause of an error of kind %q"):format(
      tostring(type(value.error) == "table" and value.error.kind or value.error))
  end
  if value.tool_calls ~= nil and not are_calls(value.tool_calls) then
    return "tool_calls: expected a list of { name =, arguments = }"
  end
  if value.expect and not expects[type(value.expect)] then return "expect: expected a text, a table or a function" end
end

--- Whether the table is an answer as the wire has it.
function reply.is_wire(value)
  if type(value.data) == "string" then return false end
  return value.choices ~= nil or value.output ~= nil or value.data ~= nil or value.object ~= nil
end

---- errors -----------------------------------------------------------------------

local codes = { quota = "insufficient_quota", content_filter = "content_filter" }
local function as_table(err)
  return type(err) == "table" and err or { kind = err }
end

local function error_body(err)
  local message = err.message or ("a %s error, as the test has it"):format(err.kind or "server")
  return json.encode { error = { message = message, code = err.code or codes[err.kind], type = err.type } }
end

local function failed(err)
  if unanswered[err.kind] then
    local phase = err.kind == "timeout" and (err.phase or "first_byte") or nil
    return { failure = { kind = err.kind, message = err.message, phase = phase } }
  end
  local headers = { ["content-type"] = "application/json" }
  if err.retry_after then headers["retry-after"] = tostring(err.retry_after) end
  return { status = err.status or statuses[err.kind] or 500, headers = headers, body = error_body(err) }
end

---- completions -------------------------------------------------------------------

local function wire_calls(list, number)
  if not list then return nil end
  local out = json.array {}
  for i, call in ipairs(list) do
    local arguments = call.arguments
    if type(arguments) == "table" then arguments = json.encode(arguments, { sort = true }) end
    out[i] = { id = call.id or ("call_%d_%d"):format(number, i), type = "function",
      ["function"] = { name = call.name, arguments = arguments or "{}" } }
  end
  return out
end

local function message_of(r, number)
  return { role = "assistant", content = r.text or (r.tool_calls and null or ""), reasoning_content = r.reasoning,
    refusal = r.refusal, tool_calls = wire_calls(r.tool_calls, number) }
end

local function completion(r, params, number)
  return { id = "chatcmpl-test", object = "chat.completion", created = 0, model = r.model or params.model or "test",
    usage = r.usage,
    choices = json.array { { index = 0, message = message_of(r, number),
      finish_reason = r.finish_reason or (r.tool_calls and "tool_calls" or "stop") } } }
end

---- pieces -----------------------------------------------------------------------

local function chunk(whole, delta, finish)
  return { value = { id = whole.id, object = "chat.completion.chunk", created = 0, model = whole.model,
    choices = json.array { { index = 0, delta = delta, finish_reason = finish or null } } } }
end

-- Words with the white space before them: joined they are the text again.
local function add_text(events, whole, key, text)
  if type(text) ~= "string" then return end
  local last = text:match("%s*$")
  for piece in text:gmatch("%s*%S+") do events[#events + 1] = chunk(whole, { [key] = piece }) end
  if last ~= "" then events[#events + 1] = chunk(whole, { [key] = last }) end
end

local function add_fragment(events, whole, fragment)
  events[#events + 1] = chunk(whole, { tool_calls = json.array { fragment } })
end

-- Of a few characters each: a piece is whole UTF-8, as in any JSON.
local function pieces(text)
  local out, from = {}, 1
  while from <= #text do
    local piece = compat.cut(text:sub(from, from + 11), 8)
    if piece == "" then piece = text:sub(from) end
    out[#out + 1], from = piece, from + #piece
  end
  return out
end

local function add_call(events, whole, call, index)
  local f = type(call) == "table" and call["function"]
  if type(f) ~= "table" then return add_fragment(events, whole, call) end
  local is_text = type(f.arguments) == "string"
  local first = { index = index, ["function"] = { name = f.name, arguments = is_text and "" or f.arguments } }
  for key, value in pairs(call) do
    if key ~= "function" then first[key] = value end
  end
  add_fragment(events, whole, first)
  for _, piece in ipairs(pieces(is_text and f.arguments or "")) do
    add_fragment(events, whole, { index = index, ["function"] = { arguments = piece } })
  end
end

local in_pieces = { content = true, reasoning_content = true, refusal = true, tool_calls = true }

-- What is no text and no call is there from the first chunk on.
local function first_delta(message)
  local delta = { role = "assistant", content = "" }
  for key, value in pairs(message) do
    if not in_pieces[key] or key == "content" and type(value) == "table" then delta[key] = value end
  end
  return delta
end

local function pieces_of(whole)
  local choice = type(whole.choices) == "table" and whole.choices[1]
  choice = type(choice) == "table" and choice or {}
  local message, events = type(choice.message) == "table" and choice.message or {}, {}
  events[1] = chunk(whole, first_delta(message))
  add_text(events, whole, "reasoning_content", message.reasoning_content)
  add_text(events, whole, "content", message.content)
  add_text(events, whole, "refusal", message.refusal)
  local list = type(message.tool_calls) == "table" and message.tool_calls or {}
  for i, call in ipairs(list) do add_call(events, whole, call, i - 1) end
  return events, choice.finish_reason
end

local function add_end(events, whole, finish)
  events[#events + 1] = chunk(whole, {}, finish)
  if whole.usage then
    events[#events + 1] = { value = { id = whole.id, object = "chat.completion.chunk", created = 0,
      model = whole.model, choices = json.array {}, usage = whole.usage } }
  end
  events[#events + 1] = { done = true }
end

-- How a stream ends that breaks: with an event that says so, or without one.
local function break_off(answer, err)
  local events = answer.events
  if unanswered[err.kind] then
    answer.failure = { kind = err.kind, message = err.message, phase = err.kind == "timeout" and "idle" or nil }
  else events[#events + 1] = { text = error_body(err) } end
end

local JSON, EVENTS = { ["content-type"] = "application/json" }, { ["content-type"] = "text/event-stream" }

local function streamed(whole, r)
  local events, finish = pieces_of(whole)
  local answer = { status = 200, headers = EVENTS, events = events, after = r.after }
  if r.error then break_off(answer, as_table(r.error)) else add_end(events, whole, finish) end
  for _, event in ipairs(events) do event.after = r.pause end
  return answer
end

local function whole_answer(value, r)
  return { status = 200, headers = JSON, body = json.encode(value), after = r.after }
end

-- A response, from the words of a completion.
local function response(r, params)
  local output = json.array { { type = "message", role = "assistant",
    content = json.array { { type = "output_text", text = r.text or "" } } } }
  return { id = "resp-test", object = "response", status = "completed", model = r.model or params.model or "test",
    output = output, usage = r.usage }
end

local function response_answer(value, r, params)
  if params.stream ~= true then return whole_answer(value, r) end
  local event = { value = { type = "response.completed", response = value }, type = "response.completed" }
  return { status = 200, headers = EVENTS, events = { event }, after = r.after }
end

local function has_said(r)
  return r.text ~= nil or r.reasoning ~= nil or r.tool_calls ~= nil
end

--- The answer of a reply to a request.
---@param r string|marea.testing.Reply|table
---@param params table what was asked
---@param path string of the endpoint
---@param number integer of the request; the ids of its calls are made of it
---@return marea.testing.Answer
function reply.answer(r, params, path, number)
  if type(r) == "string" then r = { text = r } end
  local carries_files = type(r.data) == "string" or path:find("/audio/%a+$")
  if carries_files and not r.error then return files.answer(r, params, path) end
  if reply.is_wire(r) then
    if path:find("responses$") then return response_answer(r, {}, params) end
    if params.stream ~= true then return whole_answer(r, {}) end
    return streamed(r, {})
  end
  if r.error and not (params.stream == true and has_said(r)) then return failed(as_table(r.error)) end
  if path:find("responses$") then return response_answer(response(r, params), r, params) end
  local whole = completion(r, params, number)
  if params.stream == true then return streamed(whole, r) end
  return whole_answer(whole, r)
end

return reply
