-- SPDX-License-Identifier: MIT
-- Names of a runtime: who a message is for (`type/key`), what it is about
-- (`type/source`), and which types of agents hear of which topics.

local topics = {}
topics.__index = topics

--- The two parts of a name, or nil. The second may hold further slashes.
---@param name any
---@return string|nil, string|nil
function topics.split(name)
  if type(name) ~= "string" then return nil end
  return name:match("^([%w_.:=-]+)/(.+)$")
end

--- Whether a topic's type may be subscribed to; a `*` at its end makes it a prefix.
function topics.is_pattern(name)
  return type(name) == "string" and name:find("^[%w_.:=-]*%*?$") ~= nil and name ~= ""
end

--- No subscriptions.
function topics.new()
  return setmetatable({ exact = {}, prefixes = {} }, topics)
end

local function drop(list, entry)
  for i = #list, 1, -1 do
    if list[i] == entry then table.remove(list, i) end
  end
end

--- Has agents of a type hear of a topic. Returns a function that ends it.
---@param pattern string
---@param agent_type string
---@return fun()
function topics:add(pattern, agent_type)
  local prefix = pattern:match("^(.*)%*$")
  local entry = { prefix = prefix, type = agent_type }
  local list = self.prefixes
  if not prefix then
    list = self.exact[pattern] or {}
    self.exact[pattern] = list
  end
  list[#list + 1] = entry
  return function()
    drop(list, entry)
    if not prefix and not list[1] and self.exact[pattern] == list then self.exact[pattern] = nil end
  end
end

--- The types that hear of a topic, each once, in the order of their subscriptions:
--- first those of the exact type, then those of a prefix.
---@return string[]
function topics:of(topic_type)
  local found, seen = {}, {}
  local function take(entry)
    if seen[entry.type] then return end
    seen[entry.type] = true
    found[#found + 1] = entry.type
  end
  for _, entry in ipairs(self.exact[topic_type] or {}) do take(entry) end
  for _, entry in ipairs(self.prefixes) do
    if topic_type:sub(1, #entry.prefix) == entry.prefix then take(entry) end
  end
  return found
end

return topics
