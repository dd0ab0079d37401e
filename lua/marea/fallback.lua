-- SPDX-License-Identifier: MIT
-- marea.fallback{ a, b }: a client like any other. A call goes to the first;
-- where it fails in one of the ways named, to the next. A stream counts as
-- failed only until its first event: once output began nobody stands in. Each
-- client has its own retries, and they are over before the next is asked.

local compat = require "marea.compat"
local check = require "marea.check"
local Error = require "marea.error"
local observe = require "marea.observe"
local stream = require "marea.stream"

local unpack = compat.unpack

local fallback = {}

-- What another provider may well be spared.
local KINDS = { "connection", "tls", "timeout", "rate_limit", "quota", "billing", "server", "stream", "truncated",
  "protocol", "decode" }

local function set_of(list, level)
  local known, set = {}, {}
  for _, kind in ipairs(Error.kinds) do known[kind] = true end
  for _, kind in ipairs(list) do
    if not known[kind] then
      error(("marea.fallback, on: there is no kind of error %q"):format(tostring(kind)), level + 1)
    end
    set[kind] = true
  end
  return set
end

-- A stream that broke before it said anything is an error of the call.
local function began(value)
  if type(value) ~= "table" or not stream.is(value) then return value end
  local err = stream.ready(value)
  if err then return nil, err end
  return value
end

-- Calls `ask(client)` on one after the other.
local function try(self, ask)
  local around, earlier = observe.around, {}
  for i, client in ipairs(self.clients) do
    observe.around = around
    local value, err = ask(client)
    if value then value, err = began(value) end
    if value then return value end
    if i == #self.clients or not Error.is(err) or not self.kinds[err.kind] then
      if earlier[1] then err.earlier = earlier end
      return nil, err
    end
    earlier[#earlier + 1] = err
  end
end

local function at(client, path)
  for _, step in ipairs(path) do client = client[step] end
  return client
end

-- What a client raises at the line of him who called it is raised at the line of
-- him who called us.
local function raise_above(err)
  if type(err) ~= "string" then error(err, 0) end
  local message, ours = err:gsub("^[^\n:]*fallback%.lua:%d+: ", "")
  if ours == 0 then error(err, 0) end
  error(message, 3)
end

local function method(self, path, name)
  return function(_, ...)
    local arguments = compat.pack(...)
    local function ask(client)
      local place = at(client, path)
      local value, err = place[name](place, unpack(arguments, 1, arguments.n))
      return value, err
    end
    local ok, value, err = pcall(try, self, ask)
    if not ok then raise_above(value) end
    if not value then return nil, err end
    return value
  end
end

-- A client's tree of endpoints, by name: it has all that theirs have.
local function node(self, path)
  return setmetatable({}, { __index = function(_, name)
    local field = at(self.clients[1], path)[name]
    if type(field) == "function" then return method(self, path, name) end
    if type(field) ~= "table" or name == "preset" or name == "limits" then return field end
    local deeper = {}
    for i, step in ipairs(path) do deeper[i] = step end
    deeper[#deeper + 1] = name
    return node(self, deeper)
  end })
end

local function make(clients, kinds)
  local self = { clients = clients, kinds = kinds }
  local out = node(self, {})
  rawset(out, "clients", clients)
  --- Further options for each of them.
  rawset(out, "with", function(_, options)
    local list = {}
    for i, client in ipairs(clients) do list[i] = client:with(options) end
    return make(list, kinds)
  end)
  return out
end

--- Clients that stand in for one another, in this order. `on`: the kinds of error
--- that pass a call on to the next.
---@param options { on: string[]|nil } and the clients
---@return marea.Client
function fallback.new(options)
  if type(options) ~= "table" or type(options[1]) ~= "table" then
    error("marea.fallback expects a list of clients", 2)
  end
  if options.on ~= nil then check.value(1, "marea.fallback, on", "a table", options.on) end
  for key in pairs(options) do
    if type(key) ~= "number" and key ~= "on" then
      error(("marea.fallback: unknown option %q"):format(tostring(key)), 2)
    end
  end
  local clients = {}
  for i, client in ipairs(options) do
    if type(client) ~= "table" or not client.chat then
      error(("marea.fallback, item %d: expected a client"):format(i), 2)
    end
    clients[i] = client
  end
  return make(clients, set_of(options.on or KINDS, 2))
end

return fallback
