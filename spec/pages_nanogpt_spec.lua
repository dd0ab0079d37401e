-- SPDX-License-Identifier: MIT
-- What NanoGPT's API reference says, as Lua: keys in either header, lists by
-- plan, suffixes, memory, reasoning between tags, two forms of error, limits.

local cjson = require("cjson")
local marea = require("marea")
local pages = require("spec.support.pages")

local API = "https://nano-gpt.com/api"
local CHAT = API .. "/v1/chat/completions"

local function request_for(model, more)
  return ('{"model":"%s","messages":[{"role":"user","content":"Hola"}]%s}'):format(model, more or "")
end

local MESSAGES = { { role = "user", content = "Hola" } }

local function params(model, more)
  return pages.merged({ model = model, messages = MESSAGES }, more)
end

local function ids(list)
  local out = {}
  for i, model in ipairs(list.data) do out[i] = model.id end
  return out
end

describe("NanoGPT's page: lists of models", function()
  local page
  before_each(function() page = pages.open("nanogpt") end)

  it("are as OpenAI's, and more where details are asked for", function()
    local list = assert(page.client.models:list())
    page:expect("GET", API .. "/v1/models")
    pages.same_fields('{"object":"list","data":[{"id":"a","object":"model","created":1,"owned_by":"b"}]}', list)
    list = assert(page.client.models:list { detailed = true })
    page:expect("GET", API .. "/v1/models?detailed=true")
    assert.same({ 128000, "USD", true }, { list.data[2].context_length, list.data[2].pricing.currency,
      list.data[2].capabilities.reasoning })
  end)

  it("are of a plan, where one is named", function()
    assert.same({ "script-talker" }, ids(assert(page.client.models:list({}, { plan = "subscription" }))))
    page:expect("GET", API .. "/subscription/v1/models")
    assert.same({ "script-thinker", "phala/script-thinker" },
      ids(assert(page.client.models:list({ detailed = true }, { plan = "paid" }))))
    page:expect("GET", API .. "/paid/v1/models?detailed=true")
  end)

  it("need no key, but show no prices then", function()
    local open = marea.client { provider = "nanogpt", base_url = page.scenario.base_url }
    local list = assert(open.models:list { detailed = true })
    assert.is_nil(page:sent().headers.authorization)
    assert.is_nil(list.data[1].pricing)
    assert.equal(128000, list.data[1].context_length)
    assert.equal("authentication", select(2, open:ask("Hola", { model = "script-talker" })).kind)
    assert.equal(1, #page:requests())
  end)

  it("of embeddings have a place of their own", function()
    local list = assert(page.client.embedding_models:list())
    page:expect("GET", API .. "/v1/embedding-models")
    assert.same({ "script-embedding-large", "script-embedding-small" }, ids(list))
    assert.same({ 32, true, true }, { list.data[1].dimensions, list.data[1].supports_dimensions,
      list.data[1].multilingual })
  end)
end)

describe("NanoGPT's page: chat completions", function()
  local page
  before_each(function() page = pages.open("nanogpt") end)

  it("take the key as Bearer or as x-api-key", function()
    assert(page.client.chat.completions:create(params "script-talker"))
    page:expect("POST", CHAT, request_for "script-talker")
    local other = page.client:with { auth = "x-api-key" }
    assert(other.chat.completions:create(params "script-talker"))
    local headers = page:sent().headers
    assert.same({ page.key }, { headers["x-api-key"], headers.authorization })
  end)

  it("take every parameter of the page", function()
    local tool = { type = "function", ["function"] = { name = "f", parameters = { type = "object",
      properties = marea.json.decode "{}" } } }
    assert(page.client.chat.completions:create(params("script-talker", { tools = { tool }, tool_choice = "none",
      temperature = 0.5, top_p = 0.9, max_tokens = 50, stream = false, reasoning = { exclude = true },
      youtube_transcripts = true, scraping = false, metadata = { project = "p" }, user = "u1" })))
    page:expect("POST", CHAT, request_for("script-talker", [[,"tools":[{"type":"function","function":{"name":"f",
      "parameters":{"type":"object","properties":{}}}}],"tool_choice":"none","temperature":0.5,"top_p":0.9,
      "max_tokens":50,"stream":false,"reasoning":{"exclude":true},"youtube_transcripts":true,"scraping":false,
      "metadata":{"project":"p"},"user":"u1"]]))
  end)

  it("stream OpenAI's deltas until [DONE]", function()
    local stream = assert(page.client.chat.completions:create(params("script-talker", { stream = true })))
    local pieces = 0
    for _ in stream:text() do pieces = pieces + 1 end
    page:expect("POST", CHAT, request_for("script-talker", ',"stream":true'))
    assert.is_true(pieces > 1)
    assert.equal("stop", assert(stream:result()).choices[1].finish_reason)
  end)

  -- Each named option, the model and parameters it becomes, and what is said.
  local named = {
    { { online = true }, "script-talker:online", "", "search of the web" },
    { { online = "linkup-deep" }, "script-talker:online/linkup-deep", "", "deep search" },
    { { reasoning_exclude = true }, "script-talker:reasoning-exclude", "", "script" },
    { { reasoning = false }, "script-talker", ',"reasoning":{"exclude":true}', "script" },
    { { reasoning = true }, "script-talker", ',"reasoning":{"exclude":false}', "script" },
  }
  for _, case in ipairs(named) do
    local name, value = next(case[1])
    it(("have the option %s = %s"):format(name, tostring(value)), function()
      local completion = assert(page.client.chat.completions:create(params "script-talker", case[1]))
      page:expect("POST", CHAT, request_for(case[2], case[3]))
      assert.truthy(completion.output_text:find(case[4], 1, true))
    end)
  end

  it("take suffixes as part of the model's name", function()
    for _, suffix in ipairs { ":online", ":online/linkup-deep", ":memory", ":reasoning-exclude", ":memory:online" } do
      local completion = assert(page.client.chat.completions:create(params("script-talker" .. suffix)))
      page:expect("POST", CHAT, request_for("script-talker" .. suffix))
      assert.equal("script-talker" .. suffix, completion.model)
    end
  end)

  it("remember, by a header or a suffix", function()
    local function said(model, options)
      local completion = assert(page.client.chat.completions:create(params(model), options))
      return completion.output_text:find('You said before: "Hola"', 1, true) ~= nil
    end
    assert.is_false(said("script-talker", { memory = true }))
    assert.equal("true", page:sent().headers.memory)
    assert.is_true(said("script-talker", { memory = true }))
    assert.is_true(said("script-talker:memory"))
    assert.is_nil(page:sent().headers.memory)
    assert.is_false(said("script-talker", { memory = false }))
    assert.equal("false", page:sent().headers.memory)
    assert.is_true(said("script-talker", { headers = { memory = "true" } }))
  end)
end)

describe("NanoGPT's page: reasoning", function()
  local page
  before_each(function() page = pages.open("nanogpt") end)

  for _, streamed in ipairs { false, true } do
    local how = streamed and "streamed" or "whole"
    local function ask(model, more, options)
      more = more or {}
      more.stream = streamed
      local completion = assert(page.client.chat.completions:create(params(model, more), options))
      return streamed and assert(completion:result()) or completion
    end

    it("comes out of its tags, " .. how, function()
      local completion = ask "script-thinker"
      assert.equal("This is a script: it thinks nothing, it only counts words.", completion.reasoning_text)
      assert.equal('A script, not a model, answers. You said: "Hola"', completion.output_text)
    end)

    it("is left out where that is asked for, " .. how, function()
      for _, completion in ipairs { ask("script-thinker", { reasoning = { exclude = true } }),
        ask "script-thinker:reasoning-exclude", ask("script-thinker", nil, { reasoning = false }) } do
        assert.is_nil(completion.reasoning_text)
        assert.equal('A script, not a model, answers. You said: "Hola"', completion.output_text)
      end
    end)

    it("of phala's models is handed on as it comes, " .. how, function()
      local completion = ask "phala/script-thinker"
      assert.truthy(completion.output_text:find("^<think>This is a script.*</think>\n\nA script"))
    end)
  end
end)

describe("NanoGPT's page: completions and embeddings", function()
  local page
  before_each(function() page = pages.open("nanogpt") end)

  it("complete a prompt with prompt, suffix and max_tokens", function()
    local completion = assert(page.client.completions:create { model = "script-talker", prompt = "Había una vez",
      suffix = "y fin.", max_tokens = 5 })
    page:expect("POST", API .. "/v1/completions", [[{"model":"script-talker","prompt":"Había una vez",
      "suffix":"y fin.","max_tokens":5}]])
    assert.equal("length", completion.choices[1].finish_reason)
    assert(page.client.completions:create({ model = "script-thinker", prompt = "a" },
      { reasoning_exclude = true, memory = true }))
    page:expect("POST", API .. "/v1/completions", '{"model":"script-thinker:reasoning-exclude","prompt":"a"}')
    assert.equal("true", page:sent().headers.memory)
  end)

  it("draw, as OpenAI's endpoint does", function()
    local result = assert(page.client.images:generate { model = "script-painter", prompt = "Un faro", n = 2 })
    page:expect("POST", API .. "/v1/images/generations", '{"model":"script-painter","prompt":"Un faro","n":2}')
    assert.same({ 2, "string" }, { #result.data, type(result.data[1].b64_json) })
  end)

  it("embed with dimensions, encoding_format and user", function()
    local result = assert(page.client.embeddings:create { model = "script-embedding-large", input = { "uno", "dos" },
      dimensions = 4, encoding_format = "float", user = "u1" })
    page:expect("POST", API .. "/v1/embeddings", [[{"model":"script-embedding-large","input":["uno","dos"],
      "dimensions":4,"encoding_format":"float","user":"u1"}]])
    assert.same({ 2, 4 }, { #result.data, #result.data[2].embedding })
  end)

  it("embed at most 2048 inputs in a request, however many there are", function()
    local inputs = {}
    for i = 1, 2050 do inputs[i] = "text " .. i end
    local result = assert(page.client.embeddings:create { model = "script-embedding-small", input = inputs })
    local requests = page:requests()
    assert.equal(2, #requests)
    assert.equal(2048, #cjson.decode(requests[1].body).input)
    assert.equal(2050, #result.data)
    local last = assert(page.client.embeddings:create { model = "script-embedding-small", input = "text 2050" })
    assert.same(last.data[1].embedding, result.data[2050].embedding)
    assert.equal(2049, result.data[2050].index)
  end)
end)

describe("NanoGPT's page: an error", function()
  local accounts = { poor = { balance = 0 }, quick = { requests = 1, window = 30 }, k403 = { fault = 403 },
    k500 = { fault = 500 }, k503 = { fault = 503 } }
  local page
  setup(function() page = pages.open("nanogpt", { model = "script-talker" }, accounts) end)

  local function ask(key)
    return page.client:ask("Hola", nil, { api_key = key })
  end

  it("of one form or the other comes out as code, message and details", function()
    local err = pages.fails("not_found", 404, page.client:ask("Hola", { model = "nobody" }))
    assert.same({ "model_not_found", "The model `nobody` does not exist", { param = "model" } },
      { err.code, err.message, err.details })
    err = pages.fails("bad_request", 400, page.client.embeddings:create { model = "nobody", input = "a" })
    assert.same({ "Invalid model specified", "model", "invalid_request_error" }, { err.message, err.param, err.type })
    assert.is_nil(err.code)
  end)

  it("402 is billing, with its message", function()
    local err = pages.fails("billing", 402, ask "poor")
    assert.same({ "insufficient_balance", "The balance is used up" }, { err.code, err.message })
  end)

  it("429 says how long to wait, and the headers say what is left, as numbers", function()
    local completion = assert(ask "quick")
    assert.same({ limit = 1, remaining = 0 }, completion.response.rate_limit)
    local err = pages.fails("rate_limit", 429, ask "quick")
    assert.is_true(err.retry_after > 25 and err.retry_after <= 30)
  end)

  it("of another status has a kind too", function()
    pages.fails("authentication", 401, ask "wrong")
    pages.fails("permission", 403, ask "k403")
    pages.fails("server", 500, ask "k500")
    pages.fails("server", 503, ask "k503")
  end)
end)
