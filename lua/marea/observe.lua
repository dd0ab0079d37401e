-- SPDX-License-Identifier: MIT
-- marea.on(event, f): f is told of every model call, try, tool call, step and
-- handoff of this process. While nobody listens nothing of this runs: what
-- calls are made of is told to tell only once somebody does.

local compat = require "marea.compat"
local core = require "marea.core"
local client = require "marea.client"
local normalise = compat.lazy "marea.normalise"
local redact = compat.lazy "marea.redact"
local request = require "marea.request"
local stream = compat.lazy "marea.stream"

local observe = {
  around = nil,     -- what an agent says of the call it is about to make
  begin = nil,      -- f(event, base_url, options) -> options: told before each call of a model
}

local names = { "llm.call", "llm.attempt", "tool", "step", "handoff" }
local listeners = {}
for _, name in ipairs(names) do listeners[name] = {} end

--- Whether anybody listens to this event.
function observe.heard(name)
  return listeners[name][1] ~= nil
end

local function remove(list, f)
  for i = #list, 1, -1 do
    if list[i] == f then table.remove(list, i) end
  end
end

-- One that fails must neither break what it only watches, nor fail unseen.
local function drop(name, f, err)
  remove(listeners[name], f)
  observe.refresh()
  io.stderr:write(("marea.on: a listener of %s failed, and is dropped: %s\n"):format(name, tostring(err)))
end

--- Tells those who listen.
function observe.emit(name, event)
  local list = listeners[name]
  for i = #list, 1, -1 do
    local f = list[i]
    local ok, err = pcall(f, event)
    if not ok then drop(name, f, err) end
  end
end

---- calls of a model -------------------------------------------------------------

-- Of the first choice, or of a response.
local function why_ended(result)
  local choice = type(result.choices) == "table" and result.choices[1]
  if type(choice) == "table" then
    return normalise.finish_reason(choice.finish_reason, #result.tool_calls > 0)
  end
  return type(result.status) == "string" and result.status or nil
end

local function finish(event, result, err)
  event.seconds, event.error = core.now() - event.started, err
  event.first = event.first or err == nil and event.seconds or nil
  if result then
    event.result, event.finish_reason = result, why_ended(result)
    event.usage = type(result.usage) == "table" and result.usage or nil
    event.model = type(result.model) == "string" and result.model or event.model
  end
  observe.emit("llm.call", event)
end

local function follow(event, value)
  stream.watch(value, {
    began = function() event.first = core.now() - event.started end,
    ended = function(err) finish(event, value:snapshot(), err) end,
  })
end

local function start(s, endpoint, streamed, params)
  local event = { started = core.now(), time = os.time(), provider = s.preset.name, endpoint = endpoint.path,
    model = params.model, request = params, stream = streamed or false }
  for key, value in pairs(observe.around or {}) do event[key] = value end
  observe.around = nil
  return event
end

-- The frames between the caller and `send` are two more than without us.
local function around(send, s, endpoint, streamed, params, options, level, who)
  local event = start(s, endpoint, streamed, params)
  if observe.begin then options = observe.begin(event, s.base_url, options) end
  local ok, value, err = pcall(send, s, endpoint, streamed, params, options, level + 2, who)
  if not ok then
    finish(event, nil, value)
    error(value, 0)
  end
  if value and (streamed or options.stream) then follow(event, value) else finish(event, value, err) end
  if not value then return nil, err end
  return value
end

local function attempt(call, try, answer, err, seconds)
  if call.settings.unseen then return end
  local url = redact.url(call:blanker()(call.url))
  observe.emit("llm.attempt", { attempt = try, method = call.method, url = url, provider = call.provider,
    status = answer and answer.status or err and err.status, error = err, seconds = seconds })
end

--- Tells the client what to tell, as long as somebody listens.
function observe.refresh()
  client.tell(observe.heard("llm.call") and around or nil)
  request.tell(observe.heard("llm.attempt") and attempt or nil)
end

--- Has f(event) called at each event of that name: "llm.call", "llm.attempt",
--- "tool", "step", "handoff". Returns a function that ends it.
---@param name string
---@param f fun(event: table)
---@return fun()
function observe.on(name, f)
  if not listeners[name] then
    error(("marea.on: no event is called %q (known: %s)"):format(tostring(name), table.concat(names, ", ")), 2)
  end
  if type(f) ~= "function" then error("marea.on: expected a function, got " .. type(f), 2) end
  local function listener(event) return f(event) end      -- one function may listen twice
  table.insert(listeners[name], 1, listener)
  observe.refresh()
  return function()
    remove(listeners[name], listener)
    observe.refresh()
  end
end

return observe
