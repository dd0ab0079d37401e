-- SPDX-License-Identifier: MIT
-- The bundled provider's scenarios behave as the providers' pages say, checks
-- included: what strays from a page is refused. Nothing of marea takes part.

local cjson = require("cjson")
local socket = require("socket")
local raw = require("spec.support.raw")
local scenario = require("spec.support.scenario")

local null = cjson.null

local CHAT = "/chat/completions"

local with = scenario.merged

local function user(text, more)
  return with({ messages = { { role = "user", content = text } } }, more)
end

local function first(reply)
  return reply.json.choices[1].message
end

local WEATHER = { type = "function", ["function"] = { name = "get_weather", description = "Tiempo actual",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } } } }

local CALL = { id = "c1", type = "function", ["function"] = { name = "get_weather", arguments = "{}" } }

-- A turn that answers a call, with what may be wrong about it.
local function tool_turn(id, call)
  return { { role = "user", content = "tiempo" }, { role = "assistant", content = null, tool_calls = { call } },
    { role = "tool", tool_call_id = id, content = "21" } }
end

-- A request each scenario that chats lets through.
local good = {
  nan = user("a", { model = "qwen3.6" }), helmcode = user("a", { model = "gemma4" }),
  gradientesur = user("a", { model = "Qwen/Qwen3-1.7B" }), nanogpt = user("a", { model = "script-talker" }),
  saptiva = user("a", { model = "Saptiva Turbo", max_tokens = 9, temperature = 1, top_p = 1 }),
  swissai = user("a", { stream = false }),
}

local function openai_form(reply) return reply.json.error.message end

local message_of = { nan = openai_form, helmcode = openai_form, gradientesur = openai_form, swissai = openai_form,
  nanogpt = function(reply) return reply.json.message end, saptiva = function(reply) return reply.json.detail end }

for name, body in pairs(good) do
  describe("in " .. name, function()
    local s
    setup(function() s = scenario.open(name) end)

    it("a good request is answered, and a missing or wrong key is a 401 in its own form", function()
      assert.equal(200, s:ask(CHAT, body).status)
      for _, key in ipairs({ false, "wrong" }) do
        local reply = s:ask(CHAT, body, { key = key })
        assert.equal(401, reply.status)
        assert.is_string(message_of[name](reply))
      end
    end)

    it("a body must be said to be JSON", function()
      local reply = s:ask(CHAT, body, { headers = { ["content-type"] = "text/plain" } })
      assert.equal(name == "saptiva" and 422 or 400, reply.status)
    end)

    it("an unknown path is a 404, a known one too for another method", function()
      assert.equal(404, s:ask("/nothing", {}).status)
      assert.equal(404, s:ask(CHAT, nil, { method = "GET" }).status)
    end)

    it("messages must be well made", function()
      local refused = name == "saptiva" and 422 or 400
      local wrong = {
        {}, { {} }, { { role = "nobody", content = "a" } }, { { role = "user" } },
        { { role = "user", content = { { type = "text" } } } },
        { { role = "user", content = { { type = "image_url", image_url = "http://x/a.png" } } } },
        { { role = "user", content = { { type = "image_url", image_url = { url = "a.png" } } } } },
        { { role = "user", content = { { type = "hologram" } } } },
        tool_turn("c2", CALL), tool_turn("c1", { id = "c1" }),
        { { role = "assistant", content = null } },
      }
      for i, messages in ipairs(wrong) do
        local reply = s:ask(CHAT, with(body, { messages = messages }))
        assert.equal(refused, reply.status, i .. ": " .. reply.body)
        assert.truthy(message_of[name](reply):find("messages", 1, true))
      end
      assert.equal(200, s:ask(CHAT, with(body, { messages = tool_turn("c1", CALL) })).status)
    end)

    it("what was told to fail fails in its own form", function()
      local failing = scenario.open(name, { k = { fault = 503, message = "Out of order" } })
      local reply = failing:ask(CHAT, body, { key = "k" })
      assert.equal(503, reply.status)
      assert.equal("Out of order", message_of[name](reply))
    end)
  end)
