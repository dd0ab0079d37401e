-- SPDX-License-Identifier: MIT
-- The bundled provider, seen from the wire: the shapes the providers' pages
-- show, and scripted faults that really happen. Nothing of marea takes part.

local cjson = require("cjson")
local socket = require("socket")
local raw = require("spec.support.raw")
local server = require("spec.support.server")

local WEATHER = [[{"type":"function","function":{"name":"get_weather",]]
  .. [["description":"Tiempo actual","parameters":{"type":"object",]]
  .. [["properties":{"city":{"type":"string"}},"required":["city"]}}}]]

local function post(instance, path, body, headers)
  if type(body) == "table" then body = cjson.encode(body) end
  return raw.request(instance.port, "POST", path, body, headers)
end

local NAN = { authorization = "Bearer sk-tu-key-aqui", ["content-type"] = "application/json" }

local function user(text, more)
  local body = { messages = { { role = "user", content = text } } }
  for name, value in pairs(more or {}) do body[name] = value end
  return body
end

describe("the bundled provider", function()
  local s
  setup(function() s = server.shared() end)

  it("lists its models and shows one", function()
    local list = raw.request(s.port, "GET", "/v1/models")
    assert.equal(200, list.status)
    local ids = {}
    for i, model in ipairs(cjson.decode(list.body).data) do ids[i] = model.id end
    assert.same({ "bundled-echo", "qwen3.6" }, ids)
    local one = raw.request(s.port, "GET", "/v1/models/bundled-echo")
    assert.equal("bundled-echo", cjson.decode(one.body).id)
    assert.equal(404, raw.request(s.port, "GET", "/v1/models/nope").status)
  end)

  it("answers the last user message and says it is a script", function()
    local reply = cjson.decode(post(s, "/v1/chat/completions", user("Hola")).body)
    local content = reply.choices[1].message.content
    assert.truthy(content:find("A script, not a model", 1, true))
    assert.truthy(content:find('"Hola"', 1, true))
    assert.equal("stop", reply.choices[1].finish_reason)
    assert.equal(reply.usage.prompt_tokens + reply.usage.completion_tokens,
      reply.usage.total_tokens)
  end)

  it("streams the same text it would have answered at once", function()
    local whole = post(s, "/v1/chat/completions", user("uno  dos\ntres "))
    local stream = post(s, "/v1/chat/completions",
      user("uno  dos\ntres ", { stream = true }))
    assert.equal("text/event-stream; charset=utf-8",
      stream.headers["content-type"])
    assert.equal(cjson.decode(whole.body).choices[1].message.content,
      raw.joined(stream.body, "content"))
  end)

  it("sends role first, then text, finish, usage if asked, [DONE]", function()
    local stream = post(s, "/v1/chat/completions", user("a",
      { stream = true, stream_options = { include_usage = true } }))
    local events = raw.events(stream.body)
    assert.truthy(events[1]:find('"delta":{"role":"assistant"', 1, true))
    assert.truthy(events[#events - 2]:find('"delta":{},"finish_reason":"stop"',
      1, true))
    assert.truthy(events[#events - 1]:find('"choices":[],"usage":{', 1, true))
    assert.equal("[DONE]", events[#events])
    assert.equal(#events, #stream.chunks)
    local bare = post(s, "/v1/chat/completions", user("a", { stream = true }))
    assert.is_nil(bare.body:find("usage", 1, true))
  end)

  it("waits x-delay-ms between chunks", function()
    local from = socket.gettime()
    local stream = post(s, "/v1/chat/completions", user("a",
      { stream = true }), { ["x-delay-ms"] = "20" })
    local took = socket.gettime() - from
    assert.is_true(took >= 0.018 * #stream.chunks, "took only " .. took)
  end)

  it("makes an answer of as many words as the query asks for", function()
    local reply = post(s, "/v1/chat/completions?words=500", user("a"))
    assert.equal(500, cjson.decode(reply.body).usage.completion_tokens)
  end)

  it("stops at max_tokens with finish_reason length", function()
    local reply = cjson.decode(post(s, "/v1/chat/completions",
      user("a", { max_tokens = 2 })).body)
    assert.equal("A script,", reply.choices[1].message.content)
    assert.equal("length", reply.choices[1].finish_reason)
  end)

  it("gives as many choices as n, interleaved when streamed", function()
    local stream = post(s, "/v1/chat/completions",
      user("a", { n = 2, stream = true }))
    local events = raw.events(stream.body)
    assert.equal(0, cjson.decode(events[1]).choices[1].index)
    assert.equal(1, cjson.decode(events[2]).choices[1].index)
    assert.equal(0, cjson.decode(events[3]).choices[1].index)
  end)

  it("keeps the connection alive, and closes when asked to", function()
    local client = raw.connect(s.port)
    for _ = 1, 2 do
      client:send(raw.bytes("GET", "/v1/models"))
      assert.equal(200, raw.read_reply(client).status)
    end
    client:send(raw.bytes("GET", "/v1/models", nil, { connection = "close" }))
    assert.equal("close", raw.read_reply(client).headers.connection)
    assert.same({ "", "closed" }, { raw.read_all(client) })
    client:close()
  end)

  it("answers pipelined requests in order", function()
    local client = raw.connect(s.port)
    client:send(raw.bytes("GET", "/v1/models/bundled-echo")
      .. raw.bytes("GET", "/v1/models/qwen3.6"))
    assert.equal("bundled-echo", cjson.decode(raw.read_reply(client).body).id)
    assert.equal("qwen3.6", cjson.decode(raw.read_reply(client).body).id)
    client:close()
  end)

  it("reads a chunked body that comes byte by byte", function()
    local body = cjson.encode(user("Hola"))
    local bytes = "POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
      .. "transfer-encoding: chunked\r\n\r\n"
      .. ("%x\r\n%s\r\n"):format(#body, body) .. "0\r\n\r\n"
    local client = raw.connect(s.port)
    for i = 1, #bytes do client:send(bytes:sub(i, i)) end
    assert.equal(200, raw.read_reply(client).status)
    client:close()
  end)

  it("invites a body announced by Expect", function()
    local client = raw.connect(s.port)
    local body = cjson.encode(user("Hola"))
    client:send("POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"
      .. "expect: 100-continue\r\ncontent-length: " .. #body .. "\r\n\r\n")
    assert.equal("HTTP/1.1 100 Continue", client:receive("*l"))
    assert.equal("", client:receive("*l"))
    client:send(body)
    assert.equal(200, raw.read_reply(client).status)
    client:close()
  end)

  it("ends an HTTP/1.0 stream by closing, without chunks", function()
    local client = raw.connect(s.port)
    local body = cjson.encode(user("a", { stream = true }))
    client:send("POST /v1/chat/completions HTTP/1.0\r\ncontent-length: "
      .. #body .. "\r\n\r\n" .. body)
    local bytes = raw.read_all(client)
    assert.is_nil(bytes:lower():find("transfer-encoding", 1, true))
    assert.equal("data: [DONE]\n\n", bytes:sub(-14))
    client:close()
  end)

  it("refuses what is no request: JSON, messages, model, path", function()
    local function refused(status, path, body, param)
      local reply = post(s, path, body)
      assert.equal(status, reply.status)
      local fault = cjson.decode(reply.body).error
      assert.equal("string", type(fault.message))
      assert.equal(param or cjson.null, fault.param)
    end
    refused(400, "/v1/chat/completions", "{")
    refused(400, "/v1/chat/completions", "{}", "messages")
    refused(400, "/v1/chat/completions", '{"messages":[]}', "messages")
    refused(400, "/v1/chat/completions", '{"messages":[{}]}', "messages")
    refused(404, "/v1/chat/completions",
      user("a", { model = "does-not-exist" }), "model")
    refused(404, "/v1/nothing", "{}")
  end)

  it("completes a prompt, whole and streamed", function()
    local whole = cjson.decode(post(s, "/v1/completions",
      { prompt = "The capital of France is" }).body)
    assert.equal("text_completion", whole.object)
    local stream = post(s, "/v1/completions",
      { prompt = "The capital of France is", stream = true })
    local parts = {}
    for _, data in ipairs(raw.events(stream.body)) do
      if data ~= "[DONE]" then
        parts[#parts + 1] = cjson.decode(data).choices[1].text
      end
    end
    assert.equal(whole.choices[1].text, table.concat(parts))
  end)

  it("wants its key, if it was given one", function()
    local locked = server.start({ key = "sk-right" })
    finally(function() locked:stop() end)
    local function with(authorization)
      return post(locked, "/v1/chat/completions", user("a"),
        { authorization = authorization })
    end
    assert.equal(200, with("Bearer sk-right").status)
    assert.equal(401, with(nil).status)
    local fault = cjson.decode(with("Bearer sk-wrong").body).error
    assert.equal("invalid_api_key", fault.code)
    assert.equal(cjson.null, fault.param)
  end)
end)

describe("the bundled provider's tool calls", function()
  local s
  setup(function() s = server.shared() end)

  local function ask(text, more)
    local fields = ""
    for name, value in pairs(more or {}) do
      fields = fields .. (',"%s":%s'):format(name, value)
    end
    return post(s, "/v1/chat/completions", '{"messages":[{"role":"user",'
      .. '"content":' .. cjson.encode(text) .. '}],"tools":[' .. WEATHER
      .. "]" .. fields .. "}")
  end

  local function arguments(text, more)
    local reply = cjson.decode(ask(text, more).body)
    local list = {}
    for i, call in ipairs(reply.choices[1].message.tool_calls) do
      list[i] = call["function"].arguments
    end
    return list
  end

  it("take the city from the text", function()
    assert.same({ '{"city":"Madrid"}' },
      arguments("¿Qué tiempo hace en Madrid?"))
    assert.same({ '{"city":"Zúrich"}' }, arguments("Wie ist es in Zúrich"))
    assert.same({ '{"city":"new york"}' }, arguments('weather in "new york"'))
  end)

  it("are two when two cities are named, unless parallel is off", function()
    assert.same({ '{"city":"Madrid"}', '{"city":"Buenos Aires"}' },
      arguments("¿Qué tiempo hace en Madrid y en Buenos Aires?"))
    assert.equal(1, #arguments("tiempo en Madrid y Lima",
      { parallel_tool_calls = "false" }))
  end)

  it("are not made when tool_choice is none", function()
    local reply = cjson.decode(ask("tiempo en Lima",
      { tool_choice = '"none"' }).body)
    assert.is_nil(reply.choices[1].message.tool_calls)
  end)

  it("stream id and name first, then the arguments in pieces", function()
    local stream = ask("tiempo en Madrid y Lima", { stream = "true" })
    local calls = {}
    for _, data in ipairs(raw.events(stream.body)) do
      local chunk = data ~= "[DONE]" and cjson.decode(data)
      local choice = chunk and chunk.choices[1]
      for _, part in ipairs(choice and choice.delta.tool_calls or {}) do
        local call = calls[part.index + 1]
        if not call then
          assert.equal("get_weather", part["function"].name)
          assert.equal("", part["function"].arguments)
          call = { id = part.id, pieces = {} }
          calls[part.index + 1] = call
        else
          assert.is_nil(part.id)
          table.insert(call.pieces, part["function"].arguments)
        end
      end
    end
    assert.is_true(#calls[1].pieces > 1)
    assert.equal('{"city":"Madrid"}', table.concat(calls[1].pieces))
    assert.equal('{"city":"Lima"}', table.concat(calls[2].pieces))
    assert.are_not.equal(calls[1].id, calls[2].id)
    assert.truthy(stream.body:find('"finish_reason":"tool_calls"', 1, true))
  end)

  it("are followed by a sentence that quotes the results", function()
    local call = '{"id":"c1","type":"function","function":'
      .. '{"name":"get_weather","arguments":"{}"}}'
    local reply = post(s, "/v1/chat/completions", '{"messages":['
      .. '{"role":"user","content":"tiempo"},'
      .. '{"role":"assistant","content":null,"tool_calls":[' .. call .. "]},"
      .. '{"role":"tool","tool_call_id":"c1","content":"21 grados"}],'
      .. '"tools":[' .. WEATHER .. "]}")
    assert.equal("A script, not a model: get_weather returned 21 grados.",
      cjson.decode(reply.body).choices[1].message.content)
  end)

  it("have a sister in response_format: JSON that fits the schema", function()
    local reply = post(s, "/v1/chat/completions", '{"messages":[{"role":'
      .. '"user","content":"Alice, 30 años."}],"response_format":{"type":'
      .. '"json_schema","json_schema":{"name":"user","schema":{"type":'
      .. '"object","properties":{"name":{"type":"string"},"age":{"type":'
      .. '"integer"}},"required":["name","age"]}}}}')
    assert.equal('{"name":"Alice","age":30}',
      cjson.decode(reply.body).choices[1].message.content)
  end)
end)

describe("the bundled provider's other endpoints", function()
  local s
  setup(function() s = server.shared() end)

  it("embed: the same vector for the same text, in input order", function()
    local function embed(input, more)
      local body = { model = "m", input = input }
      for name, value in pairs(more or {}) do body[name] = value end
      return cjson.decode(post(s, "/v1/embeddings", body).body).data
    end
    local both = embed({ "uno", "dos" })
    assert.same({ 0, 1 }, { both[1].index, both[2].index })
    assert.same(embed("dos")[1].embedding, both[2].embedding)
    assert.are_not.same(both[1].embedding, both[2].embedding)
    assert.equal(3, #embed("a", { dimensions = 3 })[1].embedding)
    -- Four bytes a number, in base64.
    local coded = embed("a", { encoding_format = "base64", dimensions = 3 })
    assert.equal(16, #coded[1].embedding)
    assert.equal(400, post(s, "/v1/embeddings", '{"input":[]}').status)
  end)

  it("embed: base64 holds the very numbers of the list", function()
    local mime = require("mime")
    local function embed(format)
      return cjson.decode(post(s, "/v1/embeddings", { input = "a",
        dimensions = 1, encoding_format = format }).body).data[1].embedding
    end
    local bytes = mime.unb64(embed("base64"))
    local b1, b2, b3, b4 = bytes:byte(1, 4)
    local exponent = b4 % 128 * 2 + math.floor(b3 / 128)
    local mantissa = 1 + (b3 % 128 * 65536 + b2 * 256 + b1) / 2 ^ 23
    local value = (b4 < 128 and 1 or -1) * mantissa * 2 ^ (exponent - 127)
    assert.equal(embed("float")[1], value)
  end)

  it("nan: embeds in 4096 numbers", function()
    local reply = post(s, "/nan/v1/embeddings",
      { model = "qwen3-embedding", input = "Hola mundo" }, NAN)
    assert.equal(4096, #cjson.decode(reply.body).data[1].embedding)
  end)

  it("respond: output items, whole or as events", function()
    local body = { model = "bundled-echo", input = "Hola" }
    local whole = cjson.decode(post(s, "/v1/responses", body).body)
    assert.equal("completed", whole.status)
    local answer = whole.output[1].content[1].text
    body.stream = true
    local parts, kinds = {}, {}
    for kind, data in post(s, "/v1/responses", body).body
      :gmatch("event: (%S+)\ndata: ([^\n]*)\n\n") do
      kinds[#kinds + 1] = kind
      local event = cjson.decode(data)
      assert.equal(kind, event.type)
      if kind == "response.output_text.delta" then
        parts[#parts + 1] = event.delta
      end
    end
    assert.equal(answer, table.concat(parts))
    assert.equal("response.created", kinds[1])
    assert.equal("response.completed", kinds[#kinds])
  end)

  it("respond: function calls, and their results", function()
    local tools = '"tools":[{"type":"function","name":"get_weather",'
      .. '"parameters":{"type":"object","properties":{"city":{"type":'
      .. '"string"}},"required":["city"]}}]'
    local reply = cjson.decode(post(s, "/v1/responses",
      '{"input":"tiempo en Lima",' .. tools .. "}").body)
    local call = reply.output[1]
    assert.equal("function_call", call.type)
    assert.equal('{"city":"Lima"}', call.arguments)
    reply = cjson.decode(post(s, "/v1/responses", '{"input":[{"role":"user",'
      .. '"content":"tiempo"},' .. cjson.encode(call)
      .. ',{"type":"function_call_output","call_id":"' .. call.call_id
      .. '","output":"21"}],' .. tools .. "}").body)
    assert.equal("A script, not a model: get_weather returned 21.",
      reply.output[1].content[1].text)
  end)

  it("nan: a streamed response is one single event", function()
    local reply = post(s, "/nan/v1/responses",
      { model = "qwen3.6", input = "Hola", stream = true }, NAN)
    assert.equal(1, select(2, reply.body:gsub("event: ", "")))
    assert.truthy(reply.body:find('^event: response.completed\ndata: {"type":'))
    assert.truthy(reply.body:find('"type":"reasoning","summary":%[%]'))
  end)

  it("speak: bytes of the format's type, or an error in JSON", function()
    local function speak(more)
      return post(s, "/v1/audio/speech", { model = "kokoro", input = "a b",
        voice = more.voice, response_format = more.format })
    end
    local wav = speak({ voice = "x", format = "wav" })
    assert.equal("audio/wav", wav.headers["content-type"])
    assert.equal("RIFF", wav.body:sub(1, 4))
    assert.equal(44 + 1600, #wav.body)
    assert.equal("audio/mpeg",
      speak({ voice = "x" }).headers["content-type"])
    local bad = speak({})
    assert.equal(400, bad.status)
    assert.equal("application/json", bad.headers["content-type"])
    assert.equal("voice", cjson.decode(bad.body).error.param)
  end)

  it("transcribe: count the bytes of the file in the form", function()
    local function transcribe(more)
      local body = "--XX\r\ncontent-disposition: form-data; name=\"model\""
        .. "\r\n\r\nwhisper\r\n" .. more .. "--XX\r\n"
        .. "content-disposition: form-data; name=\"file\"; "
        .. "filename=\"t.mp3\"\r\ncontent-type: audio/mpeg\r\n\r\n"
        .. "\0\r\n\255--X\r\n--XX--\r\n"
      return cjson.decode(post(s, "/v1/audio/transcriptions", body,
        { ["content-type"] = "multipart/form-data; boundary=XX" }).body)
    end
    assert.equal("A script heard 7 bytes of t.mp3.", transcribe("").text)
    local verbose = transcribe("--XX\r\ncontent-disposition: form-data; "
      .. 'name="response_format"\r\n\r\nverbose_json\r\n')
    assert.equal("transcribe", verbose.task)
    assert.equal(cjson.null, verbose.words)
    local reply = post(s, "/v1/audio/transcriptions", "{}")
    assert.equal(400, reply.status)
  end)

  it("draw: one pixel for each picture asked for, base64 or a URL", function()
    local reply = cjson.decode(post(s, "/v1/images/generations", { prompt = "a", n = 2 }).body)
    assert.equal("GIF89a", require("mime").unb64(reply.data[2].b64_json):sub(1, 6))
    reply = cjson.decode(post(s, "/v1/images/generations", { prompt = "a", response_format = "url" }).body)
    assert.truthy(reply.data[1].url:find("^data:image/gif;base64,"))
    assert.equal(400, post(s, "/v1/images/generations", { n = 2 }).status)
  end)

  local function form(path, parts)
    local body = ""
    for name, value in pairs(parts) do
      local file = value:match("^@(.*)")
      body = body .. '--XX\r\ncontent-disposition: form-data; name="' .. name .. '"'
        .. (file and '; filename="' .. file .. '"' or "") .. "\r\n\r\n" .. value .. "\r\n"
    end
    return post(s, path, body .. "--XX--", { ["content-type"] = "multipart/form-data; boundary=XX" })
  end

  it("draw from a picture, by a form", function()
    local edited = form("/v1/images/edits", { image = "@a.png", prompt = "x", n = "2" })
    assert.equal(2, #cjson.decode(edited.body).data)
    assert.equal(400, form("/v1/images/edits", { image = "@a.png" }).status)
    assert.equal(400, form("/v1/images/variations", { image = "a.png" }).status)
    assert.equal(200, form("/v1/images/variations", { image = "@a.png" }).status)
  end)

  it("transcribe: as texts, in pieces, and translated", function()
    local function transcribe(more, path)
      more.file = "@t.mp3"
      return form("/v1/audio/" .. (path or "transcriptions"), more)
    end
    local heard = "A script heard 6 bytes of t.mp3."
    assert.equal(heard .. "\n", transcribe({ response_format = "text" }).body)
    assert.equal("text/plain", transcribe({ response_format = "srt" }).headers["content-type"])
    assert.equal("WEBVTT\n", transcribe({ response_format = "vtt" }).body:sub(1, 7))
    assert.equal(400, transcribe({ response_format = "doc" }).status)
    assert.equal("translate", cjson.decode(transcribe({ response_format = "verbose_json" }, "translations").body).task)
    local pieces = {}
    for _, data in ipairs(raw.events(transcribe({ stream = "true" }).body)) do
      local event = cjson.decode(data)
      pieces[#pieces + 1] = event.delta
      assert.is_true(event.delta ~= nil or event.text == heard)
    end
    assert.equal(heard, table.concat(pieces))
  end)

  it("speak in pieces where a delay is asked for", function()
    local reply = post(s, "/v1/audio/speech?delay_ms=1", { input = "uno dos", voice = "x" })
    assert.equal("audio/mpeg", reply.headers["content-type"])
    assert.is_true(#reply.chunks > 4)
    assert.equal("ID3no sound, a script's text: uno dos", reply.body)
  end)

  it("survive a request that is wrong deep inside", function()
    local reply = post(s, "/v1/chat/completions", '{"messages":[{"role":'
      .. '"user","content":[1]}],"tools":[3]}')
    assert.equal(400, reply.status)
  end)

  it("give every answer its own x-request-id", function()
    local one = raw.request(s.port, "GET", "/v1/models")
    local two = raw.request(s.port, "GET", "/v1/models")
    assert.truthy(one.headers["x-request-id"]:find("^req_"))
    assert.are_not.equal(one.headers["x-request-id"],
      two.headers["x-request-id"])
  end)
end)

describe("scripted faults by path", function()
  local s
  setup(function() s = server.shared() end)

  -- Asks once and hands back the open connection.
  local function open(script, body)
    local client = raw.connect(script.port)
    client:send(raw.bytes("POST", script.url:match("//[^/]+(.*)$") .. "/v1/x",
      body or "{}"))
    return client
  end

  local function read(script)
    local client = open(script)
    local bytes, how = raw.read_all(client)
    client:close()
    return bytes, how
  end

  it("send exactly the bytes given, NUL and invalid UTF-8 too", function()
    local bytes = "\0\1\127\128\255 \r\n\"\\ ñ"
    local script = s:script({ { { send = bytes }, { fin = true } } })
    assert.equal(bytes, (read(script)))
  end)

  it("take the replies in turn, then say they are exhausted", function()
    local script = s:script({ { status = 503, body = "" },
      { status = 200, body = "{}", headers = { { "x-a", "1" },
        { "x-a", "2" } } } })
    local path = script.url:match("//[^/]+(.*)$") .. "/v1/x"
    local function ask() return raw.request(s.port, "POST", path, "{}") end
    assert.equal(503, ask().status)
    local second = ask()
    assert.equal("{}", second.body)
    assert.equal("application/json", second.headers["content-type"])
    assert.equal(500, ask().status)
  end)

  it("repeat the last reply when told to", function()
    local script = s:script({ { status = 429 } }, { repeat_last = true })
    local path = script.url:match("//[^/]+(.*)$")
    for _ = 1, 3 do
      assert.equal(429, raw.request(s.port, "GET", path).status)
    end
  end)

  it("hand a reply, or what is left, to the bundled provider", function()
    local first = s:script({ { status = 500 }, { serve = true } })
    local path = first.url:match("//[^/]+(.*)$")
    assert.equal(500, raw.request(s.port, "GET", path .. "/v1/models").status)
    assert.equal(200, raw.request(s.port, "GET", path .. "/v1/models").status)
    local all = s:script({}, { serve = true })
    path = all.url:match("//[^/]+(.*)$") .. "/nan/v1/models"
    assert.equal(200, raw.request(s.port, "GET", path, nil, NAN).status)
    assert.equal(path, all.requests()[1].target)
  end)

  it("wrap event streams and single chunks", function()
    local script = s:script({ { sse = { "{}", "[DONE]" } },
      { { status = 200, chunked = true }, { chunk = "abc" },
        { last_chunk = true } } })
    local path = script.url:match("//[^/]+(.*)$")
    local stream = raw.request(s.port, "GET", path)
    assert.equal("text/event-stream", stream.headers["content-type"])
    assert.same({ "data: {}\n\n", "data: [DONE]\n\n" }, stream.chunks)
    assert.same({ "abc" }, raw.request(s.port, "GET", path).chunks)
  end)

  it("reset: the client sees a reset, and after fin it does not", function()
    local script = s:script({ { rst = true }, { fin = true } })
    local client = open(script)
    assert.is_true(raw.was_reset(client))
    client:close()
    client = open(script)
    assert.is_false(raw.was_reset(client))
    assert.same({ "", "closed" }, { raw.read_all(client) })
    client:close()
  end)

  it("half close: the client reads the end and may still send", function()
    local script = s:script({ { { send = "a" }, { half_close = true },
      { wait_close = 5 } } })
    local client = open(script)
    assert.same({ "a", "closed" }, { raw.read_all(client) })
    assert.equal(4, client:send("more"))
    client:close()
    local eof = script.wait_event("eof")
    assert.is_true(eof.bytes > 4)
  end)

  it("pace bytes one by one", function()
    local script = s:script({ { { send_each = "12345", delay = 0.02 },
      { fin = true } } })
    local from = socket.gettime()
    assert.equal("12345", (read(script)))
    assert.is_true(socket.gettime() - from >= 0.09)
    local writes = 0
    for _, event in ipairs(script.events()) do
      if event.type == "write" then writes = writes + 1 end
    end
    assert.equal(5, writes)
  end)

  it("stall for as long as they sleep", function()
    local script = s:script({ { { send = "a" }, { sleep = 0.2 },
      { send = "b" }, { fin = true } } })
    local client = open(script)
    client:settimeout(0.1)
    assert.equal("a", client:receive(1))
    assert.same({ nil, "timeout", "" }, { client:receive(1) })
    client:settimeout(2)
    assert.equal("b", client:receive(1))
    client:close()
  end)

  it("push no faster than the client reads", function()
    local script = s:script({ { { repeat_send = ("x"):rep(1000),
      count = 64000 }, { fin = true } } })
    local client = open(script)
    client:receive(1)
    socket.sleep(0.3)
    local written = 0
    for _, event in ipairs(script.events()) do
      if event.type == "write" then written = written + event.bytes end
    end
    assert.is_true(written < 32e6, "wrote " .. written .. " to nobody")
    assert.equal(64e6 - 1, #raw.read_all(client))
    client:close()
  end)

  it("answer early, before the body has been sent", function()
    local script = s:script({ { { early = true }, { status = 413 },
      { fin = true } } })
    local client = raw.connect(s.port)
    client:send("POST " .. script.url:match("//[^/]+(.*)$")
      .. " HTTP/1.1\r\ncontent-length: 1000000\r\n\r\n")
    assert.equal(413, raw.read_reply(client).status)
    client:close()
    assert.is_false(script.requests()[1].whole)
  end)

  it("wait for a signal", function()
    local script = s:script({ { { send = "a" }, { wait_signal = "go" },
      { send = "b" }, { fin = true } } })
    local client = open(script)
    client:settimeout(0.05)
    assert.equal("a", client:receive(1))
    assert.equal("timeout", (select(2, client:receive(1))))
    script.signal("go")
    client:settimeout(2)
    assert.equal("b", client:receive(1))
    client:close()
  end)

  it("refuse an action they do not know", function()
    assert.has_error(function() s:script({ { { explode = true } } }) end)
  end)
end)

describe("what the server records", function()
  local s
  setup(function() s = server.shared() end)

  it("is the exact request: head, headers in order, body", function()
    local script = s:script({ { status = 200 } }, { repeat_last = true })
    local path = script.url:match("//[^/]+(.*)$") .. "/v1/x?a=%20b"
    local head = "PUT " .. path .. " HTTP/1.1\r\nX-One: 1\r\nx-one:2\r\n"
      .. "Content-Length: 4\r\n\r\n"
    local client = raw.connect(s.port)
    client:send(head .. "\0\255\r\n")
    raw.read_reply(client)
    client:send(head .. "abcd")
    raw.read_reply(client)
    client:close()
    local requests = script.requests()
    assert.equal(2, #requests)
    assert.equal("PUT", requests[1].method)
    assert.equal(path, requests[1].target)
    assert.equal(head, requests[1].head)
    assert.same({ { "X-One", "1" }, { "x-one", "2" },
      { "Content-Length", "4" } }, requests[1].headers)
    assert.equal("\0\255\r\n", requests[1].body)
    assert.equal(s.port, requests[1].port)
    assert.equal(requests[1].connection, requests[2].connection)
    assert.is_true(requests[1].at <= requests[2].at)
  end)

  it("keeps as much of a large body as asked, and its length", function()
    local script = s:script({ { status = 200 } }, { keep_body = 10 })
    raw.request(s.port, "POST", script.url:match("//[^/]+(.*)$"),
      ("x"):rep(3000000))
    local request = script.requests()[1]
    assert.equal(3000000, request.body_bytes)
    assert.is_true(#request.body <= 10)
  end)

  it("tells when a client closed, as soon as it did", function()
    local script = s:script({ { { send = "a" }, { keep_open = true } } })
    local client = raw.connect(s.port)
    client:send(raw.bytes("GET", script.url:match("//[^/]+(.*)$")))
    client:receive(1)
    local before = s:now()
    client:close()
    local eof = script.wait_event("eof")
    assert.is_true(eof.at > before and eof.at - before < 0.25)
    assert.is_truthy(script.wait_event("close"))
  end)

  it("tells a client's reset from its close", function()
    local script = s:script({ { { send = "a" }, { keep_open = true } } })
    local client = raw.connect(s.port)
    client:send(raw.bytes("GET", script.url:match("//[^/]+(.*)$")))
    client:receive(1)
    client:setoption("linger", { on = true, timeout = 0 })
    client:close()
    assert.is_truthy(script.wait_event("reset"))
  end)

  it("counts connections, the control channel's left out", function()
    local own = server.start()
    finally(function() own:stop() end)
    local client = raw.connect(own.port)
    client:send(raw.bytes("GET", "/v1/models"))
    raw.read_reply(client)
    local stats = own:stats()
    assert.same({ 1, 1, 1 },
      { stats.open_connections, stats.accepted, stats.requests })
    client:close()
    local deadline = socket.gettime() + 2
    repeat
      stats = own:stats()
    until stats.open_connections == 0 or socket.gettime() > deadline
    assert.same({ 0, 1, 1 },
      { stats.open_connections, stats.accepted, stats.requests })
  end)

  it("marks the points a script names, in order", function()
    local script = s:script({ { { record = "one" }, { status = 200 },
      { record = "two" } } })
    raw.request(s.port, "GET", script.url:match("//[^/]+(.*)$"))
    local names = {}
    assert.is_truthy(script.wait_event("mark", 2, 2))
    for _, event in ipairs(script.events()) do
      if event.type == "mark" then names[#names + 1] = event.name end
    end
    assert.same({ "one", "two" }, names)
  end)
end)

describe("ports with a script of their own", function()
  local s
  setup(function() s = server.shared() end)

  it("act at accept, before any request", function()
    local port = s:port_script({ { send = "garbage" }, { fin = true } })
    local client = raw.connect(port.port)
    assert.equal("garbage", (raw.read_all(client)))
    client:close()
    port.forget()
  end)

  it("reset at accept", function()
    local port = s:port_script({ { rst = true } })
    local client, err = socket.connect("127.0.0.1", port.port)
    -- It may come before connect has even returned.
    if client then
      assert.is_true(raw.was_reset(client))
      client:close()
    else
      assert.equal("closed", err)
    end
    port.forget()
  end)

  it("run one script a connection, the last one again and again", function()
    local port = s:port_script({ { { send = "1" } }, { { send = "2" } } })
    local seen = {}
    for i = 1, 3 do
      local client = raw.connect(port.port)
      seen[i] = raw.read_all(client)
      client:close()
    end
    assert.same({ "1", "2", "2" }, seen)
    port.forget()
  end)

  it("read requests when told to, and record them", function()
    local port = s:port_script({ { wait_request = true }, { status = 200 },
      { wait_request = true }, { status = 404 } })
    local client = raw.connect(port.port)
    client:send(raw.bytes("GET", "/one"))
    assert.equal(200, raw.read_reply(client).status)
    client:send(raw.bytes("POST", "/two", "abc"))
    assert.equal(404, raw.read_reply(client).status)
    client:close()
    local requests = port.requests()
    assert.equal("/one", requests[1].target)
    assert.equal("abc", requests[2].body)
    port.forget()
  end)

  it("hand connections to the bundled provider", function()
    local port = s:port_script({ { { rst = true } }, { { serve = true } } })
    local first = socket.connect("127.0.0.1", port.port)
    if first then first:close() end
    local client = raw.connect(port.port)
    for _ = 1, 2 do
      client:send(raw.bytes("GET", "/v1/models"))
      assert.equal(200, raw.read_reply(client).status)
    end
    client:close()
    assert.equal(2, #port.requests())
    port.forget()
  end)

  it("reset at the first byte of the next request", function()
    local script = s:script({ { { status = 200 }, { wait_bytes = 1 },
      { rst = true } } })
    local client = raw.connect(s.port)
    local bytes = raw.bytes("GET", script.url:match("//[^/]+(.*)$"))
    client:send(bytes)
    assert.equal(200, raw.read_reply(client).status)
    client:send(bytes)
    assert.is_true(raw.was_reset(client))
    client:close()
    assert.equal("G", script.requests()[2].raw)
  end)

  it("with accept = false connect but never answer", function()
    local port = s:port_script({}, { accept = false })
    local client = raw.connect(port.port, 0.1)
    client:send("hello")
    assert.equal("timeout", (select(2, client:receive(1))))
    client:close()
    port.forget()
  end)

  it("with full = true do not even connect", function()
    local port = s:port_script({}, { full = true })
    local client = socket.tcp()
    client:settimeout(0.3)
    assert.same({ nil, "timeout" },
      { client:connect("127.0.0.1", port.port) })
    client:close()
    port.forget()
  end)
end)

describe("the server's process", function()
  it("is one for all the spec files of a run", function()
    local s = server.shared()
    package.loaded["spec.support.server"] = nil
    assert.equal(s.pid, require("spec.support.server").shared().pid)
  end)

  it("ends when told to stop", function()
    local other = server.start()
    assert.equal(200, raw.request(other.port, "GET", "/v1/models").status)
    other:stop()
    socket.sleep(0.1)
    assert.is_nil((socket.connect("127.0.0.1", other.port)))
  end)

  it("ends by itself when the process it was started for is gone", function()
    local pipe = io.popen("sleep 0.1 & echo $!")
    local parent = pipe:read("*l")
    pipe:close()
    local main = "spec/provider/main.lua"
    pipe = io.popen("lua5.4 " .. main .. " --parent " .. parent .. " &")
    local port = pipe:read("*l"):match("%d+")
    pipe:close()
    assert.is_truthy(port)
    socket.sleep(1.3)
    assert.is_nil((socket.connect("127.0.0.1", tonumber(port))))
  end)
end)
