-- SPDX-License-Identifier: MIT
-- NanoGPT as its page shows it: models with suffixes, prices for those who show
-- a key, <think> tags unless they are excluded (but for phala/*, sent as they
-- come), memory by header or suffix, errors that are flat or, of embeddings,
-- nested, 100 requests a second and headers that count them.

local check = require("provider.check")
local json = require("provider.json")
local kinds = require("provider.kinds")
local text = require("provider.text")
local http = require("provider.http")

local o, list = json.object, json.list

local nanogpt = {
  root = "/nanogpt/api",
  base = "/nanogpt/api/v1",
  keys = { ["<API_KEY>"] = true },
  open = { models = true, model = true, embedding_models = true },
  created = 1750000000,
  owner = "nano-gpt",
  models = { "script-talker", "script-thinker", "phala/script-thinker" },
  limits = { requests = 100, window = 1 },
  endpoints = { models = true, chat = true, completions = true,
    embeddings = true, embedding_models = true, images = true },
  other_routes = {
    ["GET /nanogpt/api/subscription/v1/models"] = "models",
    ["GET /nanogpt/api/paid/v1/models"] = "models",
  },
}

local models = {
  ["script-talker"] = { plan = "subscription", price = 0 },
  ["script-thinker"] = { plan = "paid", price = 2, reasons = true },
  ["phala/script-thinker"] = { plan = "paid", price = 3, reasons = true,
    verbatim = true },
}

local embedding_models = {
  ["script-embedding-small"] = { size = 8, price = 0.01 },
  ["script-embedding-large"] = { size = 32, price = 0.1, reducible = true },
}

local suffixes = { online = true, memory = true, ["reasoning-exclude"] = true,
  ["online/linkup-deep"] = true }

-- The model a name means, and the set of its suffixes; nil for no model.
local function read_name(id)
  local name, rest = id:match("^([^:]*)(.*)$")
  local set = {}
  for suffix in rest:gmatch(":([^:]*)") do
    if not suffixes[suffix] then return nil end
    set[suffix] = true
  end
  return models[name], set
end

---- rules ----------------------------------------------------------------------

local function reasoning_rule(value)
  if not check.is_object(value) then return "must be an object" end
  if value.exclude ~= nil and type(value.exclude) ~= "boolean" then
    return "has an exclude that is no boolean"
  end
end

local model = { "model", "a string", required = true }

local function with_common(rules)
  for _, rule in ipairs({ { "temperature", "a number" }, { "top_p", "a number" },
    { "max_tokens", "an integer", min = 1 }, { "stream", "a boolean" },
    { "reasoning", reasoning_rule }, { "user", "a string" } }) do
    rules[#rules + 1] = rule
  end
  return rules
end

nanogpt.rules = {
  chat = with_common {
    model,
    { "messages", kinds.messages, required = true },
    { "tools", kinds.tools },
    { "tool_choice", "a string or an object" },
    { "youtube_transcripts", "a boolean" },
    { "scraping", "a boolean" },
    { "metadata", "an object" },
  },
  completions = with_common {
    model,
    { "prompt", kinds.prompt, required = true },
    { "suffix", "a string" },
  },
  embeddings = {
    model,
    { "input", "a text or texts", required = true },
    { "encoding_format", "a string", one_of = { "float", "base64" } },
    { "dimensions", "an integer", min = 1 },
    { "user", "a string" },
  },
  images = {
    { "prompt", "a string", required = true },
    { "model", "a string" },
    { "n", "an integer", min = 1, max = 10 },
    { "response_format", "a string", one_of = { "url", "b64_json" } },
  },
}

function nanogpt:key_of(request)
  return (request.header.authorization or ""):match("^Bearer (.+)$")
    or request.header["x-api-key"]
end

function nanogpt:headers(account)
  return { { "x-ratelimit-limit", account.requests },
    { "x-ratelimit-remaining", account.remaining } }
end

function nanogpt:model_fault(endpoint, id)
  if endpoint == "images" then return nil end
  if endpoint ~= "embeddings" then
    return not read_name(id) and self:unknown_model(id) or nil
  end
  if not embedding_models[id] then
    return check.bad("Invalid model specified", "model")
  end
end

local MAX_INPUTS = 2048

local function embedding_fault(body)
  local found = embedding_models[body.model]
  if type(body.input) == "table" and #body.input > MAX_INPUTS then
    return check.bad("At most 2048 inputs", "input")
  end
  if not body.dimensions then return nil end
  if not found.reducible or body.dimensions > found.size then
    return check.bad("This model has no such dimensions", "dimensions")
  end
end

function nanogpt:fault(endpoint, body, call)
  local memory = call.request.header.memory
  if memory and memory ~= "true" and memory ~= "false" then
    return check.bad("The memory header is true or false", "memory")
  end
  if endpoint == "embeddings" then return embedding_fault(body) end
end

function nanogpt:dimensions(body)
  return body.dimensions or embedding_models[body.model].size
end

---- answers --------------------------------------------------------------------

function nanogpt:reasoning(body)
  local found, set = read_name(body.model)
  if not found or not found.reasons then return false end
  local excluded = set["reasoning-exclude"]
    or type(body.reasoning) == "table" and body.reasoning.exclude == true
  return found.verbatim or not excluded
end

-- Reasoning stands in the text, between tags, whose pieces fall anywhere.
local function tag(choice)
  if not choice.reasoning then return end
  choice.content = "<think>" .. choice.reasoning .. "</think>\n\n"
    .. (choice.content or "")
  choice.pieces = text.pieces(choice.content, 5)
  choice.reasoning = nil
end

local function asked_text(body)
  local messages = body.messages
  local said = messages and messages[#messages].content or body.prompt
  return type(said) == "string" and said or ""
end

-- What was said before by whoever has this key, and is said now.
local function remember(account, body)
  local before = account.memory[#account.memory]
  account.memory[#account.memory + 1] = asked_text(body)
  return before and (' You said before: "%s".'):format(before) or ""
end

local function additions(set, body, call)
  local added = ""
  if set.online then added = added .. " (with a search of the web)" end
  if set["online/linkup-deep"] then added = added .. " (with a deep search)" end
  if set.memory or call.request.header.memory == "true" then
    added = added .. remember(call.account, body)
  end
  return added
end

function nanogpt:finish(endpoint, answer, body, call)
  local _, set = read_name(body.model)
  local added = additions(set, body, call)
  for _, choice in ipairs(answer.choices) do
    if choice.content and endpoint == "chat" then
      choice.content = choice.content .. added
    end
    tag(choice)
  end
end

---- shapes ---------------------------------------------------------------------

local function has_key(call)
  return call.account.key ~= nil
end

local function price(call, dollars)
  if not has_key(call) then return nil end
  return o("prompt", dollars, "completion", dollars * 2, "currency", "USD",
    "unit", "per_million_tokens")
end

function nanogpt:model(id, call)
  if http.query(call.request).detailed ~= "true" then
    return o("id", id, "object", "model", "created", self.created,
      "owned_by", self.owner)
  end
  local found = models[id]
  return o("id", id, "object", "model", "created", self.created,
    "owned_by", self.owner, "name", id, "context_length", 128000,
    "capabilities", o("reasoning", found.reasons or false, "vision", false),
    "subscription", o("included", found.plan == "subscription"),
    "pricing", price(call, found.price))
end

local function embedding_model(self, id, call)
  local found = embedding_models[id]
  return o("id", id, "object", "model", "created", self.created,
    "owned_by", self.owner, "dimensions", found.size,
    "supports_dimensions", found.reducible or false, "multilingual", true,
    "pricing", price(call, found.price))
end

function nanogpt:list_models(call)
  local plan, data = call.path:match("^/nanogpt/api/(%l+)/v1/"), {}
  if call.endpoint == "embedding_models" then
    for id in pairs(embedding_models) do data[#data + 1] = id end
    table.sort(data)
    for i, id in ipairs(data) do data[i] = embedding_model(self, id, call) end
    return list(data)
  end
  for _, id in ipairs(self.models) do
    if not plan or models[id].plan == plan then
      data[#data + 1] = self:model(id, call)
    end
  end
  return data
end

local function nested(fault)
  return o("error", o("message", fault.message, "type", fault.type,
    "param", fault.param or json.null, "code", json.null))
end

function nanogpt:error(fault)
  if fault.endpoint == "embeddings" then return fault.status, nested(fault) end
  local headers
  if fault.retry_after then
    headers = { { "retry-after", math.ceil(fault.retry_after) } }
  end
  local details = fault.param and o("param", fault.param) or o()
  return fault.status, o("code", fault.code or fault.type or "error",
    "message", fault.message, "details", details), headers
end

return nanogpt
