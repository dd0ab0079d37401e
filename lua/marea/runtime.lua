-- SPDX-License-Identifier: MIT
-- marea.runtime: agents that are known by name, `type/key`, made when the first
-- message for them comes, and that hear of topics, `type/source`. Each handles its
-- messages one after the other, in the order in which they were sent.

local compat = require "marea.compat"
local check = require "marea.check"
local content = require "marea.agent.content"
local core = require "marea.core"
local Error = require "marea.error"
local loop = require "marea.loop"
local recipient = require "marea.runtime.recipient"
local speaker = require "marea.runtime.speaker"
local task = require "marea.task"
local topics = require "marea.runtime.topics"
local trace = require "marea.trace"
local waits = require "marea.runtime.waits"

local runtime = {}

---@class marea.Runtime
local methods = {}
local metatable = { __name = "marea.runtime", __index = methods }

local states = setmetatable({}, { __mode = "k" })

local MAX_QUEUE, KEPT_FAILURES = 1000, 100

local WHOLE = "a whole number of at least 1"
local fields = { max_queue = WHOLE, idle = "seconds (a number above 0), or false", on = "a table" }
local hook_fields = { unheard = "a function", failed = "a function" }
local type_fields = { max_queue = WHOLE, idle = fields.idle }

local function state_of(self, name)
  local s = states[self]
  if not s then error("call it with a colon: runtime:" .. name .. "()", 3) end
  return s
end

---@class marea.RuntimeOptions
---@field max_queue? integer messages an inbox holds (1000)
---@field idle? number|false seconds until an agent that is idle is let go of
---@field on? marea.RuntimeHooks

--- Makes a runtime.
---@param options marea.RuntimeOptions?
---@return marea.Runtime
function runtime.new(options)
  options = options or {}
  check.fields(1, "marea.runtime", options, fields)
  check.fields(1, "marea.runtime, on", options.on or {}, hook_fields)
  local self = setmetatable({}, metatable)
  states[self] = {
    runtime = self, options = options, on = options.on or {}, types = {}, topics = topics.new(), interceptors = {},
    recipients = {}, busy = 0, waits = waits.new(), quiet = {}, failures = {}, nfailures = 0,
  }
  return self
end

function metatable:__tostring()
  local s = states[self]
  return ("marea.runtime (%d busy%s)"):format(s.busy, s.stopped and ", stopped" or "")
end

---- what goes wrong ----------------------------------------------------------------------

-- A line for a person; where it was raised is beside it.
local function as_error(value)
  if Error.is(value) then return value end
  local err = Error.new { kind = "validation", message = content.message(value) }
  if type(value) == "string" and value:find("\nstack traceback:", 1, true) then err.traceback = value end
  return err
end

local function fault(kind, message, ...)
  return Error.new { kind = kind, message = message:format(...) }
end

