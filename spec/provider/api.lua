-- SPDX-License-Identifier: MIT
-- The endpoints, the same code under every scenario's base path. To add a
-- provider: add scenarios/<name>.lua, returning a table with `base` and
-- whatever differs from scenarios/openai.lua, and name it in the list below.

local cjson = require("cjson")
local chat = require("provider.chat")
local http = require("provider.http")
local json = require("provider.json")
local media = require("provider.media")
local responses = require("provider.responses")
local wire = require("provider.wire")

local NAMES = { "openai", "swissai", "nan", "saptiva", "gradientesur" }

local api = { key = nil, delay = 0 }

local endpoints = {}
local routes = {}
local answers, requests = 0, 0

local function fail(conn, request, scenario, fault)
  local status, body = scenario.error(fault)
  return http.respond(conn, request, status, json.encode(body))
end

local function bad(message, param)
  return { status = 400, message = message, type = "invalid_request_error",
    param = param }
end

local function authorised(request)
  if not api.key then return true end
  return request.header.authorization == "Bearer " .. api.key
end

local function known_model(scenario, id)
  for _, model in ipairs(scenario.models) do
    if model == id then return true end
  end
  return not scenario.strict_models and id ~= "does-not-exist"
end

local function check_model(scenario, id)
  if scenario.ignore_model or id == nil or known_model(scenario, id) then
    return nil
  end
  return { status = 404, code = "model_not_found", param = "model",
    type = "invalid_request_error",
    message = "The model `" .. tostring(id) .. "` does not exist" }
end

local function missing(scenario, body)
  for _, name in ipairs(scenario.required or {}) do
    if body[name] == nil then
      return bad("Field required: " .. name, name)
    end
  end
end

local function check_messages(body)
  local messages = body.messages
  if type(messages) ~= "table" or #messages == 0 then
    return bad("`messages` must be a list with at least one message",
      "messages")
  end
  for i, message in ipairs(messages) do
    if type(message) ~= "table" or type(message.role) ~= "string" then
      return bad("messages[" .. (i - 1) .. "] has no role", "messages")
    end
  end
end

local function check_prompt(body)
  local prompt = body.prompt
  if type(prompt) == "table" then prompt = prompt[1] end
  if type(prompt) ~= "string" then
    return bad("`prompt` must be a string", "prompt")
  end
end

local function decode(request)
  local ok, body = pcall(cjson.decode, request.body)
  if ok and type(body) == "table" then return body end
  return nil, bad("The body is not a JSON object")
end

local function option(request, name)
  local header = request.header["x-" .. name:gsub("_", "-")]
  return tonumber(header or http.query(request)[name])
end

local function options_of(request, scenario, body)
  local stream = body.stream
  if stream == nil or stream == json.null then
    stream = scenario.stream_default
  end
  local usage = type(body.stream_options) == "table"
    and body.stream_options.include_usage == true
  local delay = option(request, "delay_ms")
  return {
    stream = stream, include_usage = usage, words = option(request, "words"),
    delay = delay and delay / 1000 or api.delay,
    reasoning = scenario.reasoning(body),
  }
end

local function stamp(answer, scenario, body, prefix)
  answers = answers + 1
  answer.id = answer.id or string.format("%s-%08x", prefix, answers)
  answer.created = scenario.created
  answer.model = body.model
  if scenario.ignore_model or type(body.model) ~= "string" then
    answer.model = scenario.default_model or scenario.models[1]
  end
  return answer
end

