-- SPDX-License-Identifier: MIT
-- The tools of a Model Context Protocol server, as tools an agent takes; and what
-- a call of one gave, as text for a model.

local json = require "marea.json"
local schema = require "marea.schema"
local tool = require "marea.tool"

local tools = {}

local function size_of(data)
  return type(data) == "string" and math.floor(#data * 3 / 4) or 0
end

local function named(what, name)
  return type(name) == "string" and what .. " " .. name or what
end

local function in_place_of(what, data)
  return ("[%s, %d bytes]"):format(what, size_of(data))
end

local function resource_text(resource)
  if type(resource) ~= "table" then return "" end
  if type(resource.text) == "string" then return resource.text end
  local kind = type(resource.mimeType) == "string" and resource.mimeType or "resource"
  return in_place_of(named(kind, resource.uri), resource.blob)
end

local say = {
  text = function(part) return part.text ~= json.null and tostring(part.text or "") or "" end,
  image = function(part) return in_place_of(named("image", part.mimeType), part.data) end,
  audio = function(part) return in_place_of(named("audio", part.mimeType), part.data) end,
  resource = function(part) return resource_text(part.resource) end,
  resource_link = function(part) return ("[%s]"):format(named(named("resource", part.name) .. ":", part.uri)) end,
}

--- What a call gave, as text: its parts in order; where it has none, what it gave
--- as data.
---@param result table
---@return string
function tools.text(result)
  local parts = {}
  for _, part in ipairs(type(result.content) == "table" and result.content or {}) do
    local f = type(part) == "table" and say[part.type]
    if part ~= json.null then parts[#parts + 1] = f and f(part) or json.encode(part) end
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

-- JSON Schema as the server wrote it. Where it is of no object any will do: a
-- provider refuses all tools for one such.
local function parameters_of(given)
  if type(given) ~= "table" or json.is_array(given) then return { type = "object" } end
  if schema.names_object(given.type) then return given end
  local out = { type = "object" }
  if given.type ~= nil and given.type ~= json.null then return out end
  for key, value in pairs(given) do
    if key ~= "type" then out[key] = value end
  end
  return out
end

--- A tool for each that the server told of.
---@param server marea.McpServer
---@param listed table[]
---@param options { prefix: string|nil, approve: boolean|function|nil }
---@return marea.Tool[]
function tools.from(server, listed, options)
  local out, taken, prefix = {}, {}, options.prefix or ""
  for _, one in ipairs(listed) do
    if type(one.name) == "string" and one.name ~= "" then
      out[#out + 1] = tool.of { name = tool.name_of(prefix .. one.name, taken), run = runner(server, one.name),
        description = type(one.description) == "string" and one.description or nil, timeout = false,
        parameters = parameters_of(one.inputSchema), approve = options.approve,
        remote = one.name, annotations = one.annotations }
    end
  end
  return out
end

return tools
