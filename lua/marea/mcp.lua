-- SPDX-License-Identifier: MIT
-- marea.mcp: a Model Context Protocol server, as a process ({ command = }) or over
-- HTTP ({ url = }): its tools as tools of an agent, its prompts and resources.

local compat = require "marea.compat"
local check = require "marea.check"
local Error = require "marea.error"
local http = compat.lazy "marea.mcp.http"
local json = require "marea.json"
local session = require "marea.mcp.session"
local stdio = compat.lazy "marea.mcp.stdio"
local task = require "marea.task"
local tools = require "marea.mcp.tools"

local mcp = {}

---@class marea.McpOptions what `marea.mcp` takes
---@field command? string[] a program and its arguments, started without a shell
---@field cwd? string where it is started
---@field env? table<string, string> added to its environment; where keys belong
---@field url? string of a server over HTTP
---@field api_key? string|fun(): string sent to it as a bearer token
---@field headers? table<string, string> sent to it
---@field ca_file? string
---@field proxy? string
---@field timeout? marea.McpTimeout
---@field prefix? string before the name of each tool
---@field approve? boolean|fun(args: table, context: marea.ToolContext): boolean as of marea.tool, of each tool
---@field on? marea.McpHooks
---@field answers? table<string, fun(params: table): table> by what it may ask: "roots/list"...
---@field name? string who we say we are

---@class marea.McpTimeout in seconds; false for none
---@field start? number|false until it is ready (30)
---@field list? number|false of a request for what there is (30)
---@field call? number|false of a request that works (120)

---@class marea.McpHooks functions that are told of what the server tells
---@field tools? fun(params: table) its tools are others now
---@field prompts? fun(params: table) its prompts are
---@field resources? fun(params: table) its resources are
---@field updated? fun(params: table) one resource is
---@field log? fun(params: table)
---@field ended? fun(params: table)

---@class marea.McpRequestOptions
---@field timeout? number|false seconds
---@field progress? fun(progress: table)

---@class marea.McpServer
---@field version string the revision of the protocol agreed on
---@field info table what the server says it is
---@field instructions string|nil
---@field capabilities table
---@field pid integer|nil of a server that is a process
---@field stderr string|nil the end of what that wrote to it
local methods = {}
local metatable = { __name = "marea.mcp" }

local states = setmetatable({}, { __mode = "k" })

local fields = { command = "a table", cwd = "a non-empty string", env = "a table", url = "a non-empty string",
  api_key = "a string or a function", headers = "a table", ca_file = "a string", proxy = "a string",
  timeout = "a table", prefix = "a string", approve = "a boolean or a function", on = "a table", answers = "a table",
  name = "a non-empty string" }
local SECONDS = "seconds (a number above 0), or false"
local clocks = { start = SECONDS, list = SECONDS, call = SECONDS }
local default_clocks = { start = 30, list = 30, call = 120 }
local hooks = { tools = "a function", prompts = "a function", resources = "a function", updated = "a function",
  log = "a function", ended = "a function" }

local FOREVER, MAX_PAGES = 1e9, 1000

local function state_of(self, name)
  local s = states[self]
  if not s then error("call it with a colon: server:" .. name .. "()", 3) end
  return s
end

function metatable:__index(key)
  local s = states[self]
  if key == "version" or key == "instructions" or key == "capabilities" then return s.session[key] end
  if key == "info" then return s.session.server end
  if key == "stderr" then return s.transport.stderr and s.transport:stderr() or nil end
  if key == "pid" then return s.transport.pid and s.transport:pid() or nil end
  return methods[key]
end

function metatable:__tostring()
  local s = states[self]
  return ("marea.mcp (%s, %s)"):format(s.transport.name, s.session.open and "open" or "closed")
end

---- checking -----------------------------------------------------------------------------

local function check_words(level, options)
  if not options.command then return end
  if #options.command == 0 then check.fail(level + 1, "marea.mcp, command", "a list of words", options.command) end
  for i, word in ipairs(options.command) do
    check.value(level + 1, ("marea.mcp, command[%d]"):format(i), "a string", word)
  end
  for name, value in pairs(options.env or {}) do
    local named = type(name) == "string" and name:find("^[^=%z]+$")
    if not named then check.fail(level + 1, "marea.mcp, env", "names of variables", name) end
    check.value(level + 1, "marea.mcp, env." .. name, "a string", value)
  end
end

local function check_options(level, options)
  check.fields(level + 1, "marea.mcp", options, fields)
  if (options.command == nil) == (options.url == nil) then
    error("marea.mcp: give `command` or `url`", level + 2)
  end
  check_words(level + 1, options)
  check.fields(level + 1, "marea.mcp, timeout", options.timeout or {}, clocks)
  check.fields(level + 1, "marea.mcp, on", options.on or {}, hooks)
