-- SPDX-License-Identifier: MIT
-- Speech, transcriptions and translations.

local audio = require("provider.audio")
local calls = require("provider.calls")
local check = require("provider.check")
local form = require("provider.form")
local http = require("provider.http")

local endpoints = {}

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
  local fault = calls.fault(call, "speech", call.body)
  if fault then return calls.fail(call, fault) end
  local data, kind = audio.speech(call.body)
  local delay = calls.options(call, call.body).delay
  if delay > 0 then return send_audio(call, data, kind, delay) end
  return calls.respond(call, 200, data, { { "content-type", kind } })
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
    or calls.fault(call, endpoint, parts.fields)
    or timed_out(call, parts.fields.file.data)
  if fault then return calls.fail(call, fault) end
  local scenario = call.scenario
  if scenario.streams_transcripts and parts.fields.stream == "true" then
    local options = calls.options(call, parts.fields)
    return calls.stream(call, send_transcript, audio.events(parts), options)
  end
  local value, plain = audio.transcript(parts, task, scenario.text_transcripts,
    scenario.canned.transcriptions)
  if value then return calls.reply(call, value) end
  return calls.respond(call, 200, plain, { { "content-type", "text/plain" } })
end

function endpoints.transcriptions(call)
  return transcribe(call, "transcriptions", "transcribe")
end

function endpoints.translations(call)
  return transcribe(call, "translations", "translate")
end

return endpoints
