-- SPDX-License-Identifier: MIT
-- The messages of a conversation, kept so that they can always be sent: every
-- call has its result right after it, and an id of its own. A model's message
-- whose calls wait for their results is the last one, and its calls are in the
-- conversation's `open`; `close` gives each its result.

local json = require "marea.json"
local normalise = require "marea.normalise"
local tool = require "marea.tool"

local null = json.null

local history = {}

---@class marea.agent.Call one call of the last message; plain data
---@field id string
---@field name string
---@field arguments table|nil decoded and checked
---@field arguments_json string as the model wrote them
---@field content string|nil its result, once there is one
---@field failed boolean|nil the result is an error
---@field started boolean|nil
---@field pending boolean|nil a person must be asked
---@field approved boolean|nil a person was asked
---@field final boolean|nil it gave the answer that `output` asks for
---@field handoff string|nil the agent it hands over to
---@field nested table|nil state of the agent it runs, while that one waits for a person

---- taking in what a model said --------------------------------------------------------

-- What says nothing is not sent back: providers refuse fields they don't know.
local function is_empty(value)
  return value == null or type(value) == "table" and next(value) == nil
end

local function copy_message(message)
  local out = { role = "assistant" }
  for key, value in pairs(message) do
    if key == "content" or not is_empty(value) then out[key] = value end
  end
  if out.content == nil then out.content = null end
  return out
end

-- Adds the ids of a message's calls to a set; returns how many there are. Some
-- have a null for their calls, who have none.
local function add_ids(ids, message)
  local n = 0
  for _, call in ipairs(type(message.tool_calls) == "table" and message.tool_calls or {}) do
    local id = type(call) == "table" and call.id or ""
    ids[id], n = true, n + 1
  end
  return n
end

--- The ids of all calls, as a set.
function history.ids(messages)
  local ids = {}
  for _, message in ipairs(messages) do add_ids(ids, message) end
  return ids
end

local function own_id(ids, id)
  if type(id) ~= "string" or id == "" then id = normalise.make_id() end
  while ids[id] do id = normalise.make_id() end      -- one made by another process may be the same
  ids[id] = true
  return id
end

-- Of what a model made up nothing is sent back that would have a provider refuse the
-- conversation from then on: no name that can't be a tool's, and no arguments that
-- are no object, for there are servers that read them.
local function wire_call(wire, call)
  local out = {}
  for key, value in pairs(wire) do out[key] = value end
  out.id, out.type = call.id, "function"
  local is_object = call.arguments and not json.is_array(call.arguments)
  out["function"] = { name = tool.name_of(call.name), arguments = is_object and call.arguments_json or "{}" }
  return out
end

local function take_calls(message, calls, ids)
  local open = {}
  message.tool_calls = json.array {}
  for i, call in ipairs(calls) do
    local entry = { id = own_id(ids, call.id), name = type(call.name) == "string" and call.name or "",
      arguments = call.arguments, arguments_json = call.arguments_json }
    open[i] = entry
    local wire = calls.wire and calls.wire[i]
    message.tool_calls[i] = wire_call(type(wire) == "table" and wire or {}, entry)
  end
  return open
end

--- Appends what a model said. Its calls, if it may have any, are the
--- conversation's open ones then.
---@param talk table the conversation
---@param message table as on the wire
---@param calls table[]|nil { id, name, arguments, arguments_json }; nil: they are left out
---@param ids table<string, boolean> set of the ids in use
function history.add_answer(talk, message, calls, ids)
  local out = copy_message(message)
  if calls and calls[1] then
    calls.wire = message.tool_calls
    talk.open = take_calls(out, calls, ids)
  else
    out.tool_calls = nil
    if is_empty(out.content) or out.content == "" then return nil end     -- nothing is left of it
  end
  talk.messages[#talk.messages + 1] = out
  return out
end

---- closing -----------------------------------------------------------------------------

local function missing_result(call)
  if call.pending then return "Not run: nobody approved it." end
  if call.started then return "Cancelled: it had begun, and may have had its effect." end
  return "Not run: cancelled."
end

--- Gives every open call a result, in the order of the calls.
function history.close(talk)
  for _, call in ipairs(talk.open or {}) do
    talk.messages[#talk.messages + 1] = { role = "tool", tool_call_id = call.id,
      content = call.content or missing_result(call) }
  end
  talk.open = nil
end

---- what may be sent ----------------------------------------------------------------------

--- Whether every call has its result and every result its call; if not, why.
---@param messages table[]
---@return boolean|nil, string|nil
function history.check(messages)
  local ids, left = {}, 0
  for i, message in ipairs(messages) do
    if type(message) ~= "table" then return nil, ("message %d is no table"):format(i) end
    if message.role == "tool" then
      if not ids[message.tool_call_id or ""] then
        return nil, ("message %d is the result of no call before it"):format(i)
      end
      ids[message.tool_call_id], left = nil, left - 1
    else
      if left > 0 then return nil, ("message %d comes before the result of %s"):format(i, next(ids)) end
      ids = {}
      left = add_ids(ids, message)
    end
  end
  if left > 0 then return nil, ("the call %s has no result"):format(next(ids)) end
  return true
end

--- Where each turn begins: at a message of the user's, but for those that
--- follow one directly. All from `first` on is one turn: the run that goes on,
--- in which a model may have been asked again.
---@param messages table[]
---@param first integer|nil
---@return integer[]
function history.turns(messages, first)
  local starts, before = {}, nil
  first = first or #messages + 1
  for i = 1, math.min(first, #messages) do
    local begins = messages[i].role == "user" and before ~= "user"
    if begins or i == first then starts[#starts + 1] = i end
    before = messages[i].role
  end
  return starts
end

return history
