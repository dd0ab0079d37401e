-- SPDX-License-Identifier: MIT
-- The Responses endpoint: its stream in pieces or as one event at the end.

local marea = require("marea")
local json = require("marea.json")
local responses = require("marea.gather.responses")
local result = require("marea.result")
local server = require("spec.support.server")

local function encode(value)
  return json.encode(value, { sort = true })
end

local function client_of(base, options)
  local all = { base_url = base, model = "bundled-echo", max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

local function event_text(data)
  return "event: " .. data:match('"type":"([^"]+)"') .. "\ndata: " .. data .. "\n\n"
end

local function served(list, rest)
  local parts = {}
  for i, data in ipairs(list) do parts[i] = event_text(data) end
  local bytes = table.concat(parts) .. (rest or "")
  return { { status = 200, chunked = true, headers = { ["content-type"] = "text/event-stream" } },
    { chunk = bytes }, { last_chunk = true } }
end

local function stream_of(list, rest)
  local f = server.shared():script({ served(list, rest) })
  return assert(client_of(f.base_url).responses:create({ input = "x", stream = true }))
end

local function drain(stream)
  local events = {}
  while true do
    local event, err = stream:next()
    if not event then return events, err end
    events[#events + 1] = event
  end
end

local function kinds(events)
  local out = {}
  for i, event in ipairs(events) do out[i] = event.type end
  return out
end

local TOOL = { type = "function", name = "get_weather", description = "Weather of a city",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } } }

local MESSAGE = '{"id":"m","type":"message","role":"assistant","status":"completed","content":'
  .. '[{"type":"output_text","text":"Hello","annotations":[]}]}'
local CALL = '{"id":"fc","type":"function_call","call_id":"c1","name":"f","status":"completed",'
  .. '"arguments":"{\\"a\\":1}"}'

local function completed(output, more)
  return '{"type":"response.completed","response":{"id":"r","object":"response","status":"completed","output":['
    .. output .. "]" .. (more or "") .. "}}"
end

local CREATED = '{"type":"response.created","response":{"id":"r","object":"response","status":"in_progress",'
  .. '"output":[],"usage":null}}'

local function delta(text, kind)
  return ('{"type":"response.%s.delta","item_id":"m","output_index":0,"content_index":0,"delta":"%s"}')
    :format(kind or "output_text", text)
end

-- As it begins: without what comes in pieces.
local BEGUN = CALL:gsub('"arguments":".-}"', '"arguments":""'):gsub('"completed"', '"in_progress"')

local function item_event(what, index, item)
  return ('{"type":"response.output_item.%s","output_index":%d,"item":%s}'):format(what, index, item)
end

