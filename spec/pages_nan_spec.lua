-- SPDX-License-Identifier: MIT
-- Every example of NaN's API reference, as Lua, but those of audio (see
-- pages_nan_audio_spec): the same request on the wire, the same fields out of
-- the answer. Helmcode's service is the same at another address.

local marea = require("marea")
local pages = require("spec.support.pages")

local API = "https://api.nan.builders/v1"
local CHAT = API .. "/chat/completions"

local function user(content)
  return { { role = "user", content = content } }
end

local COMPLETION = [[{"id":"","created":1,"model":"","object":"","choices":[{"finish_reason":"","index":0,
  "message":{"role":"","content":"","reasoning_content":""}}],
  "usage":{"completion_tokens":20,"prompt_tokens":17,"total_tokens":37}}]]

describe("NaN's page: models", function()
  local page
  before_each(function() page = pages.open("nan") end)

  it("are listed, with the key alone", function()
    local list = assert(page.client.models:list())
    page:expect("GET", API .. "/models")
    pages.same_values('{"id":"qwen3.6","object":"model","created":1677610602,"owned_by":"openai"}', list.data[1])
    assert.equal("list", list.object)
    local ids = {}
    for i, model in ipairs(list.data) do ids[i] = model.id end
    assert.same({ "qwen3.6", "gemma4", "qwen3-embedding", "kokoro", "whisper" }, ids)
  end)

  it("are those the preset knows", function()
    local known = {}
    for _, model in ipairs(assert(page.client.models:list()).data) do known[model.id] = true end
    for id in pairs(marea.providers.nan.models) do assert.is_true(known[id], id) end
  end)

  it("can be had one by one", function()
    assert.equal("gemma4", assert(page.client.models:retrieve "gemma4").id)
    page:expect("GET", API .. "/models/gemma4")
  end)
end)