local function canned(scenario, body)
  local last = body.messages[#body.messages]
  local found = scenario.canned and not body.tools
    and scenario.canned[(chat.content_text(last.content))]
  if not found then return nil end
  local choice = { content = found.content, pieces = found.pieces,
    reasoning = found.reasoning, finish = "stop" }
  local usage = found.usage or { prompt = 0, completion = 0, total = 0 }
  return { id = found.id, choices = { choice }, usage = usage }
end

local MALFORMED = bad("The request is malformed")

-- Nil when the body holds something of the wrong type somewhere deep.
local function think(body, options)
  local ok, answer = pcall(chat.answer, body, options)
  return ok and answer or nil
end

local function send_stream(conn, request, write, scenario, answer, options)
  local send, finish = http.stream(conn, request)
  local whole = write(conn, send, scenario, answer, options) and finish()
  request.close = request.close or not whole
end

function endpoints.chat(conn, request, scenario, body)
  local fault = missing(scenario, body) or check_messages(body)
    or check_model(scenario, body.model)
  if fault then return fail(conn, request, scenario, fault) end
  local options = options_of(request, scenario, body)
  local answer = canned(scenario, body) or think(body, options)
  if not answer then return fail(conn, request, scenario, MALFORMED) end
  stamp(answer, scenario, body, "chatcmpl")
  if options.stream then
    return send_stream(conn, request, wire.chat, scenario, answer, options)
  end
  if options.delay > 0 and not conn:sleep(options.delay) then return end
  http.respond(conn, request, 200, json.encode(scenario:completion(answer)))
end

function endpoints.completions(conn, request, scenario, body)
  local fault = check_prompt(body) or check_model(scenario, body.model)
  if fault then return fail(conn, request, scenario, fault) end
  local options = options_of(request, scenario, body)
  local answer = chat.completion(body, options)
  stamp(answer, scenario, body, "cmpl")
  if options.stream then
    return send_stream(conn, request, wire.completion, scenario, answer,
      options)
  end
  local reply = scenario:text_completion(answer)
  http.respond(conn, request, 200, json.encode(reply))
end

function endpoints.models(conn, request, scenario)
  local data = {}
  for i, id in ipairs(scenario.models) do data[i] = scenario:model(id) end
  local reply = json.object("object", "list", "data", json.list(data))
  return http.respond(conn, request, 200, json.encode(reply))
end

local function send_events(conn, send, _, answer, options)
  for _, event in ipairs(responses.events(answer, options.only_last)) do
    if not send(event) then return false end
    if options.delay > 0 and not conn:sleep(options.delay) then return false end
  end
  return true
end

function endpoints.responses(conn, request, scenario, body)
  local asked = responses.as_chat(body)
  local fault = not asked and bad("`input` is missing", "input")
    or check_model(scenario, body.model)
  if fault then return fail(conn, request, scenario, fault) end
  local options = options_of(request, scenario, body)
  options.only_last = scenario.whole_responses
  local answer = think(asked, options)
  if not answer then return fail(conn, request, scenario, MALFORMED) end
  stamp(answer, scenario, body, "r")
  if options.stream then
    return send_stream(conn, request, send_events, scenario, answer, options)
  end
  local reply = json.encode(responses.whole(answer))
  http.respond(conn, request, 200, reply)
end

function endpoints.embeddings(conn, request, scenario, body)
  local reply, message, param = media.embeddings(body)
  local fault = not reply and bad(message, param)
    or check_model(scenario, body.model)
  if fault then return fail(conn, request, scenario, fault) end
  http.respond(conn, request, 200, json.encode(reply))
end

function endpoints.speech(conn, request, scenario, body)
  local audio, kind, param = media.speech(body)
  local fault = not audio and bad(kind, param)
    or check_model(scenario, body.model)
  if fault then return fail(conn, request, scenario, fault) end
  http.respond(conn, request, 200, audio, { { "content-type", kind } })
end

function endpoints.transcriptions(conn, request, scenario)
  local reply, message, param, status = media.transcriptions(request)
  if reply then
    return http.respond(conn, request, 200, json.encode(reply))
  end
  local fault = bad(message, param)
  fault.status = status or 400
  fail(conn, request, scenario, fault)
end

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

function endpoints.model(conn, request, scenario, id)
  for _, model in ipairs(scenario.models) do
    if model == unescape(id) then
      local reply = json.encode(scenario:model(model))
      return http.respond(conn, request, 200, reply)
    end
  end
  fail(conn, request, scenario, check_model({ models = {},
    strict_models = true }, unescape(id)))
end

local paths = {
  chat = "POST /chat/completions", completions = "POST /completions",
  responses = "POST /responses", embeddings = "POST /embeddings",
  speech = "POST /audio/speech", transcriptions = "POST /audio/transcriptions",
  models = "GET /models",
}

-- A form and a GET have no JSON to decode.
local bare = { transcriptions = true, models = true }

local function load_scenario(name)
  local scenario = require("provider.scenarios." .. name)
  if name ~= "openai" then
    setmetatable(scenario, { __index = require("provider.scenarios.openai") })
  end
  for endpoint, place in pairs(paths) do
    if not scenario.endpoints or scenario.endpoints[endpoint] then
      routes[place:gsub(" ", " " .. scenario.base)] = { scenario = scenario,
        run = endpoints[endpoint], body = not bare[endpoint] }
    end
  end
  return scenario
end

local scenarios = {}
for i, name in ipairs(NAMES) do scenarios[i] = load_scenario(name) end

-- The scenario under whose base the path lies; the bundled one otherwise.
local function scenario_of(path)
  for _, scenario in ipairs(scenarios) do
    local base = scenario.base .. "/"
    if path:sub(1, #base) == base then return scenario end
  end
  return scenarios[1]
end

local function model_route(method, path)
  local scenario = scenario_of(path)
  local prefix = scenario.base .. "/models/"
  if method ~= "GET" or path:sub(1, #prefix) ~= prefix then return nil end
  if not routes["GET " .. scenario.base .. "/models"] then return nil end
  return { scenario = scenario, run = endpoints.model,
    argument = path:sub(#prefix + 1) }
end

local function unauthorised(conn, request, path)
  return fail(conn, request, scenario_of(path), {
    status = 401, type = "authentication_error", code = "invalid_api_key",
    message = "Incorrect API key provided",
  })
end

-- Answers one request whose path (without any script prefix) is `path`.
function api.handle(conn, request, path)
  requests = requests + 1
  request.id = string.format("req_%08x", requests)
  http.invite_body(conn, request)
  if not http.read_body(conn, request) then return end
  if not authorised(request) then return unauthorised(conn, request, path) end
  local route = routes[request.method .. " " .. path]
    or model_route(request.method, path)
  if not route then
    return fail(conn, request, scenario_of(path), { status = 404,
      type = "invalid_request_error", code = "unknown_url",
      message = "Unknown request URL: " .. request.method .. " " .. path })
  end
  local argument, fault = route.argument, nil
  if route.body then argument, fault = decode(request) end
  if fault then return fail(conn, request, route.scenario, fault) end
  return route.run(conn, request, route.scenario, argument)
end

return api