describe("a response", function()
  local bases = { ["/v1"] = "bundled-echo", ["/nan/v1"] = "qwen3.6" }

  for base, model in pairs(bases) do
    it("is the same streamed and not, under " .. base, function()
      local client = client_of(server.shared().url .. base, { model = model, api_key = "sk-tu-key-aqui" })
      for _, params in ipairs({ { input = "Hola 👋" }, { input = "Weather in Oslo and Lima?", tools = { TOOL } },
          { input = "Hola", max_output_tokens = 3 }, { input = { { role = "user", content = "Hi" } } } }) do
        local whole = assert(client.responses:create(params))
        params.stream = true
        local streamed = assert(assert(client.responses:create(params)):result())
        local function plain(value)
          return (encode(value):gsub('"(%a+_)[%w_-]*%x%x%x%x%x%x%x%x"', '"%1"'))
        end
        assert.equal(plain(whole), plain(streamed))
        assert.equal(whole.output_text, streamed.output_text)
        assert.equal(whole.reasoning_text, streamed.reasoning_text)
        assert.equal(#whole.tool_calls, #streamed.tool_calls)
        assert.equal(200, streamed.response.status)
        assert.equal(whole.output_text, tostring(streamed))
      end
    end)
  end

  it("streams text in pieces", function()
    local seen = {}
    local stream = assert(client_of(server.shared().base_url).responses:create({ input = "Hola", stream = true }))
    for text in stream:text() do seen[#seen + 1] = text end
    assert.is_true(#seen > 3)
    assert.equal(stream:result().output_text, table.concat(seen))
  end)

  it("that comes as one event at the end still gives its text, reasoning, calls, end and usage", function()
    local reasoning = '{"type":"reasoning","id":"rs","summary":[{"type":"summary_text","text":"s"}],'
      .. '"content":[{"type":"reasoning_text","text":"t"}]}'
    local events = drain(stream_of({ completed(reasoning .. "," .. CALL .. "," .. MESSAGE,
      ',"usage":{"total_tokens":5}') }))
    assert.same({ "reasoning", "reasoning", "tool_call", "text", "finish", "usage" }, kinds(events))
    assert.same({ type = "tool_call", index = 0, choice = 0, id = "c1", name = "f", arguments = { a = 1 },
      arguments_json = '{"a":1}' }, events[3])
    assert.same({ type = "text", text = "Hello", index = 0 }, events[4])
    assert.same({ type = "finish", reason = "tool_calls", raw_reason = "completed", index = 0 }, events[5])
  end)

  it("says nothing twice that the pieces and the end both say", function()
    local events = drain(stream_of({ CREATED, delta("Hel"), delta("lo"),
      '{"type":"response.output_text.done","output_index":0,"text":"Hello"}',
      '{"type":"response.output_item.done","output_index":0,"item":' .. MESSAGE .. "}", completed(MESSAGE) }))
    assert.same({ "text", "text", "finish" }, kinds(events))
    assert.equal("stop", events[3].reason)
  end)

  it("says nothing twice though the whole text names another item than its pieces, or none", function()
    for _, place in ipairs { "", ',"output_index":3' } do
      local stream = stream_of({ CREATED, delta("Hel"), delta("lo"),
        '{"type":"response.output_text.done","text":"Hello"' .. place .. "}", completed("") })
      assert.same({ "text", "text", "finish" }, kinds(drain(stream)))
      assert.equal("Hello", stream:result().output_text)
    end
  end)

  it("tells a call piece by piece, then whole", function()
    local piece = '{"type":"response.function_call_arguments.delta","item_id":"fc","output_index":0,"delta":"%s"}'
    local events = drain(stream_of({ CREATED, item_event("added", 0, BEGUN), piece:format('{\\"a\\"'),
      piece:format(":1}"),
      '{"type":"response.function_call_arguments.done","output_index":0,"arguments":"{\\"a\\":1}"}',
      item_event("done", 0, CALL), completed(CALL) }))
    assert.same({ "tool_call.delta", "tool_call.delta", "tool_call", "finish" }, kinds(events))
    assert.same({ type = "tool_call.delta", index = 0, choice = 0, id = "c1", name = "f",
      arguments_json = '{"a"' }, events[1])
    assert.same({ a = 1 }, events[3].arguments)
    assert.equal("c1", events[3].id)
  end)

  it("tells reasoning and refusals as such", function()
    local events = drain(stream_of({ CREATED, delta("a", "reasoning_summary_text"), delta("b", "reasoning_text"),
      delta("no", "refusal"), completed("") }))
    assert.same({ "reasoning", "reasoning", "refusal", "finish" }, kinds(events))
  end)

  it("whose end lacks the output has what the pieces said", function()
    local function piece(kind, at, text)
      return ('{"type":"response.%s.delta","item_id":"%s","output_index":%d,"delta":"%s"}')
        :format(kind, "i" .. at, at, text)
    end
    local stream = stream_of({ CREATED, piece("reasoning_summary_text", 0, "sum"), piece("reasoning_text", 0, "why"),
      piece("output_text", 1, "Hel"), piece("output_text", 1, "lo"), piece("refusal", 1, "no"),
      item_event("added", 2, BEGUN),
      piece("function_call_arguments", 2, '{\\"a\\":'), piece("function_call_arguments", 2, "1}"), completed("") })
    assert.same({ "reasoning", "reasoning", "text", "text", "refusal", "tool_call.delta", "tool_call.delta",
      "tool_call", "finish" }, kinds(drain(stream)))
    assert.same(json.decode("[" .. [[
      {"id":"i0","type":"reasoning","summary":[{"type":"summary_text","text":"sum"}],
        "content":[{"type":"reasoning_text","text":"why"}]},
      {"id":"i1","type":"message","role":"assistant","status":"completed",
        "content":[{"type":"output_text","text":"Hello","annotations":[]},{"type":"refusal","refusal":"no"}]},]]
      .. CALL .. "]"), stream:result().output)
  end)

  it("whose end lacks the output has arguments that came at once, and what is not text or a call", function()
    local search = '{"id":"ws","type":"web_search_call","status":"%s"}'
    local stream = stream_of({ item_event("added", 0, search:format("in_progress")), item_event("added", 1, BEGUN),
      '{"type":"response.function_call_arguments.done","item_id":"fc","output_index":1,"arguments":"{\\"a\\":1}"}',
      completed("") })
    assert.same({ "tool_call", "finish" }, kinds(drain(stream)))
    assert.same(json.decode("[" .. search:format("completed") .. "," .. CALL .. "]"), stream:result().output)
  end)

  it("that stops at its bound has no arguments for a call that was cut off", function()
    local stream = stream_of({ item_event("added", 0, BEGUN),
      '{"type":"response.incomplete","response":{"id":"r","status":"incomplete","output":[]}}' })
    local events = drain(stream)
    assert.same({ "tool_call", "finish" }, kinds(events))
    assert.is_nil(events[1].arguments)
    assert.is_nil(stream:result().tool_calls[1].arguments)
  end)

  it("whose end lacks the output is the wire's own to who reads chunks", function()
    local last
    for chunk in stream_of({ CREATED, delta("Hel"), completed("") }):chunks() do last = chunk end
    assert.same({}, last.response.output)
  end)

  it("that stops at its bound is no error", function()
    local stream = stream_of({ CREATED, delta("Hel"), (completed(MESSAGE, ',"incomplete_details":'
      .. '{"reason":"max_output_tokens"}'):gsub("response.completed", "response.incomplete")
      :gsub('"status":"completed","output"', '"status":"incomplete","output"')) })
    local events, err = drain(stream)
    assert.is_nil(err)
    assert.same({ type = "finish", reason = "length", raw_reason = "max_output_tokens", index = 0 }, events[#events])
    assert.equal("incomplete", stream:result().status)
  end)

  it("that failed is `stream` when streamed, `server` when not", function()
    local failed = '{"id":"r","object":"response","status":"failed","error":{"code":"c1","message":"boom"},"output":[]}'
    local _, err = drain(stream_of({ CREATED, delta("Hel"), '{"type":"response.failed","response":' .. failed .. "}" }))
    assert.equal("stream", err.kind)
    assert.equal("boom", err.message)
    assert.equal("c1", err.code)
    local silent = failed:gsub('"error":%b{}', '"error":null')
    local f = server.shared():script({ { { status = 200, body = failed } }, { { status = 200, body = silent } },
      { { status = 200, body = failed } }, { { status = 200, body = silent } } })
    local client = client_of(f.base_url)
    local none, why = client.responses:create({ input = "x" })
    assert.is_nil(none)
    assert.equal("server", why.kind)
    assert.equal("boom", why.message)
    assert.equal("c1", why.code)
    assert.equal("server", select(2, client.responses:create({ input = "x" })).kind)
    assert.equal("boom", select(2, client.responses:create({ input = "x", stream = true })).message)
    local stream, last = client.responses:create({ input = "x", stream = true })
    assert.is_nil(stream)
    assert.equal("stream", last.kind)
  end)

  it("ends when it says it is whole, though the server keeps the socket open", function()
    local whole = '{"type":"response.completed","response":{"id":"r","object":"response",'
      .. '"status":"completed","output":[]}}'
    local f = server.shared():script({ { { status = 200, chunked = true,
      headers = { ["content-type"] = "text/event-stream" } },
      { chunk = event_text(CREATED) .. event_text(whole) }, { keep_open = true } } })
    local client = client_of(f.base_url, { timeout = 5 })
    local stream = assert(client.responses:create({ input = "x", stream = true }))
    assert.equal("completed", assert(stream:result()).status)
  end)

  it("takes an `error` event for what it is", function()
    local _, err = drain(stream_of({ CREATED, delta("Hel"),
      '{"type":"error","code":"c1","message":"boom","param":null}' }))
    assert.equal("stream", err.kind)
    assert.equal("boom", err.message)
    assert.equal("Hel", err.partial.output_text)
  end)

  it("believes the type in the JSON where the event's name differs, and ignores types it does not know", function()
    local f = server.shared():script({ { { status = 200, chunked = true,
      headers = { ["content-type"] = "text/event-stream" } },
      { chunk = "event: response.refusal.delta\ndata: " .. delta("Hi") .. "\n\n" },
      { chunk = 'event: response.new\ndata: {"type":"response.brand_new.delta","delta":"zz"}\n\n' },
      { chunk = 'event: ping\ndata: {"type":"ping"}\n\n' },
      { chunk = event_text(completed("")) }, { last_chunk = true } } })
    local stream = assert(client_of(f.base_url).responses:create({ input = "x", stream = true }))
    local events = drain(stream)
    assert.same({ "text", "finish" }, kinds(events))
    assert.equal("Hi", events[1].text)
  end)

  it("is truncated where it stops before its end, with what had come", function()
    local stream = stream_of({ CREATED, delta("Hel"), delta("lo") })
    local _, err = drain(stream)
    assert.equal("truncated", err.kind)
    assert.equal("Hello", err.partial.output_text)
    assert.equal("in_progress", err.partial.status)
    assert.equal("m", err.partial.output[1].id)
  end)

  it("is over with its last event, though the socket stays open", function()
    local actions = served({ CREATED, delta("Hi"), completed(MESSAGE) }, "data: [DONE]\n\n")
    actions[#actions] = { wait_close = 5 }
    local f = server.shared():script({ actions })
    local started = require("marea.core").now()
    assert.truthy(assert(client_of(f.base_url).responses:create({ input = "x", stream = true })):result())
    assert.is_true(require("marea.core").now() - started < 1)
  end)

  it("as plain JSON, though a stream was asked for, is a stream of one", function()
    local body = '{"id":"r","object":"response","status":"completed","output":[' .. MESSAGE .. "," .. CALL .. "]}"
    local f = server.shared():script({ { { status = 200, body = body } } })
    local stream = assert(client_of(f.base_url).responses:create({ input = "x", stream = true }))
    assert.same({ "text", "tool_call", "finish" }, kinds(drain(stream)))
    assert.equal(encode(json.decode(body)), encode(stream:result()))
  end)
end)

describe("the events of a response", function()
  it("can be of any shape without an error", function()
    local values = { "null", "3", '"s"', "[]", "{}", "[null]", '{"a":[]}' }
    local places = { '{"type":"response.output_text.delta","output_index":%s,"delta":%s}',
      '{"type":"response.output_item.added","output_index":%s,"item":%s}',
      '{"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","name":%s,"arguments":%s}}',
      '{"type":"response.function_call_arguments.delta","delta":%s}', '{"type":"response.completed","response":%s}',
      '{"type":"response.completed","response":{"output":%s,"usage":%s,"incomplete_details":%s}}',
      '{"type":"response.completed","response":{"output":[%s]}}', '{"type":%s,"response":%s}',
      '{"type":"response.completed","response":{"output":[{"type":"message","content":%s}]}}' }
    for _, place in ipairs(places) do
      for _, value in ipairs(values) do
        local text = place:gsub("%%s", value)
        local g = responses.new()
        g:add(json.decode(text), {})
        g:add(json.decode(text), {})
        local whole = result.new(g:result())
        assert.is_string(tostring(whole), text)
        assert.is_true(pcall(encode, whole), text)
        assert.is_table(whole.tool_calls, text)
      end
    end
  end)
end)
