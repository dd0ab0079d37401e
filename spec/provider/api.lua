-- SPDX-License-Identifier: MIT
-- From a request to its endpoint: whose base path it lies under, with whose key
-- and within which limits. To add a provider: add scenarios/<name>.lua,
-- returning a table with `base` and whatever differs from scenarios/openai.lua
-- (or from the one it `extends`), and name it in the list below.

local cjson = require("cjson")
local accounts = require("provider.accounts")
local calls = require("provider.calls")
local check = require("provider.check")
local http = require("provider.http")

local NAMES = { "openai", "swissai", "nan", "helmcode", "saptiva",
  "gradientesur", "nanogpt" }

local api = { key = nil }

local endpoints = {}

for _, name in ipairs({ "language", "embeddings", "audio", "images", "models" }) do
  for endpoint, run in pairs(require("provider.endpoints." .. name)) do
    endpoints[endpoint] = run
  end
end

local paths = {
  chat = "POST /chat/completions", completions = "POST /completions",
  responses = "POST /responses", embeddings = "POST /embeddings",
  speech = "POST /audio/speech", transcriptions = "POST /audio/transcriptions",
  translations = "POST /audio/translations",
  images = "POST /images/generations", image_edits = "POST /images/edits",
  image_variations = "POST /images/variations", models = "GET /models",
  embedding_models = "GET /embedding-models",
}

-- A form and a GET have no JSON to decode.
local bare = { transcriptions = true, translations = true, models = true,
  embedding_models = true, model = true, image_edits = true,
  image_variations = true }

local routes = {}

local function route(scenario, place, endpoint)
  routes[place] = { scenario = scenario, endpoint = endpoint }
end

local function inherit(scenario, name)
  if name == "openai" then return end
  setmetatable(scenario, { __index =
    require("provider.scenarios." .. (scenario.extends or "openai")) })
end

local function load_scenario(name)
  local scenario = require("provider.scenarios." .. name)
  inherit(scenario, name)
  for endpoint, place in pairs(paths) do
    if scenario.endpoints[endpoint] then
      route(scenario, place:gsub(" ", " " .. scenario.base), endpoint)
    end
  end
  for place, endpoint in pairs(scenario.other_routes or {}) do
    route(scenario, place, endpoint)
  end
  return scenario
end

local scenarios = {}
for i, name in ipairs(NAMES) do scenarios[i] = load_scenario(name) end

-- The scenario under whose base the path lies; the bundled one otherwise.
local function scenario_of(path)
  for _, scenario in ipairs(scenarios) do
    local root = (scenario.root or scenario.base) .. "/"
    if path:sub(1, #root) == root then return scenario end
  end
  return scenarios[1]
end

local function model_route(method, path)
  local scenario = scenario_of(path)
  local prefix = scenario.base .. "/models/"
  if method ~= "GET" or path:sub(1, #prefix) ~= prefix then return nil end
  if not scenario.endpoints.models then return nil end
  return { scenario = scenario, endpoint = "model" }, path:sub(#prefix + 1)
end

local function unknown_route(request, path)
  return { status = 404, type = "invalid_request_error", code = "unknown_url",
    message = "Unknown request URL: " .. request.method .. " " .. path }
end

local WRONG_KEY = { status = 401, type = "authentication_error",
  code = "invalid_api_key", message = "Incorrect API key provided" }

-- Pages show the type of a body; the bundled provider itself asks for none.
local function is_typed(call)
  local kind = call.request.header["content-type"] or ""
  return not call.scenario.keys or kind:find("^application/json") ~= nil
end

local function decode(call)
  if not is_typed(call) then return check.bad("Not application/json") end
  local ok, body = pcall(cjson.decode, call.request.body)
  if ok and check.is_object(body) then
    call.body = body
    return nil
  end
  return check.bad("The body is not a JSON object")
end

local function nothing() end

-- Finds who asks and lets him in; a fault where there is one.
local function enter(call, world, path)
  local scenario, request = call.scenario, call.request
  local key = scenario:key_of(request)
  local found, argument = routes[request.method .. " " .. path], nil
  if not found then found, argument = model_route(request.method, path) end
  local open = found and key == nil and scenario.open[found.endpoint]
  call.account = accounts.find(world, scenario, key, api.key, open)
  if not call.account then return WRONG_KEY end
  if not found then return unknown_route(request, path) end
  call.endpoint, call.argument = found.endpoint, argument
  local leave, fault = accounts.enter(call.account)
  call.leave = leave or nothing
  request.extra = scenario:headers(call.account)
  return fault
end

local function run(call)
  local fault = not bare[call.endpoint] and decode(call) or nil
  if fault then return calls.fail(call, fault) end
  return endpoints[call.endpoint](call)
end

local everybody = accounts.world()
local requests = 0

-- Answers one request whose path (without any script prefix) is `path`, in
-- the world of the script it came by.
function api.handle(conn, request, path, world)
  requests = requests + 1
  request.id = string.format("req_%08x", requests)
  http.invite_body(conn, request)
  if not http.read_body(conn, request) then return end
  local call = { conn = conn, request = request, leave = nothing,
    scenario = scenario_of(path), path = path }
  local fault = enter(call, world or everybody, path)
  if fault then return calls.fail(call, fault) end
  local ok, err = xpcall(run, debug.traceback, call)
  call.leave()
  if not ok then error(err, 0) end
end

return api
