-- SPDX-License-Identifier: MIT
-- The endpoints, as data: where each is, and what it needs. A method is found
-- on a client by the words of its name (client.chat.completions:create).

local check = require "marea.check"
local embeddings = require("marea.compat").lazy "marea.embeddings"
local media = require("marea.compat").lazy "marea.media"
local query = require("marea.compat").lazy "marea.query"

local null = require("marea.json").null

local endpoints = {}

local call      -- the client's; it needs this module, so it is told later

function endpoints.on_call(f)
  call = f
end

---- those of words (the others are in media.lua) -------------------------------

-- A list must be one, and not be empty.
local function need_list(level, who, params, name)
  local value = params[name]
  if type(value) ~= "table" or value[1] == nil then
    check.fail(level + 1, who .. ", " .. name, "a non-empty list", value)
  end
end

local function need_messages(level, who, params)
  need_list(level + 1, who, params, "messages")
  for i, message in ipairs(params.messages) do
    if type(message) ~= "table" then
      check.fail(level + 1, ("%s, messages[%d]"):format(who, i), "a table", message)
    end
  end
end

endpoints.chat = {
  who = "client.chat.completions:create", method = "POST", path = "chat/completions",
  kind = "chat", streams = true, choices = true, check = need_messages,
}

endpoints.completions = {
  who = "client.completions:create", method = "POST", path = "completions",
  kind = "completions", streams = true, choices = true,
  needs = "prompt", expected = "a string or a table",
}

endpoints.responses = {
  who = "client.responses:create", method = "POST", path = "responses",
  kind = "responses", streams = true, output = true, needs = "input", expected = "a string or a table",
}

endpoints.embeddings = {
  who = "client.embeddings:create", method = "POST", path = "embeddings", kind = "embeddings",
  check = function(level, who, params) return embeddings.check(level, who, params) end,
  split = function(params, most) return embeddings.split(params, most) end,
  decoding = function(params) return embeddings.decoding(params) end,
  judge = function(result, params) return embeddings.judge(result, params) end,
}

---- methods ------------------------------------------------------------------

-- Resource -> settings of its client, not the client itself: that holds the
-- resource, and on LuaJIT neither would ever be collected.
local owners = setmetatable({}, { __mode = "k" })

local function owner(self, who)
  local settings = type(self) == "table" and owners[self]
  if not settings then error("call it with a colon: " .. who .. "{...}", 3) end
  return settings
end

local function post(list, name)
  return function(self, params, options)
    local endpoint = list[name]
    local who, needs = endpoint.who, endpoint.needs
    local settings = owner(self, who)
    if type(params) ~= "table" then check.fail(1, who, "a table", params) end
    local streamed = params.stream
    if streamed ~= nil and streamed ~= null and type(streamed) ~= "boolean" then
      check.fail(1, who .. ", stream", "a boolean", streamed)
    end
    if needs then check.value(1, who .. ", " .. needs, endpoint.expected, params[needs]) end
    if endpoint.check then endpoint.check(1, who, params) end
    return call(settings, endpoint, params, options, 1)
  end
end

-- A list to be had by GET; parameters are the query.
local function list(who, path)
  local endpoint = { who = who, method = "GET", path = path }
  return function(self, params, options)
    local settings = owner(self, who)
    if params ~= nil then check.value(1, who, "a table", params) end
    return call(settings, endpoint, params, options, 1)
  end
end

local function retrieve_model(self, id, options)
  local who = "client.models:retrieve"
  local settings = owner(self, who)
  local path = "models/" .. query.segment(id, "client.models:retrieve, id", 2)
  return call(settings, { who = who, method = "GET", path = path }, nil, options, 1)
end

-- What each takes and gives is in types.lua.
local tree = {
  chat = { completions = { create = post(endpoints, "chat") } },
  completions = { create = post(endpoints, "completions") },
  responses = { create = post(endpoints, "responses") },
  embeddings = { create = post(endpoints, "embeddings") },
  audio = {
    speech = { create = post(media, "speech") },
    transcriptions = { create = post(media, "transcriptions") },
    translations = { create = post(media, "translations") },
  },
  images = {
    generate = post(media, "images"), edit = post(media, "image_edits"),
    create_variation = post(media, "image_variations"),
  },
  models = { list = list("client.models:list", "models"), retrieve = retrieve_model },
  embedding_models = { list = list("client.embedding_models:list", "embedding-models") },
}

local function grow(settings, branch)
  local node = {}
  owners[node] = settings
  for name, item in pairs(branch) do
    node[name] = type(item) == "table" and grow(settings, item) or item
  end
  return node
end

--- Puts the tree on a client that has these settings.
function endpoints.attach(client, settings)
  for name, branch in pairs(tree) do client[name] = grow(settings, branch) end
end

return endpoints