end

-- Each: what is asked, and the status (or the parameter that is refused).
local function refusals(s, base, list, status)
  for i, more in ipairs(list) do
    local reply = s:ask(CHAT, with(base, more))
    assert.equal(status, reply.status, i .. ": " .. reply.body)
  end
end

describe("NaN", function()
  local s
  setup(function() s = scenario.open("nan") end)

  local function nan(model, more)
    return s:ask(CHAT, user("a", with({ model = model }, more or {})))
  end

  it("lists the five models of its page, and shows one", function()
    local ids = {}
    for i, model in ipairs(s:ask("/models").json.data) do ids[i] = model.id end
    assert.same({ "qwen3.6", "gemma4", "qwen3-embedding", "kokoro", "whisper" }, ids)
    assert.same({ id = "kokoro", object = "model", created = 1677610602, owned_by = "openai" },
      s:ask("/models/kokoro").json)
    assert.equal(404, s:ask("/models/gpt-5").status)
  end)

  it("errors are {message,type,param,code}, type null and code a string", function()
    local reply = nan("gpt-5")
    assert.equal(404, reply.status)
    assert.same({ message = "The model `gpt-5` does not exist", type = null, param = "model",
      code = "model_not_found" }, reply.json.error)
    assert.equal("400", s:ask(CHAT, "{").json.error.code)
  end)

  it("takes each model for its own endpoints only", function()
    assert.equal(400, nan("kokoro").status)
    assert.equal(400, s:ask("/completions", { model = "gemma4", prompt = "a" }).status)
    assert.equal(400, s:ask("/embeddings", { model = "qwen3.6", input = "a" }).status)
    assert.equal(200, s:ask("/completions", { model = "qwen3.6", prompt = "a" }).status)
  end)

  it("qwen3.6 reasons unless told not to, gemma4 only if told", function()
    local function reasoning(model, template)
      return first(nan(model, { chat_template_kwargs = template })).reasoning_content
    end
    assert.is_string(reasoning("qwen3.6"))
    assert.is_nil(reasoning("qwen3.6", { enable_thinking = false }))
    assert.is_nil(reasoning("gemma4"))
    assert.is_string(reasoning("gemma4", { enable_thinking = true }))
    local stream = nan("qwen3.6", { stream = true })
    assert.equal(reasoning("qwen3.6"), raw.joined(stream.body, "reasoning_content"))
  end)

  it("calls tools with qwen3.6, and answers without them with gemma4", function()
    local function calls(model)
      return first(s:ask(CHAT, user("¿Qué tiempo hace en Madrid?", { model = model, tools = { WEATHER } }))).tool_calls
    end
    assert.equal('{"city":"Madrid"}', calls("qwen3.6")[1]["function"].arguments)
    assert.is_nil(calls("gemma4"))
  end)

  it("the reply's keys stand in the page's order", function()
    assert.truthy(nan("gemma4").body:match('^{"id":"chatcmpl%-%x+","created":1778258163'
      .. ',"model":"gemma4","object":"chat.completion","choices":'
      .. '%[{"finish_reason":"stop","index":0,"message":{"role":"assistant",'
      .. '"content":".-"}}%],"usage":{"completion_tokens":%d+,'
      .. '"prompt_tokens":%d+,"total_tokens":%d+}}$'))
  end)

  it("parameters have the types of its page", function()
    refusals(s, user("a", { model = "qwen3.6" }), {
      { max_tokens = "9" }, { max_tokens = 1.5 }, { stream = "true" }, { temperature = "hot" }, { tools = {  {} } },
      { tools = { { type = "function", ["function"] = {} } } }, { tool_choice = true },
      { response_format = { type = "yaml" } }, { response_format = { type = "json_schema" } },
      { response_format = { type = "json_schema", json_schema = { name = "user" } } },
      { chat_template_kwargs = { enable_thinking = "yes" } },
    }, 400)
    assert.equal(400, s:ask(CHAT, '{"model":"qwen3.6","messages":[{"role":"user","content":"a"}],"tools":[{"type":'
      .. '"function","function":{"name":"f","parameters":{"type":"object","properties":[]}}}]}').status)
    assert.equal(400, s:ask(CHAT, user("a")).status)
    assert.equal(200, nan("qwen3.6", { unheard_of = 1, max_tokens = null }).status)
  end)

  it("structured outputs are JSON: any, or what fits the schema", function()
    local function said(text, format)
      return first(s:ask(CHAT, user(text, { model = "qwen3.6", response_format = format }))).content
    end
    assert.equal('{"name":"Alice","age":30}',
      said("Devuelve un objeto user con name=Alice y age=30.", { type = "json_object" }))
    assert.equal('{"answer":"Hola"}', said("Hola", { type = "json_object" }))
    assert.equal('{"name":"Alice","age":30}', said("Alice, 30 años.", { type = "json_schema", json_schema = {
      name = "user", strict = true, schema = { type = "object", required = { "name", "age" },
        properties = { name = { type = "string" }, age = { type = "integer" } } } } }))
  end)

  it("embeds in 4096 numbers", function()
    local reply = s:ask("/embeddings", { model = "qwen3-embedding", input = { "Hola mundo", "Hello world" } })
    assert.equal(4096, #reply.json.data[2].embedding)
    assert.equal(400, s:ask("/embeddings", { model = "qwen3-embedding", input = "a", encoding_format = "hex" }).status)
  end)

  it("a streamed response is one single event, gemma4's without reasoning", function()
    local reply = s:ask("/responses", { model = "qwen3.6", input = "Hola", stream = true })
    assert.equal(1, select(2, reply.body:gsub("event: ", "")))
    assert.truthy(reply.body:find('^event: response.completed\ndata: {"type":'))
    assert.truthy(reply.body:find('"type":"reasoning","summary":%[%]'))
    assert.equal("message", s:ask("/responses", { model = "gemma4", input = "Hola" }).json.output[1].type)
  end)

  it("speaks in the six formats of its page, and in no other", function()
    local types = { mp3 = "audio/mpeg", wav = "audio/wav", flac = "audio/flac", aac = "audio/aac",
      pcm = "audio/pcm", opus = "audio/ogg" }
    local asked = { model = "kokoro", input = "Bienvenido a NaN.", voice = "ef_dora" }
    for format, kind in pairs(types) do
      local reply = s:ask("/audio/speech", with(asked, { response_format = format }))
      assert.equal(kind, reply.headers["content-type"])
    end
    assert.equal("audio/mpeg", s:ask("/audio/speech", asked).headers["content-type"])
    for _, more in ipairs({ { response_format = "midi" }, { voice = null }, { input = null }, { speed = "fast" } }) do
      assert.equal(400, s:ask("/audio/speech", with(asked, more)).status)
    end
  end)

  it("counts requests in a minute and at once, each key's own", function()
    local few = scenario.open("nan", { a = { requests = 2, window = 0.3 }, b = { parallel = 1 } })
    local body = user("a", { model = "gemma4" })
    assert.equal(200, few:ask(CHAT, body, { key = "a" }).status)
    assert.equal(200, few:ask(CHAT, body, { key = "a" }).status)
    local reply = few:ask(CHAT, body, { key = "a" })
    assert.same({ 429, "rpm_limit" }, { reply.status, reply.json.error.code })
    assert.equal(200, few:ask(CHAT, body, { key = "b" }).status)
    socket.sleep(0.35)
    assert.equal(200, few:ask(CHAT, body, { key = "a" }).status)

    local slow = raw.connect(few.port)
    slow:send(raw.bytes("POST", few.path .. CHAT, cjson.encode(with(body, { stream = true })),
      { authorization = "Bearer b", ["content-type"] = "application/json", ["x-delay-ms"] = "20" }))
    assert.equal("HTTP/1.1 200 OK", slow:receive("*l"))
    reply = few:ask(CHAT, body, { key = "b" })
    assert.same({ 429, "max_parallel_requests" }, { reply.status, reply.json.error.code })
    slow:close()
    local deadline = socket.gettime() + 2
    repeat
      reply = few:ask(CHAT, body, { key = "b" })
    until reply.status == 200 or socket.gettime() > deadline
    assert.equal(200, reply.status)
  end)

  it("knows its page's limits unless told others", function()
    for _ = 1, 3 do s:ask("/models") end
    assert.equal(1, s:account().most)
    local own = scenario.open("nan")
    local connection = raw.connect(own.port)
    for i = 1, 101 do
      connection:send(raw.bytes("GET", own.path .. "/models", nil, { authorization = "Bearer " .. own.key }))
      assert.equal(i <= 100 and 200 or 429, raw.read_reply(connection).status)
    end
    connection:close()
    assert.equal(1, own:account().refused)
  end)
end)

describe("NaN's transcriptions", function()
  local s
  setup(function() s = scenario.open("nan") end)

  local function transcribe(more, data, filename)
    local parts = { { "model", "whisper" }, { "file", data or "\0\r\n\255--X", filename or "a.mp3" } }
    for _, part in ipairs(more) do parts[#parts + 1] = part end
    return s:upload("/audio/transcriptions", parts)
  end

  it("give the page's sample for the page's request", function()
    local reply = transcribe({ { "language", "es" }, { "response_format", "verbose_json" } }, "x", "grabacion.mp3")
    assert.equal('{"text":"Hola, esto es una prueba.","language":"es","task":"transcribe","duration":1.728,'
      .. '"segments":[{"id":1,"start":0,"end":1.4,"text":" Hola, esto es una prueba.","tokens":[50365,22637],'
      .. '"avg_logprob":-0.059,"compression_ratio":0.806,"no_speech_prob":0.044,"temperature":0}],"words":null}',
      reply.body)
  end)

  it("fill words only when asked for, and only in verbose_json", function()
    assert.equal("A script heard 7 bytes of a.mp3.", transcribe({}).json.text)
    local by_word = { "timestamp_granularities[]", "word" }
    local verbose = { "response_format", "verbose_json" }
    assert.equal(null, transcribe({ verbose }).json.words)
    assert.equal(null, transcribe({ verbose, { "timestamp_granularities[]", "segment" } }).json.words)
    local words = transcribe({ verbose, { "timestamp_granularities[]", "segment" }, by_word }).json.words
    assert.same({ word = "A", start = 0, ["end"] = 0.25, probability = 0.5 }, words[1])
    assert.equal(400, transcribe({ by_word }).status)
  end)

  it("wrap other formats in JSON", function()
    assert.equal("1\n00:00:00,000 --> 00:00:01,750\nA script heard 7 bytes of a.mp3.\n\n",
      transcribe({ { "response_format", "srt" } }).json.text)
  end)

  it("refuse what is no form, no file, no name, no language, no model", function()
    assert.equal(400, s:ask("/audio/transcriptions", {}).status)
    assert.equal(400, s:upload("/audio/transcriptions", { { "model", "whisper" } }).status)
    assert.equal(400, transcribe({}, "x", "noextension").status)
    assert.equal(400, transcribe({ { "language", "Spanish" } }).status)
    assert.equal(400, transcribe({ { "temperature", "warm" } }).status)
    assert.equal(400, s:upload("/audio/transcriptions", { { "file", "x", "a.mp3" } }).status)
    assert.equal(404, s:upload("/audio/transcriptions", { { "file", "x", "a.mp3" }, { "model", "w" } }).status)
  end)

  it("refuse more than 25 MB, to the byte", function()
    local most = ("x"):rep(25 * 1024 * 1024)
    assert.equal(200, transcribe({}, most).status)
    local reply = transcribe({}, most .. "x")
    assert.equal(413, reply.status)
    assert.is_string(reply.json.error.message)
  end)

  it("time out over sound of more than two minutes", function()
    local speech = s:ask("/audio/speech", { model = "kokoro", voice = "v", response_format = "wav",
      input = ("word "):rep(20) }).body
    assert.equal(200, transcribe({}, speech, "a.wav").status)
    local own = scenario.open("nan", { k = { max_audio_seconds = 1.9 } })
    local parts = { { "model", "whisper" }, { "file", speech, "a.wav" } }
    assert.equal(524, own:upload("/audio/transcriptions", parts, { key = "k" }).status)
  end)
end)

describe("SwissAI", function()
  local s
  setup(function() s = scenario.open("swissai") end)

  it("streams by default, byte for byte as on its page", function()
    local head = '{"id":"chatcmpl-1a2b3c4d","object":"chat.completion.chunk",'
      .. '"created":1750000000,"model":"swissai","choices":[{"index":0,'
    local reply = s:ask(CHAT, user("Saluda en alemán suizo.", { model = "anything" }))
    assert.equal("data: " .. head .. '"delta":{"content":"Hallo"},"finish_reason":null}]}\n\ndata: '
      .. head .. '"delta":{"content":"!"},"finish_reason":null}]}\n\ndata: '
      .. head .. '"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n', reply.body)
  end)

  it("stream = false gives the page's one object", function()
    assert.equal('{"id":"chatcmpl-1a2b3c4d","object":"chat.completion",'
      .. '"created":1750000000,"model":"swissai","choices":[{"index":0,'
      .. '"message":{"role":"assistant","content":'
      .. '"¡Hola! ¿En qué puedo ayudar?"},"finish_reason":"stop"}]}',
      s:ask(CHAT, user("Hola", { stream = false })).body)
  end)

  it("keeps to its ranges and types, and ignores what it doesn't know", function()
    refusals(s, good.swissai, { { temperature = -0.1 }, { temperature = 2.1 }, { max_tokens = 0 },
      { max_tokens = 128001 }, { max_tokens = 1.5 }, { tool_choice = { type = "function" } }, { stream = 1 },
      { messages = { { role = "developer", content = "a" } } } }, 400)
    local reply = s:ask(CHAT, with(good.swissai, { temperature = 2, max_tokens = 128000, n = 3, unheard_of = {},
      response_format = { type = "json_object" }, model = "gpt-5" }))
    assert.equal(1, #reply.json.choices)
    assert.equal("swissai", reply.json.model)
    assert.truthy(first(reply).content:find("script", 1, true))
    local stream = s:ask(CHAT, user("a", { stream_options = { include_usage = true } }))
    assert.is_nil(stream.body:find("usage", 1, true))
  end)

  it("says 402 when the balance is used up", function()
    local poor = scenario.open("swissai", { k = { balance = 0 } })
    assert.equal(402, poor:ask(CHAT, good.swissai, { key = "k" }).status)
  end)

  it("only chats", function()
    assert.equal(404, s:ask("/models").status)
    assert.equal(404, s:ask("/embeddings", { input = "a" }).status)
  end)
end)

describe("Saptiva", function()
  local s
  setup(function() s = scenario.open("saptiva") end)

  it("success says error false and status 200, as shown", function()
    local reply = s:ask(CHAT, with(good.saptiva, user("¿Cuál es la capital de Francia?")))
    assert.equal('{"id":"chatcmpl-211","object":"chat.completion","created":'
      .. '1745449715,"model":"Saptiva Turbo","choices":[{"index":0,"message":'
      .. '{"role":"assistant","content":"La capital de México es **Ciudad de '
      .. 'México**. 🇲🇽 \\n","tool_calls":[]},"finish_reason":"stop"}],'
      .. '"usage":{"prompt_tokens":22,"completion_tokens":16,"total_tokens":38'
      .. '},"error":false,"status":200}', reply.body)
  end)

  it("each of the five required parameters is a 422 where it is missing", function()
    for name in pairs(good.saptiva) do
      local reply = s:ask(CHAT, with(good.saptiva, { [name] = null }))
      assert.equal(422, reply.status)
      assert.equal('{"detail":"Field required: ' .. name .. '"}', reply.body)
    end
  end)

  it("keeps to its ranges and types", function()
    refusals(s, good.saptiva, { { temperature = 1.1 }, { temperature = -0.1 }, { top_p = 1.1 }, { top_p = "0.9" },
      { stream = "no" }, { options = "num_ctx" }, { options = { num_ctx = "many" } } }, 422)
    assert.equal(200, s:ask(CHAT, with(good.saptiva, { options = { num_ctx = 4096 }, temperature = 0 })).status)
    assert.equal(404, s:ask(CHAT, with(good.saptiva, { model = "Nobody" })).status)
  end)
end)

describe("Gradiente Sur", function()
  local s
  setup(function() s = scenario.open("gradientesur") end)

  it("has vLLM's fields, reasoning before content", function()
    local reply = s:ask(CHAT, with(good.gradientesur, user("Hola, cómo estás?")))
    assert.truthy(reply.body:find('"message":{"role":"assistant","reasoning_content":"\\nOkay, the user', 1, true))
    assert.truthy(reply.body:find('"tool_calls":[]},"logprobs":null,"finish_reason":"stop","stop_reason":null}],'
      .. '"usage":{"prompt_tokens":14,"total_tokens":230,"completion_tokens":216,"prompt_tokens_details":null},'
      .. '"prompt_logprobs":null}', 1, true))
  end)

  it("each extra parameter has the type of its page", function()
    local flags = { "use_beam_search", "include_stop_str_in_output", "ignore_eos", "skip_special_tokens",
      "spaces_between_special_tokens", "add_special_tokens", "return_tokens_as_token_ids" }
    local numbers = { "top_k", "min_p", "repetition_penalty", "length_penalty", "min_tokens", "truncate_prompt_tokens",
      "prompt_logprobs", "priority" }
    for _, name in ipairs(flags) do refusals(s, good.gradientesur, { { [name] = 1 } }, 400) end
    for _, name in ipairs(numbers) do refusals(s, good.gradientesur, { { [name] = "1" } }, 400) end
    refusals(s, good.gradientesur, { { top_k = 1.5 }, { stop_token_ids = { "a" } }, { allowed_token_ids = 3 },
      { guided_json = 1 }, { guided_regex = {} }, { guided_choice = "a" }, { guided_choice = { 1 } },
      { guided_decoding_backend = "other" }, { logits_processors = "x" }, { response_format = { type = "xml" } },
      { guided_regex = "(" } }, 400)
    refusals(s, good.gradientesur, { { use_beam_search = true, top_k = 20, min_p = 0.1, stop_token_ids = { 1, 2 },
      guided_whitespace_pattern = " ", guided_decoding_backend = "outlines", unheard_of = true } }, 200)
  end)

  it("guides the answer", function()
    local function said(more)
      return first(s:ask(CHAT, with(good.gradientesur, with(user("Me gusta el verde"), more)))).content
    end
    assert.equal("Verde", said({ guided_choice = { "Azul", "Verde" } }))
    assert.equal("Azul", said({ guided_choice = { "Azul", "Rojo" } }))
    assert.truthy(said({ guided_regex = ".*\\?$" }):find("^A script.*%?$"))
    assert.equal("2000-0a", said({ guided_regex = "^(2\\d{3}|x)-[0-9]+(?:a|b)c?z*$" }))
    assert.equal('{"n":0}', said({ guided_json = { type = "object", properties = { n = { type = "integer" } } } }))
    assert.equal('{"n":0}', said({ guided_json = '{"type":"object","properties":{"n":{"type":"integer"}}}' }))
    assert.equal("yes", said({ guided_grammar = 'root ::= "yes" | "no"' }))
  end)

  it("gives logprobs where they are asked for", function()
    local reply = s:ask(CHAT, with(good.gradientesur, { logprobs = true, prompt_logprobs = 1,
      return_tokens_as_token_ids = true }))
    assert.equal("token_id:1", reply.json.choices[1].logprobs.content[1].token)
    assert.equal(1, reply.json.prompt_logprobs[2]["1"].rank)
  end)
end)

describe("NanoGPT", function()
  local s
  setup(function() s = scenario.open("nanogpt", { ["<API_KEY>"] = { requests = 1000 } }) end)

  local function ids(reply)
    local list = {}
    for i, model in ipairs(reply.json.data) do list[i] = model.id end
    return list
  end

  it("takes the key as Bearer or x-api-key, and lists models without one", function()
    assert.equal(200, s:ask(CHAT, good.nanogpt, { key = false, headers = { ["x-api-key"] = s.key } }).status)
    assert.equal(401, s:ask(CHAT, good.nanogpt, { key = false, headers = { ["x-api-key"] = "no" } }).status)
    assert.same({ "script-talker", "script-thinker", "phala/script-thinker" },
      ids(s:ask("/models", nil, { key = false })))
    assert.equal(401, s:ask("/models", nil, { key = "wrong" }).status)
  end)

  it("details are for who asks, prices for who shows a key", function()
    assert.is_nil(s:ask("/models").json.data[1].context_length)
    local detailed = s:ask("/models?detailed=true").json.data[2]
    assert.same({ 128000, true, "USD" }, { detailed.context_length, detailed.capabilities.reasoning,
      detailed.pricing.currency })
    local strange = s:ask("/models?detailed=true", nil, { key = false }).json.data[2]
    assert.same({ 128000 }, { strange.context_length, strange.pricing })
  end)

  it("lists by plan, and embedding models", function()
    local up = setmetatable({ path = s.path:gsub("/v1$", "") }, { __index = s })
    assert.same({ "script-talker" }, ids(up:ask("/subscription/v1/models")))
    assert.same({ "script-thinker", "phala/script-thinker" }, ids(up:ask("/paid/v1/models")))
    local large = s:ask("/embedding-models").json.data[1]
    assert.same({ "script-embedding-large", 32, true, "USD" }, { large.id, large.dimensions,
      large.supports_dimensions, large.pricing.currency })
  end)

  local function said(model, more, headers)
    return first(s:ask(CHAT, user("Hola", with({ model = model }, more or {})), { headers = headers })).content
  end

  it("thinks between tags unless told not to, but phala's models always", function()
    assert.truthy(said("script-thinker"):find("^<think>.+</think>\n\nA script"))
    assert.truthy(said("script-thinker:reasoning-exclude"):find("^A script"))
    assert.truthy(said("script-thinker", { reasoning = { exclude = true } }):find("^A script"))
    assert.truthy(said("phala/script-thinker:reasoning-exclude"):find("^<think>"))
    assert.truthy(said("script-talker"):find("^A script"))
    local stream = s:ask(CHAT, user("Hola", { model = "script-thinker", stream = true })).body
    assert.equal(said("script-thinker"), raw.joined(stream, "content"))
    assert.truthy(stream:find('"content":"<thin"', 1, true))
  end)

  it("suffixes search and remember; a header remembers too", function()
    assert.truthy(said("script-talker:online"):find("web", 1, true))
    assert.truthy(said("script-talker:online/linkup-deep"):find("deep search", 1, true))
    assert.is_nil(said("script-talker:memory"):find("before", 1, true))
    assert.truthy(said("script-talker:memory:online"):find('before: "Hola"', 1, true))
    assert.truthy(said("script-talker", nil, { memory = "true" }):find('before: "Hola"', 1, true))
    assert.is_nil(said("script-talker", nil, { memory = "false" }):find("before", 1, true))
    assert.equal(400, s:ask(CHAT, good.nanogpt, { headers = { memory = "yes" } }).status)
    assert.equal(404, s:ask(CHAT, user("a", { model = "script-talker:offline" })).status)
  end)

  it("errors are flat, those of embeddings nested", function()
    assert.equal('{"code":"model_not_found","message":"The model `x` does not exist","details":{"param":"model"}}',
      s:ask(CHAT, user("a", { model = "x" })).body)
    assert.truthy(s:ask("/nothing").body:find('"details":{}}', 1, true))
    local reply = s:ask("/embeddings", { model = "x", input = "a" })
    assert.equal(400, reply.status)
    assert.equal('{"error":{"message":"Invalid model specified","type":"invalid_request_error","param":"model",'
      .. '"code":null}}', reply.body)
  end)

  it("embeds up to 2048 texts, in fewer dimensions where the model can", function()
    local large = { model = "script-embedding-large", input = "a" }
    assert.equal(32, #s:ask("/embeddings", large).json.data[1].embedding)
    assert.equal(4, #s:ask("/embeddings", with(large, { dimensions = 4 })).json.data[1].embedding)
    assert.equal(400, s:ask("/embeddings", with(large, { dimensions = 64 })).status)
    assert.equal(400, s:ask("/embeddings", { model = "script-embedding-small", input = "a", dimensions = 4 }).status)
    local many = {}
    for i = 1, 2049 do many[i] = "a" end
    assert.equal(400, s:ask("/embeddings", with(large, { input = many })).status)
    many[2049] = nil
    assert.equal(2048, #s:ask("/embeddings", with(large, { input = many })).json.data)
  end)

  it("parameters have the types of its page", function()
    refusals(s, good.nanogpt, { { reasoning = true }, { reasoning = { exclude = 1 } }, { youtube_transcripts = "yes" },
      { scraping = 1 }, { metadata = "a" }, { user = 1 }, { max_tokens = 0 } }, 400)
    refusals(s, good.nanogpt, { { reasoning = { effort = "low" }, youtube_transcripts = true, scraping = true,
      metadata = { a = "b" }, user = "u" } }, 200)
    assert.equal(200, s:ask("/completions", { model = "script-talker", prompt = "a", suffix = "b" }).status)
    assert.equal(400, s:ask("/completions", { model = "script-talker", prompt = "a", suffix = 1 }).status)
    assert.is_string(s:ask("/images/generations", { prompt = "a cat" }).json.data[1].b64_json)
  end)

  it("counts in its headers, and says when to come back", function()
    local few = scenario.open("nanogpt", { k = { requests = 1, window = 30 }, poor = { balance = 0 } })
    local reply = few:ask("/models", nil, { key = "k" })
    assert.same({ "1", "0" }, { reply.headers["x-ratelimit-limit"], reply.headers["x-ratelimit-remaining"] })
    reply = few:ask("/models", nil, { key = "k" })
    assert.same({ 429, "30", "0" }, { reply.status, reply.headers["retry-after"],
      reply.headers["x-ratelimit-remaining"] })
    reply = few:ask(CHAT, good.nanogpt, { key = "poor" })
    assert.same({ 402, "insufficient_balance" }, { reply.status, reply.json.code })
    assert.equal("100", reply.headers["x-ratelimit-limit"])
  end)
end)

describe("Helmcode", function()
  it("is NaN under its own address and with its own keys", function()
    local s = scenario.open("helmcode")
    assert.equal("qwen3.6", s:ask("/models").json.data[1].id)
    assert.equal(401, s:ask("/models", nil, { key = scenario.known.nan.key }).status)
    assert.equal("message", s:ask("/responses", { model = "gemma4", input = "Hola" }).json.output[1].type)
  end)
end)
