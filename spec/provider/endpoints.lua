-- SPDX-License-Identifier: MIT
-- What each endpoint does, the same under every scenario's base path: look at
-- the request by the scenario's rules, make an answer, put it in the scenario's
-- shape. A call is { conn, request, scenario, account, argument } and, where
-- the body is JSON, `body`.

local audio = require("provider.audio")
local chat = require("provider.chat")
local check = require("provider.check")
local embeddings = require("provider.embeddings")
local form = require("provider.form")
local http = require("provider.http")
local json = require("provider.json")
local responses = require("provider.responses")
local wire = require("provider.wire")

local endpoints = { delay = 0 }

local answers = 0

---- ways to answer -----------------------------------------------------------

local function respond(call, status, body, headers)
  call.leave()
  return http.respond(call.conn, call.request, status, body, headers)
end

local function reply(call, value)
  return respond(call, 200, json.encode(value))
end

function endpoints.fail(call, fault)
  local status, body, headers = call.scenario:error(fault)
  return respond(call, status, json.encode(body), headers)
end

local fail = endpoints.fail

local function send_stream(call, write, answer, options)
  local conn, request = call.conn, call.request
  local send, finish = http.stream(conn, request)
  -- Who reads the last event may ask again at once.
  local function send_one(data, is_last)
    if is_last then call.leave() end
    return send(data)
  end
  local whole = write(conn, send_one, call.scenario, answer, options)
    and finish()
  request.close = request.close or not whole
end

---- what a call asks for -----------------------------------------------------

local function option(request, name)
  local header = request.header["x-" .. name:gsub("_", "-")]
  return tonumber(header or http.query(request)[name])
end

local function options_of(call, body)
  local scenario, request = call.scenario, call.request
  local stream = body.stream
  if stream == nil or stream == json.null then
    stream = scenario.stream_default
  end
  local usage = type(body.stream_options) == "table"
    and body.stream_options.include_usage == true
  local delay = option(request, "delay_ms")
  return {
    stream = stream, include_usage = usage, words = option(request, "words"),
    delay = delay and delay / 1000 or endpoints.delay,
    reasoning = scenario:reasoning(body),
  }
end

-- Nil when all is well with it.
local function fault_of(call, endpoint, fields)
  local scenario = call.scenario
  return check.fields(fields, scenario.rules[endpoint], call.request)
    or scenario:model_fault(endpoint, fields.model)
    or scenario:fault(endpoint, fields, call)
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

local function canned(found)
  if not found then return nil end
  local choice = { content = found.content, pieces = found.pieces,
    reasoning = found.reasoning, finish = "stop" }
  local usage = found.usage or { prompt = 0, completion = 0, total = 0 }
  return { id = found.id, choices = { choice }, usage = usage }
end

-- Nil when the body holds something of the wrong type somewhere deep.
local function think(make, body, options)
  local ok, answer = pcall(make, body, options)
  return ok and answer or nil
end

local MALFORMED = check.bad("The request is malformed")

---- chat, completions, responses ---------------------------------------------

-- Makes the answer and sends it, streamed or whole.
local function answer_with(call, how)
  local scenario, body = call.scenario, call.body
  local options = options_of(call, body)
  options.only_last = scenario.whole_responses
  local answer = canned(how.canned) or think(how.make, how.asked, options)
  if not answer then return fail(call, MALFORMED) end
  stamp(answer, scenario, body, how.prefix)
  scenario:finish(how.endpoint, answer, body, call)
  if options.stream then
    return send_stream(call, how.stream, answer, options)
  end
  if options.delay > 0 and not call.conn:sleep(options.delay) then return end
  return reply(call, how.whole(answer))
end