end

---- what the server tells --------------------------------------------------------------------

local names = { ["notifications/tools/list_changed"] = "tools", ["notifications/prompts/list_changed"] = "prompts",
  ["notifications/resources/list_changed"] = "resources", ["notifications/resources/updated"] = "updated",
  ["notifications/message"] = "log" }

local function fetch_tools(s)
  local listed, err = s.list(s, "tools", "tools")
  if not listed then return nil, err end
  local server = s.server_of()
  local fresh = tools.from(server, listed, s.options)
  for i = 1, math.max(#fresh, #s.tools) do s.tools[i] = fresh[i] end
  return s.tools
end

-- The list that was given out is kept as the server has it.
local function refresh(s)
  local hook = s.on.tools
  if s.tools and s.server_of() then fetch_tools(s) end
  if hook then task.spawn(hook, s.tools or {}) end
end

local function told(s, method, params)
  local name = names[method]
  if name == "tools" then return task.background(refresh, s) end
  if name and s.on[name] then task.spawn(s.on[name], params) end
end

---- making one ---------------------------------------------------------------------------------

local function new_transport(options)
  if options.command then return stdio.new(options) end
  return http.new(options)
end

local function seconds(s, name)
  local value = s.clocks[name]
  if value == nil then value = default_clocks[name] end
  return value or FOREVER
end

local function start(s)
  local about = { name = s.options.name or "marea", version = require("marea")._VERSION }
  return s.session:start(about, seconds(s, "start"))
end

-- What the background holds must not keep the server's user from the collector.
local function new_state(self, options)
  local weak = setmetatable({ self }, { __mode = "v" })
  local s = { options = options, clocks = options.timeout or {}, on = options.on or {},
    transport = new_transport(options), server_of = function() return weak[1] end }
  s.session = session.new(s.transport, { answers = options.answers,
    told = function(method, params) told(s, method, params) end,
    ended = function(err) if s.on.ended then task.spawn(s.on.ended, err) end end })
  return s
end

--- Connects to a server. Returns it; or nil and an error.
---@param options marea.McpOptions
---@return marea.McpServer|nil, marea.error|nil
function mcp.new(options)
  check_options(1, options)
  local self = setmetatable({}, metatable)
  local s = new_state(self, options)
  states[self] = s
  local ok, err = start(s)
  if not ok then return nil, err end
  rawset(self, "guard", compat.on_collect(function() task.background(s.session.close, s.session) end))
  return self
end

---- asking it ------------------------------------------------------------------------------------

local request_fields = { timeout = SECONDS, progress = "a function" }

-- Options of one call, with its limit.
local function call_options(level, who, s, options, limit)
  options = options or {}
  check.fields(level + 1, who, options, request_fields)
  local timeout = options.timeout
  if timeout == nil then timeout = seconds(s, limit) end
  return { timeout = timeout or FOREVER, progress = options.progress }
end

--- Asks the server anything: returns the result as on the wire; or nil and an error.
---@param method string
---@param params table|nil
---@param options marea.McpRequestOptions|nil
---@return table|nil, marea.error|nil
function methods:request(method, params, options)
  local s = state_of(self, "request")
  check.value(1, "server:request, method", "a non-empty string", method)
  return s.session:request(method, params or {}, call_options(1, "server:request, options", s, options, "call"))
end

-- Those of a list that say something.
local function tables_in(given)
  local out = {}
  for _, one in ipairs(type(given) == "table" and given or {}) do
    if type(one) == "table" then out[#out + 1] = one end
  end
  return out
end

-- All pages of a list.
local function list(s, what, capability)
  local offered = s.session.capabilities
  if offered and offered[capability] == nil then return {} end
  local method, out, cursor = what .. "/list", {}, nil
  local field = what == "resources/templates" and "resourceTemplates" or what
  for _ = 1, MAX_PAGES do
    local result, err = s.session:request(method, { cursor = cursor }, { timeout = seconds(s, "list") })
    if not result then return nil, err end
    for _, one in ipairs(tables_in(result[field])) do out[#out + 1] = one end
    if type(result.nextCursor) ~= "string" or result.nextCursor == cursor then return out end
    cursor = result.nextCursor
  end
  return nil, Error.new { kind = "too_large", message = ("%s has more than %d pages"):format(method, MAX_PAGES) }
end

--- Its tools, for an agent. The list is the same each time, and changes when the
--- server says that its own did.
---@return marea.Tool[]|nil, marea.error|nil
function methods:tools()
  local s = state_of(self, "tools")
  if s.tools and s.session.open then return s.tools end
  local first = s.tools == nil
  s.tools = s.tools or {}
  s.list = list
  local found, err = fetch_tools(s)
  if found then return found end
  if first then s.tools = nil end
  return nil, err
end

--- Calls a tool. Returns what the server answers: `content`, `structuredContent`,
--- `isError`; or nil and an error.
---@param name string
---@param arguments table|nil
---@param options marea.McpRequestOptions|nil
---@return table|nil, marea.error|nil
function methods:call(name, arguments, options)
  local s = state_of(self, "call")
  check.value(1, "server:call, name", "a non-empty string", name)
  return s.session:request("tools/call", { name = name, arguments = arguments or {} },
    call_options(1, "server:call, options", s, options, "call"))
end

--- Its prompts: { name, description, arguments } each.
---@return table[]|nil, marea.error|nil
function methods:prompts()
  return list(state_of(self, "prompts"), "prompts", "prompts")
end

local function as_message(message)
  local content = message.content
  if type(content) == "table" then
    content = tools.text { content = json.is_array(content) and content or { content } }
  end
  return { role = message.role, content = type(content) == "string" and content or "" }
end

--- A prompt's messages, as an agent takes them.
---@param name string
---@param arguments table<string, string>|nil
---@return table[]|nil, marea.error|nil
function methods:prompt(name, arguments)
  local s = state_of(self, "prompt")
  check.value(1, "server:prompt, name", "a non-empty string", name)
  local result, err = s.session:request("prompts/get", { name = name, arguments = arguments or {} },
    { timeout = seconds(s, "call") })
  if not result then return nil, err end
  local out = {}
  for _, message in ipairs(tables_in(result.messages)) do
    if type(message.role) == "string" then out[#out + 1] = as_message(message) end
  end
  return out
end

--- Its resources: { uri, name, mimeType } each.
---@return table[]|nil, marea.error|nil
function methods:resources()
  return list(state_of(self, "resources"), "resources", "resources")
end

--- Its templates of resources: { uriTemplate, name } each.
---@return table[]|nil, marea.error|nil
function methods:resource_templates()
  return list(state_of(self, "resource_templates"), "resources/templates", "resources")
end

local function data_of(part)
  if type(part) == "table" and type(part.text) == "string" then return part.text end
  if type(part) ~= "table" or type(part.blob) ~= "string" then
    return nil, Error.new { kind = "not_found", message = "the resource has no contents" }
  end
  local data = require("marea.core").base64.decode(part.blob)
  if data then return data end
  return nil, Error.new { kind = "decode", message = "the resource's blob is not base64" }
end

--- Reads a resource: its text (or bytes) and its type; and, should it have several
--- parts, all of them as on the wire.
---@param uri string
---@return string|nil, string|marea.error|nil, table[]|nil
function methods:read(uri)
  local s = state_of(self, "read")
  check.value(1, "server:read, uri", "a non-empty string", uri)
  local result, err = s.session:request("resources/read", { uri = uri }, { timeout = seconds(s, "call") })
  if not result then return nil, err end
  local parts = type(result.contents) == "table" and result.contents or {}
  local data
  data, err = data_of(parts[1])
  if not data then return nil, err end
  local content_type = parts[1].mimeType
  return data, type(content_type) == "string" and content_type or nil, parts
end

local function subscription(self, uri, name)
  local s = state_of(self, name)
  check.value(2, ("server:%s, uri"):format(name), "a non-empty string", uri)
  local ok, err = s.session:request("resources/" .. name, { uri = uri }, { timeout = seconds(s, "list") })
  if not ok then return nil, err end
  return true
end

--- Asks to be told when a resource changes: `on.updated` is.
---@param uri string
function methods:subscribe(uri) return subscription(self, uri, "subscribe") end

--- Asks to be told no more.
---@param uri string
function methods:unsubscribe(uri) return subscription(self, uri, "unsubscribe") end

---- beginning anew, and the end ----------------------------------------------------------------------

--- Ends it and connects anew: a process is started again. Returns the server; or
--- nil and an error.
---@return marea.McpServer|nil, marea.error|nil
function methods:restart()
  local s = state_of(self, "restart")
  s.session:close()
  local ok, err = start(s)
  if not ok then return nil, err end
  if s.tools then
    ok, err = fetch_tools(s)
    if not ok then return nil, err end
  end
  return self
end

--- Ends it. What waits for an answer gets `cancelled`. Harmless twice.
function methods:close()
  local s = state_of(self, "close")
  s.session:close()
end

metatable.__close = methods.close

return mcp