describe("NaN's page: chat completions", function()
  local page
  before_each(function() page = pages.open("nan") end)

  local function create(params)
    return assert(page.client.chat.completions:create(params))
  end

  it("the example", function()
    local completion = create { model = "qwen3.6", messages = user "Hola", max_tokens = 200 }
    page:expect("POST", CHAT, [[{"model":"qwen3.6","messages":[{"role":"user","content":"Hola"}],"max_tokens":200}]])
    pages.same_fields(COMPLETION, completion)
    assert.equal("stop", completion.choices[1].finish_reason)
    assert.equal(completion.choices[1].message.content, completion.output_text)
    assert.equal(completion.choices[1].message.reasoning_content, completion.reasoning_text)
  end)

  it("the same as a question, without naming the model", function()
    assert(page.client:ask("Hola", { max_tokens = 200 }))
    page:expect("POST", CHAT, [[{"model":"qwen3.6","messages":[{"role":"user","content":"Hola"}],"max_tokens":200}]])
  end)

  it("every parameter of the request, and finish_reason length", function()
    local completion = create { model = "gemma4", messages = user "Hola", max_tokens = 2, stream = false,
      temperature = 0.6, top_p = 0.95 }
    page:expect("POST", CHAT, [[{"model":"gemma4","messages":[{"role":"user","content":"Hola"}],"max_tokens":2,
      "stream":false,"temperature":0.6,"top_p":0.95}]])
    assert.equal("length", completion.choices[1].finish_reason)
  end)

  it("streaming", function()
    local stream = create { model = "qwen3.6", messages = user "Cuéntame un chiste corto", stream = true }
    local parts, deltas = {}, {}
    for chunk in stream:chunks() do
      local delta = chunk.choices[1].delta
      if type(delta.content) == "string" and delta.content ~= "" then deltas[#deltas + 1] = delta.content end
    end
    page:expect("POST", CHAT,
      [[{"model":"qwen3.6","messages":[{"role":"user","content":"Cuéntame un chiste corto"}],"stream":true}]])
    stream = create { model = "qwen3.6", messages = user "Cuéntame un chiste corto", stream = true }
    for text in stream:text() do parts[#parts + 1] = text end
    assert.is_true(#deltas > 1)
    assert.same(deltas, parts)
    assert.equal(table.concat(parts), assert(stream:result()).output_text)
  end)

  local WEATHER = { type = "function", ["function"] = { name = "get_weather",
    description = "Obtiene el tiempo actual de una ciudad",
    parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } } } }
  local TOOLS = [["tools":[{"type":"function","function":{"name":"get_weather",
    "description":"Obtiene el tiempo actual de una ciudad","parameters":{"type":"object",
    "properties":{"city":{"type":"string"}},"required":["city"]}}}] ]]

  for _, streamed in ipairs { false, true } do
    it("tool calling, " .. (streamed and "streamed" or "whole") .. ", and the turn after it", function()
      local params = { model = "qwen3.6", messages = user "¿Qué tiempo hace en Madrid?", tools = { WEATHER } }
      if streamed then params.stream = true end
      local first = create(params)
      if streamed then first = assert(first:result()) end
      page:expect("POST", CHAT, [[{"model":"qwen3.6","messages":[{"role":"user",
        "content":"¿Qué tiempo hace en Madrid?"}],]] .. TOOLS .. (streamed and ',"stream":true' or "") .. "}")
      assert.equal("tool_calls", first.choices[1].finish_reason)
      pages.same_fields('{"id":"","type":"","function":{"name":"","arguments":""}}',
        first.choices[1].message.tool_calls[1])
      local call = first.tool_calls[1]
      assert.same({ "get_weather", { city = "Madrid" }, '{"city":"Madrid"}' },
        { call.name, call.arguments, call.arguments_json })

      params.messages[2] = first.choices[1].message
      params.messages[3] = { role = "tool", tool_call_id = call.id, content = "21 grados" }
      params.stream, params.tool_choice = nil, "auto"
      local second = create(params)
      local sent = pages.plain(page:sent().body)
      assert.equal("auto", sent.tool_choice)
      assert.same({ role = "tool", tool_call_id = call.id, content = "21 grados" }, sent.messages[3])
      assert.equal("stop", second.choices[1].finish_reason)
      assert.truthy(second.output_text:find("get_weather returned 21 grados", 1, true))
    end)
  end

  it("tool_choice as an object", function()
    local choice = { type = "function", ["function"] = { name = "get_weather" } }
    local completion = create { messages = user "Hola", tools = { WEATHER }, tool_choice = choice }
    page:expect("POST", CHAT, [[{"model":"qwen3.6","messages":[{"role":"user","content":"Hola"}],]] .. TOOLS
      .. [[,"tool_choice":{"type":"function","function":{"name":"get_weather"}}}]])
    assert.equal("get_weather", completion.tool_calls[1].name)
  end)

  it("vision: a list of parts, with either model", function()
    for _, model in ipairs { "qwen3.6", "gemma4" } do
      local completion = create { model = model, messages = user {
        { type = "text", text = "¿Qué hay en esta imagen?" },
        { type = "image_url", image_url = { url = "https://example.com/foto.jpg" } } } }
      page:expect("POST", CHAT, [[{"model":"]] .. model .. [[","messages":[{"role":"user","content":[
        {"type":"text","text":"¿Qué hay en esta imagen?"},
        {"type":"image_url","image_url":{"url":"https://example.com/foto.jpg"}}]}]}]])
      assert.truthy(completion.output_text:find("1 attachment", 1, true))
    end
  end)

  it("structured outputs: json_object", function()
    local completion = create { model = "qwen3.6",
      messages = user "Devuelve un objeto user con name=Alice y age=30.", response_format = { type = "json_object" } }
    page:expect("POST", CHAT, [[{"model":"qwen3.6","messages":[{"role":"user",
      "content":"Devuelve un objeto user con name=Alice y age=30."}],"response_format":{"type":"json_object"}}]])
    assert.same({ name = "Alice", age = 30 }, assert(marea.json.decode(completion.output_text)))
  end)

  it("structured outputs: json_schema, strict, as curl and as OpenAI's SDK for Python", function()
    for _, model in ipairs { "qwen3.6", "gemma4" } do
      local completion = create { model = model, messages = user "Alice, 30 años.", response_format = {
        type = "json_schema", json_schema = { name = "user", strict = true, schema = {
          type = "object", properties = { name = { type = "string" }, age = { type = "integer" } },
          required = { "name", "age" }, additionalProperties = false } } } }
      page:expect("POST", CHAT, [[{"model":"]] .. model .. [[","messages":[{"role":"user",
        "content":"Alice, 30 años."}],"response_format":{"type":"json_schema","json_schema":{"name":"user",
        "strict":true,"schema":{"type":"object","properties":{"name":{"type":"string"},"age":{"type":"integer"}},
        "required":["name","age"],"additionalProperties":false}}}}]])
      local data = assert(marea.json.decode(completion.choices[1].message.content))
      assert.same({ "Alice", 30 }, { data.name, data.age })
    end
  end)

  local THINK = [[{"model":"%s","messages":[{"role":"user","content":"Qué es 2+2?"}],
    "chat_template_kwargs":{"enable_thinking":%s}}]]

  it("reasoning, switched by chat_template_kwargs, as curl and as the SDK's extra_body", function()
    for _, case in ipairs { { "gemma4", true }, { "gemma4", false }, { "qwen3.6", true }, { "qwen3.6", false } } do
      local model, on = case[1], case[2]
      local completion = create { model = model, messages = user "Qué es 2+2?",
        chat_template_kwargs = { enable_thinking = on } }
      page:expect("POST", CHAT, THINK:format(model, tostring(on)))
      assert.equal(on, completion.choices[1].message.reasoning_content ~= nil)
      assert.equal(on, completion.reasoning_text ~= nil)
    end
  end)

  it("reasoning, switched by the option of that name", function()
    local chat = page.client.chat.completions
    local question = { model = "gemma4", messages = user "Qué es 2+2?" }
    assert.is_string(assert(chat:create(question, { reasoning = true })).reasoning_text)
    page:expect("POST", CHAT, THINK:format("gemma4", "true"))
    question.model = "qwen3.6"
    assert.is_nil(assert(chat:create(question, { reasoning = false })).reasoning_text)
    page:expect("POST", CHAT, THINK:format("qwen3.6", "false"))
  end)

  it("reasoning, on for qwen3.6 and off for gemma4 unless said, streamed too", function()
    for model, on in pairs { ["qwen3.6"] = true, gemma4 = false } do
      assert.equal(on, create({ model = model, messages = user "Hola" }).reasoning_text ~= nil)
      local seen = {}
      for event in create({ model = model, messages = user "Hola", stream = true }):events() do
        seen[event.type] = true
      end
      assert.equal(on, seen.reasoning == true)
    end
  end)
end)

describe("NaN's page: completions and embeddings", function()
  local page
  before_each(function() page = pages.open("nan") end)

  local PROMPT = [[{"model":"qwen3.6","prompt":"The capital of France is","max_tokens":10%s}]]

  it("the example of completions", function()
    local params = { model = "qwen3.6", prompt = "The capital of France is", max_tokens = 10 }
    local completion = assert(page.client.completions:create(params))
    page:expect("POST", API .. "/completions", PROMPT:format "")
    pages.same_fields([[{"id":"","object":"","created":1,"model":"","choices":[{"text":"","index":0,
      "finish_reason":"","logprobs":null}],"usage":{"completion_tokens":10,"prompt_tokens":5,"total_tokens":15}}]],
      completion)
    assert.equal("text_completion", completion.object)
    assert.equal(completion.choices[1].text, completion.output_text)

    params.temperature, params.top_p, params.stream = 0.6, 0.95, true
    local streamed = assert(assert(page.client.completions:create(params)):result())
    page:expect("POST", API .. "/completions", PROMPT:format ',"temperature":0.6,"top_p":0.95,"stream":true')
    assert.equal(completion.output_text, streamed.output_text)
  end)

  it("the model of completions need not be named", function()
    assert(page.client.completions:create { prompt = "The capital of France is", max_tokens = 10 })
    page:expect("POST", API .. "/completions", PROMPT:format "")
  end)

  it("the example of embeddings: two texts, 4096 numbers each", function()
    local result = assert(page.client.embeddings:create { model = "qwen3-embedding",
      input = { "Hola mundo", "Hello world" } })
    page:expect("POST", API .. "/embeddings", [[{"model":"qwen3-embedding","input":["Hola mundo","Hello world"]}]])
    pages.same_fields([[{"object":"","model":"","data":[{"object":"","index":0,"embedding":[0.0210]}],
      "usage":{"prompt_tokens":3,"total_tokens":3}}]], result)
    assert.same({ 2, 4096, 1 }, { #result.data, #result.data[2].embedding, result.data[2].index })
  end)

  it("a single text, and base64", function()
    local floats = assert(page.client.embeddings:create { input = "Hola mundo", encoding_format = "float" })
    page:expect("POST", API .. "/embeddings",
      [[{"model":"qwen3-embedding","input":"Hola mundo","encoding_format":"float"}]])
    local packed = assert(page.client.embeddings:create { input = "Hola mundo", encoding_format = "base64" })
    page:expect("POST", API .. "/embeddings",
      [[{"model":"qwen3-embedding","input":"Hola mundo","encoding_format":"base64"}]])
    local vector = packed.data[1].embedding
    assert.equal(4096, #vector)
    assert.same(floats.data[1].embedding, vector:totable())
  end)
end)

describe("NaN's page: responses", function()
  local page
  before_each(function() page = pages.open("nan") end)

  local URL = API .. "/responses"
  local EXAMPLE = [[{"model":"qwen3.6","input":"Hola, ¿cómo estás?"%s}]]

  it("the example, with its blocks of reasoning and message", function()
    local response = assert(page.client.responses:create { model = "qwen3.6", input = "Hola, ¿cómo estás?" })
    page:expect("POST", URL, EXAMPLE:format "")
    pages.same_fields([[{"id":"","created_at":1,"model":"","object":"","status":"","output":[
      {"id":"","type":"","summary":[],"content":[{"type":"","text":""}]}],
      "usage":{"input_tokens":17,"output_tokens":118,"total_tokens":135}}]], response)
    pages.same_fields([[{"id":"","type":"","role":"","status":"","content":[
      {"type":"","text":"","annotations":[]}]}]], response.output[2])
    assert.same({ "completed", "Hola.", 135 }, { response.status, response.output_text, response.usage.total_tokens })
    assert.equal(response.output[1].content[1].text, response.reasoning_text)
    assert.equal("reasoning_text", response.output[1].content[1].type)
  end)

  it("a list as input, and every other parameter", function()
    local response = assert(page.client.responses:create { model = "gemma4", max_output_tokens = 65536,
      temperature = 0.6, top_p = 0.95, instructions = "Responde en español.",
      input = { { role = "user", content = "Hola" } } })
    page:expect("POST", URL, [[{"model":"gemma4","max_output_tokens":65536,"temperature":0.6,"top_p":0.95,
      "instructions":"Responde en español.","input":[{"role":"user","content":"Hola"}]}]])
    assert.same({ 1, "message" }, { #response.output, response.output[1].type })
    assert.is_nil(response.reasoning_text)
  end)

  it("streamed: one response.completed, out of which come the usual events", function()
    local stream = assert(page.client.responses:create { model = "qwen3.6", input = "Hola, ¿cómo estás?",
      stream = true })
    local chunks, kinds = {}, {}
    for chunk in stream:chunks() do chunks[#chunks + 1] = chunk.type end
    page:expect("POST", URL, EXAMPLE:format ',"stream":true')
    assert.same({ "response.completed" }, chunks)

    stream = assert(page.client.responses:create { input = "Hola, ¿cómo estás?", stream = true })
    for event in stream:events() do kinds[#kinds + 1] = event.type end
    assert.same({ "reasoning", "text", "finish", "usage" }, kinds)
    local response = assert(stream:result())
    assert.same({ "completed", "Hola.", 135 }, { response.status, response.output_text, response.usage.total_tokens })
  end)
end)

describe("NaN's page: errors", function()
  local page
  setup(function()
    page = pages.open("nan", nil, { key_few = { requests = 1, window = 60 }, key_busy = { parallel = 0 },
      key_broken = { fault = 500, message = "upstream" } })
  end)

  local function ask(key, params)
    return page.client:ask("Hola", params, { api_key = key })
  end

  it("401: the key is missing or wrong", function()
    local err = pages.fails("authentication", 401, ask "sk-otra")
    assert.is_nil(tostring(err):find("sk-otra", 1, true))
    pages.fails("authentication", 401, marea.client({ base_url = page.scenario.base_url, model = "qwen3.6",
      max_retries = 0 }):ask "Hola")
    local _, missing = marea.client({ provider = "nan", base_url = page.scenario.base_url }):ask "Hola"
    assert.same({ "authentication", nil }, { missing.kind, missing.status })
    assert.truthy(missing.message:find("NAN_API_KEY", 1, true))
  end)

  it("404: the model does not exist", function()
    local err = pages.fails("not_found", 404, ask(nil, { model = "gpt-5" }))
    assert.same({ "model_not_found", "model" }, { err.code, err.param })
    assert.is_nil(err.type)
  end)

  it("429: too many a minute, or at once", function()
    assert(ask "key_few")
    assert.equal("rpm_limit", pages.fails("rate_limit", 429, ask "key_few").code)
    assert.equal("max_parallel_requests", pages.fails("rate_limit", 429, ask "key_busy").code)
  end)

  it("500: an internal error", function()
    assert.equal("upstream", pages.fails("server", 500, ask "key_broken").message)
  end)

  it("whatever is missing or of a wrong type is named", function()
    local err = pages.fails("bad_request", 400, ask(nil, { max_tokens = "many" }))
    assert.equal("max_tokens", err.param)
    err = pages.fails("bad_request", 400, page.client.embeddings:create { input = "a", model = "gemma4" })
    assert.equal("model", err.param)
  end)
end)

describe("NaN's page: limits", function()
  it("a client keeps to 100 a minute and 5 at once", function()
    local limits = pages.open("nan").client.limits
    assert.same({ 100, 5 }, { limits.requests_per_minute, limits.concurrent })
  end)

  it("40 calls at once are never more than 5 there, and none is refused", function()
    local page, slow = pages.open("nan"), { query = { delay_ms = 2 } }
    marea.run(function()
      local list = {}
      for i = 1, 40 do list[i] = i end
      marea.map(list, function(i)
        local params = { model = "gemma4", messages = user("call " .. i) }
        if i % 2 == 0 then return assert(page.client.chat.completions:create(params, slow)) end
        params.stream = true
        return assert(assert(page.client.chat.completions:create(params, slow)):result())
      end, { concurrency = 40 })
    end)
    local account = page.scenario:account()
    -- where all is slow, five may never meet
    assert.is_true(account.most <= 5, account.most .. " at once")
    if not os.getenv("MAREA_SANITIZED") then assert.equal(5, account.most) end
    assert.same({ 0, 0 }, { account.refused, account.running })
    assert.equal(40, #page:requests())
  end)
end)

describe("Helmcode", function()
  it("is NaN at api.helmcode.com, with a key of its own", function()
    local page = pages.open("helmcode")
    assert.equal("gemma4", assert(page.client:ask("Hola", { model = "gemma4" })).model)
    page:expect("POST", "https://api.helmcode.com/v1/chat/completions",
      [[{"model":"gemma4","messages":[{"role":"user","content":"Hola"}]}]])
    local _, missing = marea.client({ provider = "helmcode", base_url = page.scenario.base_url }):ask "Hola"
    assert.truthy(missing.message:find("HELMCODE_API_KEY", 1, true))
    assert.same({ 100, 5 }, { page.client.limits.requests_per_minute, page.client.limits.concurrent })
  end)
end)
