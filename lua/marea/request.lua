-- SPDX-License-Identifier: MIT
-- One request as the caller sees it: waits for its turn, tries, and tries
-- again where that can help; follows the one kind of redirect that is safe.
-- This is the only layer that retries. Returns the answer once its first byte
-- of body is here (or, read whole, its last): until then nothing has been
-- handed over and a failure can still be mended.

local core = require "marea.core"
local answers = require "marea.answer"
local Error = require("marea.compat").lazy "marea.error"
local fault = require("marea.compat").lazy "marea.fault"
local hooks = require("marea.compat").lazy "marea.hooks"
local loop = require "marea.loop"
local redirect = require("marea.compat").lazy "marea.redirect"
local retry = require("marea.compat").lazy "marea.retry"

local MAX_REDIRECTS = 5

local request = {}

local function add_attempt(call, attempt)
  call.attempts = call.attempts or {}
  call.attempts[#call.attempts + 1] = attempt
  return call.attempts
end

---- being told, and being kept from the network ----------------------------------

local told, offline      -- called with each try; why no request may go out

--- From now on f(call, try, answer, err, seconds) is told of each try.
---@param f function|nil
function request.tell(f)
  told = f
end

--- Keeps requests from the network, but for those with a transport of their own.
---@param why string|nil nil: lets them out again
---@return string|nil before
function request.keep_offline(why)
  local before = offline
  offline = why
  return before
end

-- Tries, and tells of it.
local function tell_try(call, try, f)
  local started = core.now()
  local answer, err, fields = f(call, try)
  told(call, try, answer, err, core.now() - started)
  return answer, err, fields
end

---- one try ------------------------------------------------------------------

-- The total clock also runs in the C core, from what is left of it. A transport
-- of its own stands between a call and the network.
local function start(call, prepared, answer)
  local left = call.deadline and math.max(call.deadline - core.now(), 1e-6)
  local body = call.form or call.body
  if call.transport then answer.transfer = call.transport(call, prepared, body, left)
  else answer.transfer = loop.engine():transfer(prepared, body, left) end
  loop.changed()
  return loop.own(answer.transfer, answer.release)
end

--- Waits until the transfer has something to say. Returns as loop.suspend does.
function request.wait(transfer)
  while not transfer:wait() do
    loop.changed()
    local cancelled = loop.wait(transfer:id())
    if cancelled then return cancelled end
  end
end

-- Reads the body to its end.
local function read_whole(answer)
  answer.transfer:read_as("whole")
  local cancelled = request.wait(answer.transfer)
  if cancelled then return cancelled end
  answer.body = answer.transfer:bytes() or ""
end

-- What is wrong with the answer, or nil. Its body is read if so.
local function judge(call, answer)
  local transfer, status = answer.transfer, answer.status or 0
  if (status < 200 or status >= 300) and not answer.body then
    local cancelled = read_whole(answer)
    if cancelled then error(cancelled, 0) end
  end
  if status >= 300 then
    return Error.from_response { status = status, headers = answer:headers(),
      body = answer.body, provider = call.provider, method = call.method,
      url = call.url, redact = call:blanker() }
  end
  local failed = transfer:failure()
  if failed and (call.whole or transfer:received() == 0) then
    return fault.of_transfer(call, answer)
  end
end

-- libcurl sends a request again by itself where a kept connection turned out
-- to be dead, or the server refused the stream, before any answer.
local function tell_mended(call, try)
  add_attempt(call, { kind = "connection", wait = 0 })
  if call.on.retry then
    local err = fault.of_call(call, { kind = "connection", message = "the connection that was kept is gone" })
    call.on.retry { error = err, wait = 0, attempt = try }
  end
end

local function let_go(answer)
  local transfer = answer.transfer
  transfer:close()
  loop.disown(transfer)
  loop.changed()
  answer.release()
end

-- Where there are limits, what gives the call's place back; false: in vain.
local function enter(call)
  if not call.limits then return nil end
  local release, cancelled = call.limits:enter(call.deadline)
  if cancelled then error(cancelled, 0) end
  if release then return release end
  return false, fault.of_call(call, { kind = "timeout", phase = "total",
    message = "timed out waiting for the limits" })
end

-- What went wrong, or nil. May raise.
local function go(call, try, answer)
  local prepared, err = call:template()
  if err then return err end
  if offline and not call.transport then return fault.of_call(call, { kind = "offline", message = offline }) end
  local started = call.on.response and core.now()
  if call.on.request then hooks.request(call, try) end
  start(call, prepared, answer)
  if call.meanwhile then call.meanwhile(call, answer) end
  local transfer = answer.transfer
  if call.whole then transfer:read_as("whole") end
  local cancelled = request.wait(transfer)
  if cancelled then error(cancelled, 0) end
  local times
  answer.status, times, answer.head = transfer:head()
  if times > 1 then tell_mended(call, try) end
  if call.whole then answer.body = transfer:bytes() or "" end
  local problem = judge(call, answer)
  if started and answer.status then hooks.response(call, answer, started) end
  return problem
end

-- The answer; or nil, an error, and the headers that came with it.
local function try_once(call, try)
  local release, late = enter(call)
  if release == false then return nil, late end
  local answer = answers.new(release)
  local ok, problem = pcall(go, call, try, answer)
  if ok and not problem then return answer end
  if answer.transfer then let_go(answer) else answer.release() end
  call.state = nil      -- the next try may be long in coming
  if not ok then error(problem, 0) end
  return nil, problem, answer:headers()
end

---- tries --------------------------------------------------------------------

local function wait_before_next(call, err, fields, try)
  local wait = retry.after(fields) or err.retry_after or retry.delay(try)
  if call.deadline and core.now() + wait >= call.deadline then return false end
  local attempts = err.attempts
  attempts[#attempts].wait = wait
  if call.on.retry then call.on.retry { error = err, wait = wait, attempt = try } end
  local cancelled = loop.sleep(wait)
  if cancelled then error(cancelled, 0) end
  return true
end

local function try_again(call, err, fields, try)
  err.attempts = add_attempt(call, { status = err.status, kind = err.kind })
  return retry.should(err, fields, { retries = try - 1, max_retries = call.max_retries })
    and wait_before_next(call, err, fields, try)
end

--- Sends a request. Returns the answer, or nil and an error; raises only when
--- the task is cancelled, or what a hook raises.
---@param call marea.Call
---@return marea.Answer|nil, marea.error|nil
function request.send(call)
  local try, followed = 1, 0
  while true do
    local answer, err, fields
    if told then answer, err, fields = tell_try(call, try, try_once)
    else answer, err, fields = try_once(call, try) end
    if answer then return answer end
    local target = redirect.target(call, err, fields)
    if target and followed < MAX_REDIRECTS then
      call.first_url = call.first_url or call.url
      call.url, followed = target, followed + 1
    else
      if target then err.message = "too many redirects" end
      if not try_again(call, err, fields, try) then return nil, err end
      try, followed = try + 1, 0
    end
  end
end

request.let_go = let_go
request.read_whole = read_whole

return request
