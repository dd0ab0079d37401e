-- SPDX-License-Identifier: MIT
-- The corpus in spec/quirks (see its README): reads a case, arranges for a
-- server to send it, reads the answer, and compares what came with what the
-- case expects.

local assert = require("luassert")
local faults = require("spec.support.faults")
local json = require("marea.json")
local lfs = require("lfs")

local quirks = {}

local DIR = "spec/quirks/"

local function read_file(path)
  local file = io.open(path, "rb")
  if not file then return nil end
  local bytes = file:read("*a")
  file:close()
  return bytes
end

---- cases --------------------------------------------------------------------

-- The head's lines end in CRLF on the wire, in an editor they need not.
local function http_parts(bytes)
  local head, body = bytes:gsub("\r\n", "\n", 50):match("^(.-\n)\n(.*)$")
  return (head:gsub("\n", "\r\n")), body
end

local function load_case(name, ext)
  local case = assert(loadfile(DIR .. name .. ".lua"))()
  case.name, case.endpoint = name, case.endpoint or "chat"
  local bytes = read_file(DIR .. name .. ext)
  if ext == ".sse" then
    case.stream = true
    case.head, case.body = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n", bytes
  else case.head, case.body = http_parts(bytes) end
  case.whole = read_file(DIR .. name .. ".json")
  return case
end

