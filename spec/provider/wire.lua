-- SPDX-License-Identifier: MIT
-- Puts an answer on the wire as an event stream, one delta a chunk, in the
-- order real servers keep: role, reasoning, text, or the calls in fragments
-- (id and name first, then the arguments in pieces), the finish reason, the
-- usage if it was asked for, [DONE].

local json = require("provider.json")
local text = require("provider.text")

local o, list = json.object, json.list

local wire = {}

-- An unpaced stream lets the other connections in once in so many chunks.
local BURST = 64

local function paced(conn, send, delay)
  local sent = 0
  return function(data, is_last)
    sent = sent + 1
    if not send("data: " .. data .. "\n\n", is_last) then return false end
    if delay > 0 then return conn:sleep(delay) end
    return sent % BURST ~= 0 or conn:sleep(0)
  end
end

-- Deltas are kept as JSON text: a stream of many thousands must stay cheap.
local function call_deltas(deltas, calls)
  for i, call in ipairs(calls) do
    deltas[#deltas + 1] = json.encode(o("tool_calls", list({
      o("index", i - 1, "id", call.id, "type", "function",
        "function", o("name", call.name, "arguments", "")),
    })))
    for _, piece in ipairs(text.pieces(call.arguments, 6)) do
      deltas[#deltas + 1] = json.encode(o("tool_calls", list({
        o("index", i - 1, "function", o("arguments", piece)),
      })))
    end
  end
end

local function role_delta(choice)
  if choice.calls then return '{"role":"assistant","content":null}' end
  return '{"role":"assistant","content":""}'
end

local function word_deltas(deltas, name, words)
  for _, word in ipairs(words) do
    deltas[#deltas + 1] = '{"' .. name .. '":' .. json.encode(word) .. "}"
  end
end

local function deltas_of(scenario, choice)
  local deltas = {}
  if scenario.role_chunk then deltas[1] = role_delta(choice) end
  word_deltas(deltas, "reasoning_content", text.words(choice.reasoning or ""))
  word_deltas(deltas, "content",
    choice.pieces or text.words(choice.content or ""))
  call_deltas(deltas, choice.calls or {})
  return deltas
end

local function chunk_choice(index, delta, finish)
  return '[{"index":' .. index .. ',"delta":' .. delta .. ',"finish_reason":'
    .. (finish and json.encode(finish) or "null") .. "}]"
end

-- The choices take turns, as they do where n > 1.
local function interleaved(scenario, answer)
  local all, longest = {}, 0
  for i, choice in ipairs(answer.choices) do
    all[i] = deltas_of(scenario, choice)
    longest = math.max(longest, #all[i] + 1)
  end
  local position, turn = 1, 0
  return function()
    while position <= longest do
      turn = turn + 1
      if turn > #all then position, turn = position + 1, 1 end
      local delta = all[turn][position]
      if delta then return chunk_choice(turn - 1, delta) end
      if position == #all[turn] + 1 then
        return chunk_choice(turn - 1, "{}", answer.choices[turn].finish)
      end
    end
  end
end

-- What stands before and after a chunk's choices, the same all stream long.
local function frame(scenario, answer)
  local mark = "\0" -- no JSON text has one
  local whole = json.encode(scenario:chunk(answer, json.raw(mark)))
  local from, to = whole:find(mark, 1, true)
  return whole:sub(1, from - 1), whole:sub(to + 1)
end

-- False when the client went away before the end.
function wire.chat(conn, send, scenario, answer, options)
  local emit = paced(conn, send, options.delay)
  local before, after = frame(scenario, answer)
  for choices in interleaved(scenario, answer) do
    if not emit(before .. choices .. after) then return false end
  end
  if options.include_usage then
    local chunk = scenario:chunk(answer, list({}), answer.usage)
    if not emit(json.encode(chunk)) then return false end
  end
  return emit("[DONE]", true)
end

function wire.completion(conn, send, scenario, answer, options)
  local emit = paced(conn, send, options.delay)
  local whole = answer.choices[1]
  local part = { id = answer.id, created = answer.created,
    model = answer.model }
  for _, word in ipairs(text.words(whole.content)) do
    part.choices = { { content = word } }
    local chunk = scenario:text_completion(part)
    if not emit(json.encode(chunk)) then return false end
  end
  part.choices = { { content = "", finish = whole.finish } }
  part.usage = options.include_usage and answer.usage or nil
  return emit(json.encode(scenario:text_completion(part))) and emit("[DONE]", true)
end

return wire
