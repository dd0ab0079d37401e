-- SPDX-License-Identifier: MIT
-- A client: the tree of endpoints (endpoints.lua), and the one function
-- through which every call goes.

local any_endpoint = require("marea.compat").lazy "marea.any_endpoint"
local bounds = require("marea.compat").lazy "marea.bounds"
local json = require "marea.json"
local bytes = require("marea.compat").lazy "marea.bytes"
local calls = require "marea.call"
local check = require "marea.check"
local embeddings = require("marea.compat").lazy "marea.embeddings"
local endpoints = require "marea.endpoints"
local forms = require("marea.compat").lazy "marea.form"
local limiter = require("marea.compat").lazy "marea.limiter"
local reading = require "marea.reading"
local request = require "marea.request"
local settings = require "marea.settings"
local stream = require("marea.compat").lazy "marea.stream"
local think = require("marea.compat").lazy "marea.think"
local url = require "marea.url"
local with = require("marea.compat").lazy "marea.with"

local client = {}

---@class marea.Client
local methods = {}
local metatable = { __name = "marea.client" }

-- Settings by client: beside the table the user holds, not in it.
local private = setmetatable({}, { __mode = "k" })

function metatable:__index(key)
  local s = private[self]
  if key == "limits" then s.limits = s.limits or limiter.new() end   -- all zeros are something to look at
  if key == "limits" or key == "preset" then return s[key] end
  return methods[key]
end

function metatable:__tostring()
  local s = private[self]
  return "marea.client (" .. (s.preset.name or url.origin(s.base_url)) .. ")"
end

local function make(s)
  local self = setmetatable({}, metatable)
  private[self] = s
  endpoints.attach(self, s)
  return self
end

--- Makes a client.
---@param options marea.ClientOptions
---@return marea.Client
function client.new(options)
  return make(settings.new(1, options == nil and {} or options))
end

--- A client like this one, but for what stands between it and the network: a
--- function that begins transfers in place of the C core (see request.lua).
---@param self marea.Client
---@param transport function
---@return marea.Client
function client.through(self, transport)
  local s = settings.copy(private[self])
  s.transport = transport
  return make(s)
end

--- A client like this one whose requests are told to nobody: what tells of others.
---@param self marea.Client
function client.unseen(self)
  local s = settings.copy(private[self])
  s.unseen = true
  return make(s)
end

--- Sends a request and returns its answer, whose body is the caller's to read as
--- it comes, and to let go of; or nil and an error.
---@param self marea.Client
---@param endpoint { method: string, path: string, accept: string }
---@param body string|nil
---@param options table as a call's second table
---@return marea.Answer|nil, marea.error|marea.Call
function client.exchange(self, endpoint, body, options)
  local call = calls.new(private[self], endpoint, true, body, options, 1)
  call.accept, call.any = endpoint.accept, true
  local answer, err = request.send(call)
  if not answer then return nil, err end
  return answer, call
end

--- What its calls go through in place of the network, if that was set; and
--- whether it is a client of ours at all.
---@return function|nil, boolean
function client.transport(self)
  local s = private[self]
  return s and s.transport, s ~= nil
end

local function settings_of(self, who)
  local s = private[self]
  if not s then error("call it with a colon: " .. who, 3) end
  return s
end

--- A client that shares this one's connections and limits, with other settings.
---@param options marea.ClientOptions
---@return marea.Client
function methods:with(options)
  return make(with.extend(1, settings_of(self, "client:with"), options))
end

---- calls --------------------------------------------------------------------

-- Encodes at the caller's expense: what can't be JSON raises at his line.
local function encode(level, who, params)
  if params == nil or type(params) == "string" then return params end
  local ok, text = pcall(json.encode, params)
  if not ok then error(who .. ": " .. tostring(text):gsub("^.-:%d+: ", ""), level + 1) end
  return text
end

