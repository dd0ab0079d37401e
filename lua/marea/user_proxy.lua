-- SPDX-License-Identifier: MIT
-- marea.user_proxy: a person among agents. `ask(text, about)` is asked for what
-- the person says; it may wait as long as it likes, or as `timeout` lets it.
-- It stands in a team like any member, and agents can hand over to it.

local check = require "marea.check"
local compat = require "marea.compat"
local normalise = require "marea.normalise"
local task = require "marea.task"
local usage = require "marea.usage"

local proxy = {}

local kind = { is_person = true }
local metatable = { __name = "marea.user_proxy", party = kind }

---@class marea.UserProxy
---@field name string
---@field description string
---@field ask fun(text: string, about: table): string|nil, string|nil what the person says, and who is next

local fields = { name = "a non-empty string", description = "a string", ask = "a function",
  timeout = "a number of at least 0", default = "a string" }

--- A person. `ask(text, about)` returns what it says, and, in a swarm, whom the
--- conversation goes to then; nil: the person ends the run, with `user`. After
--- `timeout` seconds `default` is said, or the run ends with `timeout`.
---@param options marea.UserProxyOptions
---@return marea.UserProxy
function proxy.new(options)
  check.fields(1, "marea.user_proxy", options, fields)
  check.value(1, "marea.user_proxy, ask", "a function", options.ask)
  local self = { name = "user", description = "A person who can be asked.", is_person = true }
  for name, value in pairs(options) do self[name] = value end
  return setmetatable(self, metatable)
end

---@return boolean
function proxy.is(value)
  return getmetatable(value) == metatable
end

local function text_of(input)
  local texts = {}
  for i, message in ipairs(input or {}) do texts[i] = normalise.content(message.content) end
  return table.concat(texts, "\n\n")
end

-- What was answered, packed; or nothing once the time was over.
local function within(self, text, about)
  local answer
  local function go() answer = compat.pack(self.ask(text, about)) end
  if not self.timeout then go() else task.timeout(self.timeout, go) end
  return answer
end

local function result_of(self, stop, text, to)
  return { output_text = text or "", stop = stop, to = to, agent = self.name, steps = 0, usage = usage.new(),
    messages = {} }
end

function kind.fresh()
  return {}
end

function kind.go(self, _, input, turn)
  local answer = within(self, text_of(input), { messages = turn.messages, data = turn.data })
  if not answer and self.default then return result_of(self, "done", self.default) end
  if not answer then
    local result = result_of(self, "timeout")
    result.limit = self.name
    return result
  end
  local text, to = answer[1], answer[2]
  if text == nil then return result_of(self, "user") end
  return result_of(self, "done", tostring(text), to)
end


return proxy
