-- SPDX-License-Identifier: MIT
-- The tools of a Model Context Protocol server, as tools an agent takes; and what
-- a call of one gave, as text for a model.

local json = require "marea.json"
local tool = require "marea.tool"

local tools = {}

local MAX_NAME = 64

-- A name that providers take, and that no other tool of the list has.
local function name_of(given, prefix, taken)
  local name = (prefix .. given):gsub("[^%w_-]", "_"):sub(1, MAX_NAME)
  local found, n = name, 1
  while taken[found] do
    n = n + 1
    found = name:sub(1, MAX_NAME - #tostring(n) - 1) .. "_" .. n
  end
  taken[found] = true
  return found
end

local function size_of(data)
  return type(data) == "string" and math.floor(#data * 3 / 4) or 0
end

local function resource_text(resource)
  if type(resource) ~= "table" then return "" end
  if type(resource.text) == "string" then return resource.text end
  local kind = tostring(resource.mimeType or "resource")
  return ("[%s %s, %d bytes]"):format(kind, tostring(resource.uri), size_of(resource.blob))
end

local say = {
  text = function(part) return tostring(part.text or "") end,
  image = function(part) return ("[image %s, %d bytes]"):format(tostring(part.mimeType), size_of(part.data)) end,
  audio = function(part) return ("[audio %s, %d bytes]"):format(tostring(part.mimeType), size_of(part.data)) end,
  resource = function(part) return resource_text(part.resource) end,
  resource_link = function(part) return ("[resource %s: %s]"):format(tostring(part.name), tostring(part.uri)) end,
}

--- What a call gave, as text: its parts in order; where it has none, what it gave
--- as data.
---@param result table
---@return string
function tools.text(result)
  local parts = {}
  for _, part in ipairs(type(result.content) == "table" and result.content or {}) do
    local f = type(part) == "table" and say[part.type]
    parts[#parts + 1] = f and f(part) or json.encode(part)
  end
  if not parts[1] and type(result.structuredContent) == "table" then return json.encode(result.structuredContent) end
  return table.concat(parts, "\n")
end

local function runner(server, given)
  return function(args)
    local result, err = server:call(given, args)
    if not result then return nil, tostring(err) end
    if result.isError == true then return nil, tools.text(result) end
    return tools.text(result)
  end
end

-- One whose schema is none can't be called rightly: it is offered without.
local function make(options)
  local ok, made = pcall(tool.new, options)
  if ok then return made end
  options.parameters = { type = "object" }
  return tool.new(options)
end

--- A tool for each that the server told of.
---@param server marea.McpServer
---@param listed table[]
---@param options { prefix: string|nil, approve: boolean|function|nil }
---@return marea.Tool[]
function tools.from(server, listed, options)
  local out, taken = {}, {}
  for _, one in ipairs(listed) do
    if type(one) == "table" and type(one.name) == "string" then
      local made = make { name = name_of(one.name, options.prefix or "", taken), run = runner(server, one.name),
        description = type(one.description) == "string" and one.description or nil, timeout = false,
        parameters = type(one.inputSchema) == "table" and one.inputSchema or { type = "object" },
        approve = options.approve }
      made.remote, made.annotations = one.name, one.annotations
      out[#out + 1] = made
    end
  end
  return out
end

return tools