---Every case, by name.
function quirks.load()
  local list = {}
  for file in lfs.dir(DIR) do
    local name, ext = file:match("^(.*)(%.%l+)$")
    if ext == ".sse" or ext == ".http" then list[#list + 1] = load_case(name, ext) end
  end
  table.sort(list, function(a, b) return a.name < b.name end)
  assert(#list > 0, "no cases in " .. DIR)
  return list
end

---- how a case is sent -------------------------------------------------------

local CHUNKED = "transfer-encoding: chunked\r\n\r\n"

local function close_or_not(case, actions)
  actions[#actions + 1] = case.open and { wait_close = 5 } or nil
  return actions
end

---@return table actions of a script: all at once
function quirks.whole(case)
  local length = "content-length: " .. #case.body .. "\r\n\r\n"
  if case.open then return close_or_not(case, { { send = case.head .. CHUNKED .. faults.chunk(case.body) } }) end
  return { { send = case.head .. length .. case.body } }
end

---@return table actions of a script: one byte after another
function quirks.bytewise(case)
  local body = case.body == "" and "" or faults.chunk(case.body)
  local bytes = case.head .. CHUNKED .. body .. (case.open and "" or "0\r\n\r\n")
  return close_or_not(case, { { send_each = bytes, size = 1 } })
end

---@return table actions of a script: cut in four places, elsewhere with each request
function quirks.cut(case)
  local actions = { { cut = case.body, head = case.head .. CHUNKED, open = case.open } }
  return close_or_not(case, actions)
end

---- what comes of it ---------------------------------------------------------

local function choice_at(outcome, index)
  local choice = outcome.choices[index + 1] or { text = "", reasoning = "", refusal = "", tool_calls = {} }
  outcome.choices[index + 1] = choice
  return choice
end

local function add(outcome, event)
  local choice = choice_at(outcome, event.index)
  if event.type == "finish" then
    choice.finish, choice.raw_finish = event.reason, event.raw_reason
  else
    assert.not_equal("", event.text)
    choice[event.type] = choice[event.type] .. event.text
  end
end

local function add_call(outcome, event)
  local calls = choice_at(outcome, event.choice).tool_calls
  assert.equal(#calls, event.index)
  calls[#calls + 1] = event
end

local function read_events(stream, outcome)
  while true do
    local event, err = stream:next()
    if not event then return err end
    if event.type == "usage" then outcome.usage = event.usage
    elseif event.type == "tool_call" then add_call(outcome, event)
    elseif event.type ~= "tool_call.delta" then add(outcome, event) end
  end
end

local function call(client, case, streamed)
  local params = { stream = streamed or nil }
  for key, value in pairs(case.params or {}) do params[key] = value end
  if case.endpoint == "responses" then params.input = "x"
  elseif case.endpoint == "completions" then params.prompt = "x"
  else params.messages = faults.messages end
  local place = case.endpoint == "chat" and client.chat.completions or client[case.endpoint]
  return place:create(params)
end

---Asks for a stream and reads it: { choices, usage, error, result }.
function quirks.read(client, case)
  local outcome = { choices = {} }
  local stream, err = call(client, case, true)
  outcome.error = err
  if not stream then return outcome end
  outcome.error = read_events(stream, outcome)
  outcome.result, err = stream:result()
  assert.equal(outcome.error, err)
  return outcome
end

---Asks for a whole answer: { result, error }.
function quirks.ask(client, case)
  local result, err = call(client, case, false)
  return { result = result, error = err }
end

---- comparisons --------------------------------------------------------------

local function encode(value)
  return json.encode(value, { sort = true })
end

---All of an outcome in a string, but for the ids we made.
function quirks.fingerprint(outcome)
  local err = outcome.error
  local said = err and { err.kind, err.message, err.partial } or outcome.result
  return (encode { outcome.choices, outcome.usage or 0, said }:gsub("call_%x%x%x%x%x%x+", "made"))
end

local function check_calls(expected, got)
  assert.equal(#expected, #got, "tool calls")
  local ids = {}
  for i, want in ipairs(expected) do
    local call_ = got[i]
    if want.id == "made" then assert.matches("^call_%x+$", call_.id)
    else assert.equal(want.id, call_.id) end
    assert.is_nil(ids[call_.id], "one id for two calls")
    ids[call_.id] = true
    assert.equal(want.name, call_.name)
    assert.equal(want.arguments_json, call_.arguments_json)
    local arguments = want.arguments ~= false and json.decode(want.arguments_json) or nil
    assert.same(arguments, call_.arguments)
  end
end

local function check_error(want, err)
  if not want then return assert.is_nil(err, tostring(err)) end
  assert.is_table(err, "no error, where one is expected")
  for _, field in ipairs { "kind", "message", "code", "type", "status", "retry_after" } do
    if want[field] ~= nil then assert.equal(want[field], err[field]) end
  end
  if want.says then assert.truthy(err.message:find(want.says, 1, true), err.message) end
  if want.without then assert.is_nil(tostring(err):find(want.without, 1, true)) end
end

-- What had come is in the error as it was read.
local function check_partial(case, outcome)
  local partial = outcome.error.partial
  if not partial then return assert.same({}, outcome.choices) end
  assert.equal(case.text or "", partial.output_text)
  assert.equal(case.reasoning, partial.reasoning_text)
  local arguments = case.error.partial_arguments
  if arguments then
    assert.equal(arguments, partial.choices[1].message.tool_calls[1]["function"].arguments)
    assert.is_nil(partial.tool_calls[1].arguments)
  end
end

-- What a case says of one choice, all in words of their own.
local function choices_of(case)
  local list = {}
  for i, choice in ipairs(case.choices or { case }) do
    local raw = choice.raw_finish
    if raw == nil then raw = choice.finish end
    list[i] = { text = choice.text or "", reasoning = choice.reasoning or "", refusal = choice.refusal or "",
      finish = choice.finish, raw_finish = raw or nil, tool_calls = choice.tool_calls or {} }
  end
  return list
end

local function check_choices(case, outcome)
  for i, want in ipairs(choices_of(case)) do
    local got = choice_at(outcome, i - 1)
    if got.raw_finish == json.null then got.raw_finish = nil end
    check_calls(want.tool_calls, got.tool_calls)
    want.tool_calls, got.tool_calls = nil, nil
    assert.same(want, got)
  end
end

local function check_wire_fields(case, result)
  for name, value in pairs(case.result or {}) do
    local got = result[name]
    if name == "role" then got = result.choices[1].message.role end
    assert.equal(encode(value), encode(got), name)
  end
  for name, value in pairs(case.choice or {}) do
    assert.equal(encode(value), encode(result.choices[1][name]), name)
  end
end

-- A whole answer, streamed or not, says the same.
local function check_result(case, result)
  local first = choices_of(case)[1]
  assert.equal(first.text, result.output_text)
  assert.equal(first.text, tostring(result))
  assert.equal(first.reasoning, result.reasoning_text or "")
  check_calls(first.tool_calls, result.tool_calls)
  if case.usage then assert.same(case.usage, result.usage) end
  check_wire_fields(case, result)
end

---Compares what was streamed with what the case expects.
function quirks.check_stream(case, outcome)
  check_error(case.error, outcome.error)
  if case.error then return check_partial(case, outcome) end
  check_choices(case, outcome)
  assert.same(case.usage, outcome.usage)
  check_result(case, outcome.result)
  if case.whole then assert.equal(encode(json.decode(case.whole)), encode(outcome.result)) end
end

---Compares a whole answer with what the case expects.
function quirks.check_whole(case, outcome)
  check_error(case.error, outcome.error)
  if not case.error then check_result(case, outcome.result) end
end

return quirks