-- How many choices an answer will have, if not one: text completions give n for
-- each of their prompts, which are texts or lists of tokens.
local function choices_asked(params)
  if type(params) ~= "table" then return nil end
  local n, prompt = params.n, params.prompt
  if n == nil and prompt == nil then return nil end
  n = tonumber(n) or 1
  local several = type(prompt) == "table" and type(prompt[1]) ~= "number"
  local asked = several and n * math.max(#prompt, 1) or n
  return asked ~= 1 and asked or nil
end

-- Its answer is bytes.
local function fetch(call, endpoint, params, options)
  call.accept, call.whole = "*/*", false
  return bytes.fetch(call, options, endpoint.bytes, function(answer)
    return reading.result(call, answer, endpoint, params)
  end)
end

-- What was sent unasked for, and is what the server refuses, is left out, now
-- and from now on.
local function send_without(s, call, params, name, err)
  local refused = err.kind == "bad_request"
    and (err.param == name or tostring(err.message):find(name, 1, true) or tostring(err.body):find(name, 1, true))
  if not refused then return nil, err end
  s.refused = s.refused or {}
  s.refused[name] = true
  local rest = settings.copy(params)
  rest[name] = nil
  call.body = json.encode(rest)
  return request.send(call)
end

local function send(s, endpoint, streamed, params, options, level, who)
  local call
  do      -- what is needed no more when it waits has no slot of the stack
    local parts, kind, unreadable
    if endpoint.form then
      parts, kind, unreadable = forms.body(level, who, params, endpoint, s.preset)
      if not parts then return nil, unreadable end
    end
    local body = not parts and encode(level + 1, who, params) or nil
    call = calls.new(s, endpoint, streamed, body, options, level + 1)
    if parts then call.form, call.content_type, call.accept = parts, kind, streamed and "text/event-stream" or "*/*" end
  end
  if endpoint.bytes or options.to then return fetch(call, endpoint, params, options) end
  if streamed then call.meanwhile, call.asked = stream.prepare, choices_asked(params) end
  local answer, err = request.send(call)
  if not answer and options.dispensable then answer, err = send_without(s, call, params, options.dispensable, err) end
  if not answer then return nil, err end
  if s.preset.reasoning and s.preset.reasoning.tags then
    answer.think_tags = think.tags(s.preset, type(params) == "table" and params.model)
  end
  if streamed then
    return stream.open(call, answer, reading.result, endpoint, params)
  end
  request.let_go(answer)
  return reading.result(call, answer, endpoint, params)
end

-- One call as several requests. What is wrong with it is said before any goes,
-- at the caller's line.
local function send_parts(s, endpoint, parts, whole, options, level, who)
  encode(level + 1, who, whole)
  settings.url(s, endpoint.path, options.query, level + 1)
  return embeddings.gather(parts, function(part)
    return send(s, endpoint, false, part, options, level, who)
  end)
end

local function send_all(s, endpoint, streamed, params, options, level, who)
  local parts = endpoint.split and endpoint.split(params, s.preset.max_inputs)
  if parts then return send_parts(s, endpoint, parts, params, options, level, who) end
  return send(s, endpoint, streamed, params, options, level, who)
end

local NONE = {}

-- The parameters as they go out: the caller's, what named options and the
-- preset put in, and what he left to us.
local function complete(s, endpoint, params, effect, level)
  local out = { model = nil, messages = nil, stream = nil, tools = nil }   -- has room for as many
  for key, value in pairs(params) do out[key] = value end
  if effect then settings.fill(out, effect) end
  local required = (s.preset.required or NONE)[endpoint.path]
  local missing = required and bounds.fill(required, out)
  if missing then
    error(("%s: %s needs %s"):format(endpoint.who, s.preset.name or "the provider", missing), level + 1)
  end
  if out.model == nil and endpoint.kind then out.model = settings.model(s, endpoint.kind) end
  if effect then out.model = settings.suffixed(out.model, effect) end
  if s.preset.stream_default and endpoint.streams and out.stream == nil then out.stream = false end
  return out
end

-- Parameters of a GET are its query.
local function get(s, endpoint, params, options, level)
  local query = settings.copy(params, options.query)
  local all = settings.copy(options)
  all.query = next(query) and query
  return send(s, { method = "GET", path = endpoint.path }, false, nil, all, level, endpoint.who)
end

-- Most calls say nothing of how their answer is to be handed over.
local function delivery(level, who, endpoint, params, options)
  local streamed = endpoint.bytes and params and params.stream == true
  if options.to == nil and options.stream == nil and not streamed then return options end
  return bytes.delivery(level, who, endpoint, options, streamed)
end

local told      -- stands around every call of a model while somebody listens

--- From now on f(send, ...) is called in place of send(...), which it calls:
--- once for each call of a model, also where that is several requests.
---@param f function|nil
function client.tell(f)
  told = f
end

--- What the endpoints call. `level` is that of their caller, counted from him
--- who calls this: they must do so by a tail call.
function client.call(s, endpoint, params, options, level)
  local who = endpoint.who
  options = settings.check_call(level, who, options, s, endpoint.path)
  options = delivery(level, who, endpoint, params, options)
  local effect = settings.effect(s, endpoint.path, params, options)
  options = effect and effect.options or options
  if endpoint.method == "GET" then return get(s, endpoint, params, options, level) end
  params = complete(s, endpoint, params, effect, level + 1)
  local optional = endpoint.any_model or s.preset.model_optional
  if endpoint.kind and params.model == nil and not optional then
    error(who .. ": no model given, and the client has none for " .. endpoint.kind, level + 1)
  end
  local ranges = (s.preset.ranges or NONE)[endpoint.path]
  local refused = ranges and bounds.check(ranges, params, s.preset.name)
  if refused then return nil, refused end
  local streamed = endpoint.streams and params.stream == true
  if told then return told(send_all, s, endpoint, streamed, params, options, level, who) end
  return send_all(s, endpoint, streamed, params, options, level, who)
end

--- Any endpoint, documented or not: { method =, path =, body =, query =, stream = }.
--- A table as body is sent as JSON; in its place may be `form`, a table sent as
--- multipart/form-data, or `file`, sent as it is. The method is POST with any of
--- them, else GET.
---@param params marea.RequestParams
---@param options marea.CallOptions|nil
---@return marea.Result|marea.Stream|nil, marea.error|nil
function methods:request(params, options)
  return any_endpoint.request(settings_of(self, "client:request"), send, params, options)
end

--- One user message in, a completion out. `params` may hold further parameters.
---@param text string
---@param params table|nil further parameters: see marea.ChatParams
---@param options marea.CallOptions|nil
---@return marea.Completion|marea.Stream|nil, marea.error|nil
function methods:ask(text, params, options)
  settings_of(self, "client:ask")
  check.value(1, "client:ask", "a non-empty string", text)
  if params ~= nil then check.value(1, "client:ask, parameters", "a table", params) end
  local all = { messages = json.array { { role = "user", content = text } } }
  for key, value in pairs(params or {}) do all[key] = value end
  return self.chat.completions:create(all, options)
end

endpoints.on_call(client.call)

return client