local function last_text(body)
  return (chat.content_text(body.messages[#body.messages].content))
end

function endpoints.chat(call)
  local scenario, body = call.scenario, call.body
  local fault = fault_of(call, "chat", body)
  if fault then return fail(call, fault) end
  if scenario.only_known then body = check.known(body, scenario.rules.chat) end
  call.body = body
  return answer_with(call, {
    endpoint = "chat", prefix = "chatcmpl", asked = scenario:prepare(body),
    canned = not body.tools and scenario.canned.chat[last_text(body)],
    make = chat.answer, stream = wire.chat,
    whole = function(answer) return scenario:completion(answer) end,
  })
end

function endpoints.completions(call)
  local scenario, body = call.scenario, call.body
  local fault = fault_of(call, "completions", body)
  if fault then return fail(call, fault) end
  return answer_with(call, {
    endpoint = "completions", prefix = "cmpl", asked = body,
    make = chat.completion, stream = wire.completion,
    whole = function(answer) return scenario:text_completion(answer) end,
  })
end

local function send_events(conn, send, _, answer, options)
  local events = responses.events(answer, options.only_last)
  for i, event in ipairs(events) do
    if not send(event, i == #events) then return false end
    if options.delay > 0 and not conn:sleep(options.delay) then return false end
  end
  return true
end

function endpoints.responses(call)
  local scenario, body = call.scenario, call.body
  local fault = fault_of(call, "responses", body)
  if fault then return fail(call, fault) end
  return answer_with(call, {
    endpoint = "responses", prefix = "r", asked = responses.as_chat(body),
    canned = type(body.input) == "string"
      and scenario.canned.responses[body.input],
    make = chat.answer, stream = send_events, whole = responses.whole,
  })
end

---- models -------------------------------------------------------------------

function endpoints.models(call)
  local data = call.scenario:list_models(call)
  return reply(call, json.object("object", "list", "data", json.list(data)))
end

endpoints.embedding_models = endpoints.models

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

function endpoints.model(call)
  local id = unescape(call.argument)
  for _, model in ipairs(call.scenario.models) do
    if model == id then return reply(call, call.scenario:model(model, call)) end
  end
  return fail(call, call.scenario:unknown_model(id))
end

---- the rest -----------------------------------------------------------------

function endpoints.embeddings(call)
  local scenario, body = call.scenario, call.body
  local fault = fault_of(call, "embeddings", body)
  if fault then
    fault.endpoint = "embeddings"
    return fail(call, fault)
  end
  return reply(call, embeddings.reply(body, scenario:dimensions(body)))
end

-- In pieces where a delay is asked for, as a server that speaks while it
-- makes the sound.
local function send_audio(call, data, kind, delay)
  local send, finish = http.stream(call.conn, call.request, kind)
  local size = math.max(1, #data // 8)
  for from = 1, #data, size do
    if from + size > #data then call.leave() end
    if not send(data:sub(from, from + size - 1))
      or not call.conn:sleep(delay) then
      call.request.close = true
      return
    end
  end
  finish()
end

function endpoints.speech(call)
  local fault = fault_of(call, "speech", call.body)
  if fault then return fail(call, fault) end
  local data, kind = audio.speech(call.body)
  local delay = options_of(call, call.body).delay
  if delay > 0 then return send_audio(call, data, kind, delay) end
  return respond(call, 200, data, { { "content-type", kind } })
end

local function file_fault(call, parts)
  local file, scenario = parts and parts.fields.file, call.scenario
  if not parts then return check.bad("not a multipart form") end
  if type(file) ~= "table" then
    return check.bad("Field required: file", "file")
  end
  if #file.data > scenario.max_file_size then
    return { status = 413, param = "file", type = "invalid_request_error",
      message = "Maximum content size limit exceeded" }
  end
  if not file.filename:find("%.%w+$") then
    return check.bad("`file` has a name without an extension", "file")
  end
end

local function timed_out(call, data)
  local limit = call.account.max_audio_seconds
    or call.scenario.max_audio_seconds
  local seconds = limit and audio.seconds(data)
  if not seconds or seconds <= limit then return nil end
  return { status = 524, message = "A timeout occurred" }
end

local function send_transcript(conn, send, _, value, options)
  for i, data in ipairs(value) do
    if not send("data: " .. data .. "\n\n", i == #value) then return false end
    if options.delay > 0 and not conn:sleep(options.delay) then return false end
  end
  return true
end

local function transcribe(call, endpoint, task)
  local parts = form.parse(call.request)
  local fault = file_fault(call, parts)
    or fault_of(call, endpoint, parts.fields)
    or timed_out(call, parts.fields.file.data)
  if fault then return fail(call, fault) end
  local scenario = call.scenario
  if scenario.streams_transcripts and parts.fields.stream == "true" then
    local options = options_of(call, parts.fields)
    return send_stream(call, send_transcript, audio.events(parts), options)
  end
  local value, plain = audio.transcript(parts, task, scenario.text_transcripts,
    scenario.canned.transcriptions)
  if value then return reply(call, value) end
  return respond(call, 200, plain, { { "content-type", "text/plain" } })
end

function endpoints.transcriptions(call)
  return transcribe(call, "transcriptions", "transcribe")
end

function endpoints.translations(call)
  return transcribe(call, "translations", "translate")
end

-- The smallest picture there is: one pixel, by the grey of the prompt's length.
local function pixel(prompt)
  local gif = "GIF89a\1\0\1\0\128\0\0" .. string.char(#prompt % 256):rep(3)
    .. "\0\0\0,\0\0\0\0\1\0\1\0\0\2\2D\1\0;"
  return gif
end

local function send_images(call, prompt, format, n)
  local data = {}
  for i = 1, n or 1 do
    local coded = embeddings.base64(pixel(prompt))
    data[i] = format == "url"
      and json.object("url", "data:image/gif;base64," .. coded)
      or json.object("b64_json", coded)
  end
  return reply(call, json.object("created", call.scenario.created,
    "data", json.list(data)))
end

function endpoints.images(call)
  local body = call.body
  local fault = fault_of(call, "images", body)
  if fault then return fail(call, fault) end
  return send_images(call, body.prompt, body.response_format, body.n)
end

-- Forms with pictures, of which the script sees their length.
local function draw(call, endpoint)
  local parts = form.parse(call.request)
  local image = parts and (parts.fields.image or parts.fields["image[]"])
  local fault = not parts and check.bad("not a multipart form")
    or type(image) ~= "table" and check.bad("Field required: image", "image")
    or fault_of(call, endpoint, parts.fields)
  if fault then return fail(call, fault) end
  local fields = parts.fields
  return send_images(call, image.data, fields.response_format,
    tonumber(fields.n))
end

function endpoints.image_edits(call)
  return draw(call, "image_edits")
end

function endpoints.image_variations(call)
  return draw(call, "image_variations")
end

return endpoints