-- Nobody waits for the answer to what was published: unless a hook takes it, or
-- `wait` does, the error comes out of marea.run.
local function surface(s, failure)
  if s.on.failed then return s.on.failed(failure) end
  s.nfailures = s.nfailures + 1
  if #s.failures == KEPT_FAILURES then return end
  failure.task = task.spawn(error, failure.error, 0)
  s.failures[#s.failures + 1] = failure
end

local function take_failures(s)
  local list = s.failures
  s.failures, s.nfailures = {}, 0
  for _, failure in ipairs(list) do
    pcall(failure.task.await, failure.task)
    failure.task = nil
  end
  return list
end

---- recipients ---------------------------------------------------------------------------

local function wake_quiet(s)
  local list = s.quiet
  s.quiet = {}
  for _, waiter in ipairs(list) do loop.wake(waiter) end
end

local function close_one(s, one)
  local ok, err = pcall(one.close, one)
  if not ok then surface(s, { id = one.id, error = err }) end
end

-- Lets go of what has been idle for long enough; ends when nothing is idle.
local function sweep(s)
  while true do
    local due
    for id, one in pairs(s.recipients) do
      local over = one.idle_since and one.span and one.idle_since + one.span
      if over and over <= core.now() then
        s.recipients[id] = nil
        close_one(s, one)
      elseif over then due = math.min(due or over, over) end
    end
    if not due then break end
    task.sleep(math.max(due - core.now(), 0.001))
  end
  s.sweeper = nil
end

local function on_idle(s, one)
  s.busy = s.busy - 1
  if one.span and not (s.sweeper and s.sweeper.status == "running") then s.sweeper = task.background(sweep, s) end
  if s.busy == 0 then wake_quiet(s) end
end

local function on_settled(s, delivery)
  if not delivery.ok and not delivery.answered and not delivery.gone then
    surface(s, { id = delivery.id, topic = delivery.topic, message = delivery.message, error = delivery.err })
  end
end

local function get(s, kind, key)
  local id = kind .. "/" .. key
  local one = s.recipients[id]
  if one then return one end
  local known = s.types[kind]
  one = recipient.new { id = id, type = kind, key = key, make = known.factory, max = known.max, span = known.idle,
    settled = function(delivery) on_settled(s, delivery) end,
    idle = function(who) on_idle(s, who) end }
  s.recipients[id] = one
  return one
end

---- sending ------------------------------------------------------------------------------

---@class marea.MessageContext what a handler gets beside the message
---@field id string its own name
---@field key string
---@field topic string|nil what was published to
---@field sender string|nil
---@field runtime marea.Runtime
local context_mt = { __index = {} }

-- Lets the interceptors see a message, change it, or drop it.
local function intercepted(s, envelope)
  for _, f in ipairs(s.interceptors) do
    local value, why = f(envelope)
    if value == false then
      return false, fault("cancelled", "an interceptor dropped the message%s", why and ": " .. tostring(why) or "")
    end
    if value ~= nil then envelope.message = value end
  end
  return true
end

-- Waits for room. Returns why it can't be. `held`: who can't go on meanwhile.
local function make_room(s, one, held)
  while one:is_full() do
    local circle = held and s.waits:circle(held, one.id)
    if circle then return fault("too_large", "%s's inbox is full, and waiting would never end: %s", one.id, circle) end
    if held then s.waits:add(held, one.id) end
    local _, cancelled = one.room:wait()
    if held then s.waits:remove(held, one.id) end
    if cancelled then error(cancelled, 0) end
    if s.stopped then return fault("cancelled", "the runtime was stopped") end
  end
end

local function deliver(s, one, delivery)
  local err = make_room(s, one, delivery.held)
  if err then return err end
  s.recipients[one.id] = one      -- it may have been let go of meanwhile
  delivery.id = one.id
  delivery.context = setmetatable({ id = one.id, key = one.key, topic = delivery.topic, sender = delivery.sender,
    runtime = s.runtime }, context_mt)
  if one:is_dead() then s.busy = s.busy - 1 end
  if not one.running then s.busy = s.busy + 1 end
  one:put(delivery)
end

-- Waits for the answer.
local function await(s, one, delivery)
  local held, cancelled = delivery.held, nil
  if held then s.waits:add(held, one.id) end
  while not delivery.over and not cancelled do
    delivery.waiter = loop.waiter()
    cancelled = loop.suspend(delivery.waiter)
  end
  if held then s.waits:remove(held, one.id) end
  if cancelled then
    one:withdraw(delivery)
    error(cancelled, 0)
  end
end

local function answer_of(s, delivery)
  if not delivery.ok then return nil, as_error(delivery.err) end
  local results = delivery.results
  local envelope = { kind = "answer", from = delivery.id, to = delivery.sender, message = results[1] }
  local passed, err = intercepted(s, envelope)
  if not passed then return nil, err end
  results[1] = envelope.message
  return compat.unpack(results, 1, math.max(results.n, 1))
end

local function check_name(who, name, what)
  local kind, key = topics.split(name)
  if not kind then
    local got = type(name) == "string" and ("%q"):format(name) or type(name)
    error(("%s: expected %s, got %s"):format(who, what, got), 3)
  end
  return kind, key
end

local function check_type(s, who, kind)
  if not s.types[kind] then error(("%s: no type of agents is called %q"):format(who, kind), 3) end
end

local function send(s, id, kind, key, message, sender)
  local envelope = { kind = "send", to = id, sender = sender, message = message }
  local passed, err = intercepted(s, envelope)
  if not passed then return nil, err end
  local one, held = get(s, kind, key), speaker.held(sender)
  local circle = held and s.waits:circle(held, one.id)
  if circle then return nil, fault("validation", "this answer would be waited for without end: %s", circle) end
  local delivery = { message = envelope.message, sender = sender, held = held, answered = true, from = trace.current() }
  err = deliver(s, one, delivery)
  if err then return nil, err end
  await(s, one, delivery)
  return answer_of(s, delivery)
end

local function send_as(s, sender, id, message)
  local kind, key = check_name("runtime:send", id, 'a name such as "type/key"')
  check_type(s, "runtime:send", kind)
  if s.stopped then return nil, fault("cancelled", "the runtime was stopped") end
  return trace.span("message.send", { to = id, sender = sender }, send, s, id, kind, key, message, sender)
end

-- To each subscriber but the one who speaks.
local function publish(s, topic, kind, source, message, sender)
  local envelope = { kind = "publish", topic = topic, sender = sender, message = message }
  local passed, err = intercepted(s, envelope)
  if not passed then return nil, err end
  local n, held = 0, speaker.held(sender)
  for _, agent_type in ipairs(s.topics:of(kind)) do
    local one = get(s, agent_type, source)
    if one.id ~= sender then
      err = deliver(s, one, { message = envelope.message, sender = sender, held = held, topic = topic,
        from = trace.current() })
      if err then surface(s, { id = one.id, topic = topic, message = envelope.message, error = err })
      else n = n + 1 end
    end
  end
  if n == 0 and s.on.unheard then s.on.unheard { topic = topic, message = envelope.message, sender = sender } end
  return n
end

local function publish_as(s, sender, topic, message)
  local kind, source = check_name("runtime:publish", topic, 'a topic such as "type/source"')
  if s.stopped then return nil, fault("cancelled", "the runtime was stopped") end
  local about = { topic = topic, sender = sender }
  return trace.span("message.publish", about, publish, s, topic, kind, source, message, sender)
end

--- Sends a message as this agent, and waits for the answer.
function context_mt.__index:send(id, message)
  return send_as(states[self.runtime], self.id, id, message)
end

--- Publishes a message as this agent.
function context_mt.__index:publish(topic, message)
  return publish_as(states[self.runtime], self.id, topic, message)
end

--- Sends a message to one agent, and waits for its answer: returns what its
--- handler did; or nil and an error.
---@param id string type/key
---@param message any
function methods:send(id, message)
  return send_as(state_of(self, "send"), speaker.now(), id, message)
end

--- Publishes a message to all whose type subscribes to the topic's, each under the
--- topic's source as its key. Returns how many that are, without waiting for them.
---@param topic string type/source
---@param message any
---@return integer|nil, marea.error|nil
function methods:publish(topic, message)
  return publish_as(state_of(self, "publish"), speaker.now(), topic, message)
end

---- setting up -----------------------------------------------------------------------------

--- Names a type of agents, and what makes one: f(key, id) returns a function
--- (message, context), or a table with `handle(self, message, context)` and, where
--- it wants to know that it is let go of, `close(self)`.
---@param name string
---@param factory fun(key: string, id: string): function|table
---@param options marea.RegisterOptions|nil
function methods:register(name, factory, options)
  local s = state_of(self, "register")
  if type(name) ~= "string" or not name:find("^[%w_.:=-]+$") then
    check.fail(1, "runtime:register, type", "a name of letters, digits and _ . : = -", name)
  end
  check.value(1, "runtime:register, factory", "a function", factory)
  options = options or {}
  check.fields(1, "runtime:register", options, type_fields)
  if s.types[name] then error(("runtime:register: %q is registered already"):format(name), 2) end
  local idle = options.idle
  if idle == nil then idle = s.options.idle end
  s.types[name] = { factory = factory, idle = idle or nil,
    max = options.max_queue or s.options.max_queue or MAX_QUEUE }
  return self
end

--- Has agents of a type hear of topics of a type; `"news.*"`: of all that begin so.
--- Returns a function that ends it.
---@param topic_type string
---@param agent_type string
---@return fun()
function methods:subscribe(topic_type, agent_type)
  local s = state_of(self, "subscribe")
  if not topics.is_pattern(topic_type) then
    check.fail(1, "runtime:subscribe", "a topic's type, or the beginning of one and a *", topic_type)
  end
  check_type(s, "runtime:subscribe", agent_type)
  return s.topics:add(topic_type, agent_type)
end

--- Has f see each message on its way: { kind = "send", "publish" or "answer",
--- to, topic, sender, from, message }. What f returns takes its place; false, and
--- why, drops it; nothing lets it pass. Returns a function that ends it.
---@param f fun(envelope: table): any, string|nil
---@return fun()
function methods:intercept(f)
  local s = state_of(self, "intercept")
  check.value(1, "runtime:intercept", "a function", f)
  local function one(envelope) return f(envelope) end
  s.interceptors[#s.interceptors + 1] = one
  return function()
    for i = #s.interceptors, 1, -1 do
      if s.interceptors[i] == one then table.remove(s.interceptors, i) end
    end
  end
end

--- The agents that exist now, by name, in order.
---@return string[]
function methods:agents()
  local out = {}
  for id, one in pairs(state_of(self, "agents").recipients) do
    if one.handler then out[#out + 1] = id end
  end
  table.sort(out)
  return out
end

---- ending -----------------------------------------------------------------------------------

--- Waits until every message has been handled. Returns true; or nil, the first
--- error of a handler of what was published, and a list of all: { id, topic,
--- message, error } each.
---@return true|nil, any, table|nil
function methods:wait()
  local s = state_of(self, "wait")
  while s.busy > 0 do
    local waiter = loop.waiter()
    s.quiet[#s.quiet + 1] = waiter
    local cancelled = loop.suspend(waiter)
    if cancelled then error(cancelled, 0) end
  end
  local list = take_failures(s)
  if list[1] then return nil, list[1].error, list end
  return true
end

local function close_all(s)
  for id, one in pairs(s.recipients) do
    s.recipients[id] = nil
    close_one(s, one)
  end
  if s.sweeper then s.sweeper:cancel() end
end

--- Ends it now: what is being handled is cancelled, what waits is refused.
function methods:stop()
  local s = state_of(self, "stop")
  s.stopped = true
  for _, one in pairs(s.recipients) do
    one:stop("the runtime was stopped")
    while one.room:serve() do end
  end
  close_all(s)
end

--- Waits as `wait` does, and then ends it.
function methods:stop_when_idle()
  local ok, err, list = self:wait()
  self:stop()
  if not ok then return nil, err, list end
  return true
end

return runtime
