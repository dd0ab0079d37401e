-- SPDX-License-Identifier: MIT
-- A client that answers from a script: marea.testing.client{ replies = { ... } }.
-- All of the library's own code runs as it does with a provider; only the
-- network is not there.

local check = require "marea.check"
local client = require "marea.client"
local forms = require("marea.compat").lazy "marea.form"
local json = require "marea.json"
local protect = require "marea.agent.protect"
local reply = require "marea.testing.reply"
local show = require "marea.testing.show"
local transfer = require "marea.testing.transfer"

local testing = {}

local SUFFIX = "/v1"
local BASE = "http://127.0.0.1" .. SUFFIX

---- what a reply expects -------------------------------------------------------------

local function last_text(params)
  local messages = type(params.messages) == "table" and params.messages or {}
  local last = messages[#messages]
  local content = type(last) == "table" and last.content or params.input
  if type(content) == "string" then return content end
  return content ~= nil and json.encode(content) or ""
end

-- What is expected is there, whatever else is.
local function holds(value, expected)
  if type(expected) ~= "table" or type(value) ~= "table" then return value == expected end
  for key, inner in pairs(expected) do
    if not holds(value[key], inner) then return false end
  end
  return true
end

local kinds = {}

kinds["function"] = function(expect, params)
  local ok, why = expect(params)
  return ok ~= false and (ok ~= nil or why == nil), why
end

function kinds.string(expect, params)
  return last_text(params):find(expect, 1, true) ~= nil
end

function kinds.table(expect, params)
  return holds(params, expect)
end

-- What of the request to show beside the expectation: as much as it speaks of.
local function likeness(params, expect)
  if type(expect) ~= "table" or type(params) ~= "table" then return params end
  local out = {}
  for key in pairs(expect) do out[key] = likeness(params[key], expect[key]) end
  return json.is_array(params) and json.array(out) or out
end

local function check_expectation(r, params, number)
  local expect = type(r) == "table" and r.expect
  if not expect then return end
  local fits, why = kinds[type(expect)](expect, params)
  if fits then return end
  local title, asked = "expected", likeness(params, expect)
  if type(expect) == "string" then title, asked = "expected in the last message", last_text(params) end
  error(("marea.testing.client: request %d is not what its reply expects\n%s"):format(number,
    show.side_by_side(title, why ~= nil and why or expect, "asked", asked)), 0)
end

---- the script ----------------------------------------------------------------------

local function list_requests(script)
  local lines = {}
  for i, params in ipairs(script.requests) do lines[i] = ("  %d. %s"):format(i, show.request(params)) end
  return #lines > 0 and table.concat(lines, "\n") or "  none"
end

local function run_out(script)
  error(("marea.testing.client: no reply is left for request %d (there were %d)\nasked:\n%s"):format(
    #script.requests, #script.replies, list_requests(script)), 0)
end

local function read_request(call)
  if call.form then return forms.shown(call.form) end
  local params = call.body and json.decode(call.body)
  if type(params) == "table" then return params end
  return { method = call.method, url = call.url, body = call.body }
end

-- Functions are asked what to answer.
local function next_reply(script, params)
  local r = script.replies[script.used + 1]
  if r == nil then run_out(script) end
  script.used = script.used + 1
  if type(r) == "function" then r = r(params, script.requests) end
  if type(r) ~= "string" and type(r) ~= "table" then
    error(("marea.testing.client: reply %d is a function that returned a %s"):format(script.used, type(r)), 0)
  end
  local problem = type(r) == "table" and not reply.is_wire(r) and reply.problem(r)
  if problem then error(("marea.testing.client, reply %d: %s"):format(script.used, problem), 0) end
  return r
end

local function fitting_reply(script, params)
  local r = next_reply(script, params)
  check_expectation(r, params, #script.requests)
  return r
end

-- What doesn't fit may be caught on its way, as an agent does with what its tools
-- raise: it is kept, for assert_used.
local function answer(script, call)
  local params = read_request(call)
  script.requests[#script.requests + 1] = params
  local results, failure = protect(fitting_reply, script, params)
  if not results then
    script.failure = script.failure or failure
    error(failure, 0)
  end
  local r = results[1]
  return transfer.new(reply.answer(r, params, (call.url:gsub("%?.*$", "")), #script.requests), call.deadline)
end

---- making one ----------------------------------------------------------------------

local function check_replies(replies)
  check.value(2, "marea.testing.client, replies", "a table", replies)
  for i, r in ipairs(replies) do
    local where = ("marea.testing.client, replies[%d]"):format(i)
    local kind = type(r)
    if kind ~= "string" and kind ~= "table" and kind ~= "function" then
      check.fail(2, where, "a text, a table or a function", r)
    end
    if kind == "table" and not reply.is_wire(r) then
      local problem = reply.problem(r)
      if problem then error(("%s: %s"):format(where, problem), 3) end
    end
  end
end

local function client_options(options)
  local out = { max_retries = 0, model = "test" }
  if not options.provider then out.base_url = BASE end
  if options.provider then out.api_key = "a-key-for-tests" end
  for name, value in pairs(options) do
    if name ~= "replies" then out[name] = value end
  end
  return out
end

--- Raises what didn't fit; and, readably, while replies are left.
local function assert_used(script)
  if script.failure ~= nil then error(script.failure, 0) end
  local left = #script.replies - script.used
  if left == 0 then return true end
  local unused = {}
  for i = script.used + 1, #script.replies do
    unused[#unused + 1] = ("  %d. %s"):format(i, show.lines(script.replies[i])[1])
  end
  error(("marea.testing.client: %d of %d replies %s not used\n%s\nasked:\n%s"):format(left, #script.replies,
    left == 1 and "was" or "were", table.concat(unused, "\n"), list_requests(script)), 3)
end

--- Makes a client that answers from a script. `requests` holds what it was
--- asked; `client:assert_used()` raises while replies are left, or where a request
--- didn't fit its reply.
---@param options { replies: (string|marea.testing.Reply|table|function)[] } and options of marea.client
---@return marea.Client
function testing.new(options)
  check.value(1, "marea.testing.client", "a table", options)
  check_replies(options.replies)
  local script = { replies = options.replies, used = 0, requests = {} }
  local self = client.through(client.new(client_options(options)), function(call) return answer(script, call) end)
  self.requests = script.requests
  function self.assert_used() return assert_used(script) end
  return self
end

return testing
