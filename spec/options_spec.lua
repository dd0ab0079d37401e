-- SPDX-License-Identifier: MIT
-- Named options: what a preset says they do arrives at the server, what the
-- caller says himself stays, and what a provider doesn't have is said at his
-- line.

local marea = require("marea")
local json = require("marea.json")
local server = require("spec.support.server")

local OK = { { status = 200, body = '{"choices":[{"message":{"role":"assistant","content":"ok"}}]}' } }
local HI = { { role = "user", content = "Hi" } }

-- Client of a provider whose requests go to a script; the script.
local function of(provider, options, replies)
  local f = server.shared():script(replies or { OK }, { repeat_last = true })
  local all = { provider = provider, base_url = f.base_url, api_key = "sk-test-key", max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all), f
end

local function last(f)
  local requests = f.requests()
  local request, headers = requests[#requests], {}
  for _, pair in ipairs(request.headers) do headers[pair[1]:lower()] = pair[2] end
  return request, headers, request.body ~= "" and json.decode(request.body) or nil
end

-- f must raise at its own line, saying all of the words.
local function wrong(f, ...)
  local ok, err = pcall(f)
  assert.is_false(ok, "raised nothing")
  local line = debug.getinfo(f, "S").linedefined
  assert.equal(line, tonumber(tostring(err):match("options_spec%.lua:(%d+): ")), tostring(err))
  for _, word in ipairs { ... } do assert.truthy(err:find(word, 1, true), ("%s: %q missing"):format(err, word)) end
end

local function chat(client, params, options)
  local all = { messages = HI, model = "m" }
  for name, value in pairs(params or {}) do all[name] = value end
  return assert(client.chat.completions:create(all, options))
end

describe("a named option", function()
  local cases = {
    { "nanogpt", { memory = true }, headers = { memory = "true" } },
    { "nanogpt", { memory = false }, headers = { memory = "false" } },
    { "nanogpt", { online = true }, body = { model = "m:online" } },
    { "nanogpt", { online = "linkup-deep" }, body = { model = "m:online/linkup-deep" } },
    { "nanogpt", { online = "50%s" }, body = { model = "m:online/50%s" } },
    { "nanogpt", { online = true }, params = { model = "m:online" }, body = { model = "m:online" } },
    { "nanogpt", { online = false }, body = { model = "m" } },
    { "nanogpt", { reasoning_exclude = true, online = true }, body = { model = "m:online:reasoning-exclude" } },
    { "nanogpt", { reasoning = false }, body = { reasoning = { exclude = true } } },
    { "nanogpt", { reasoning = true }, body = { reasoning = { exclude = false } } },
    { "nan", { reasoning = true }, body = { chat_template_kwargs = { enable_thinking = true } } },
    { "helmcode", { reasoning = false }, body = { chat_template_kwargs = { enable_thinking = false } } },
    { "nan", { reasoning = true }, params = { chat_template_kwargs = { other = 1 } },
      body = { chat_template_kwargs = { enable_thinking = true, other = 1 } } },
    { "nan", { reasoning = true }, params = { chat_template_kwargs = { enable_thinking = false } },
      body = { chat_template_kwargs = { enable_thinking = false } } },
    { "openrouter", { referer = "https://mine.example", title = "Mine" },
      headers = { ["http-referer"] = "https://mine.example", ["x-title"] = "Mine" } },
    { "openrouter", { reasoning = true }, body = { reasoning = { enabled = true } } },
    { "openrouter", { reasoning = "low", reasoning_exclude = true, online = true },
      body = { model = "m:online", reasoning = { effort = "low", exclude = true } } },
    { "openai", { reasoning = "high" }, body = { reasoning_effort = "high" } },
    { "azure", { reasoning = "low" }, body = { reasoning_effort = "low" } },
    { "xai", { reasoning = "low" }, body = { reasoning_effort = "low" } },
    { "gemini", { reasoning = false }, body = { reasoning_effort = "none" } },
    { "ollama", { reasoning = false }, body = { reasoning_effort = "none" } },
    { "groq", { reasoning = true }, body = { reasoning_effort = "default" } },
    { "groq", { reasoning = "low", max_tokens = 5 }, body = { reasoning_effort = "low", max_completion_tokens = 5 } },
    { "deepseek", { reasoning = false }, body = { thinking = { type = "disabled" } } },
    { "deepseek", { reasoning = "max" }, body = { reasoning_effort = "max" } },
    { "together", { reasoning = false }, body = { reasoning = { enabled = false } } },
    { "fireworks", { reasoning = "low" }, body = { reasoning_effort = "low" } },
    { "cerebras", { reasoning = "low" }, body = { reasoning_effort = "low" } },
    { "vllm", { reasoning = false }, body = { chat_template_kwargs = { enable_thinking = false } } },
    { "llamacpp", { reasoning = true }, body = { chat_template_kwargs = { enable_thinking = true } } },
    { "huggingface", { route = "cheapest" }, body = { model = "m:cheapest" } },
    { "github", { api_version = "2022-11-28" }, headers = { ["x-github-api-version"] = "2022-11-28" } },
    { "saptiva", { max_tokens = 9 }, body = { max_tokens = 9, temperature = 0.7 } },
    { "saptiva", { max_tokens = 9 }, params = { max_tokens = 8 }, body = { max_tokens = 8 } },
    { "openai", { max_tokens = 9 }, body = { max_completion_tokens = 9 } },
    { "openai", { usage = true }, body = {} },
  }
  for _, case in ipairs(cases) do
    local names = {}
    for name, value in pairs(case[2]) do names[#names + 1] = name .. " = " .. tostring(value) end
    table.sort(names)
    it(("of %s, %s, does what its page says"):format(case[1], table.concat(names, ", ")), function()
      for _, at in ipairs { "call", "client" } do
        local client, f = of(case[1], at == "client" and case[2] or nil)
        chat(client, case.params, at == "call" and case[2] or nil)
        local _, headers, body = last(f)
        for name, value in pairs(case.headers or {}) do assert.equal(value, headers[name], at) end
        for name, value in pairs(case.body or {}) do assert.same(value, body[name], at) end
        if not (case.body or {}).model then assert.equal("m", body.model) end
      end
    end)
  end

  it("is no parameter of the wire", function()
    local client, f = of("nanogpt", { memory = true })
    chat(client, nil, { reasoning = false, online = true, max_tokens = 5 })
    local _, _, body = last(f)
    assert.same({ messages = HI, model = "m:online", reasoning = { exclude = true }, max_tokens = 5 }, body)
  end)

  it("of a call wins over the client's", function()
    local client, f = of("nanogpt", { memory = true, online = true })
    chat(client, nil, { memory = false, online = false })
    local _, headers, body = last(f)
    assert.same({ "false", "m" }, { headers.memory, body.model })
    chat(client:with { online = "linkup-deep" })
    _, headers, body = last(f)
    assert.same({ "true", "m:online/linkup-deep" }, { headers.memory, body.model })
  end)

  it("gives way to a header of the call", function()
    local client, f = of("nanogpt")
    chat(client, nil, { memory = true, headers = { Memory = "other" } })
    assert.equal("other", select(2, last(f)).memory)
  end)

  it("leaves the caller's tables as they were", function()
    local client = of("nan")
    local params = { messages = HI, model = "m", chat_template_kwargs = { other = 1 } }
    local options = { reasoning = true, headers = { ["x-a"] = "1" } }
    assert(client.chat.completions:create(params, options))
    assert.same({ messages = HI, model = "m", chat_template_kwargs = { other = 1 } }, params)
    assert.same({ reasoning = true, headers = { ["x-a"] = "1" } }, options)
    assert.is_nil(marea.providers.nan.options.reasoning.on.body.chat_template_kwargs.other)
  end)

  it("of a client is for the endpoints it is for, and silent elsewhere", function()
    local client, f = of("nanogpt", { online = true, plan = "paid", memory = true },
      { { { status = 200, body = '{"data":[{"embedding":[1]}]}' } } })
    assert(client.embeddings:create { model = "e", input = "a" })
    local request, headers, body = last(f)
    assert.truthy(request.target:find("/v1/embeddings", 1, true))
    assert.same({ nil, "e" }, { headers.memory, body.model })
  end)

  it("stays behind when a client goes to another provider", function()
    local client, f = of("nanogpt", { online = true })
    chat(client:with { provider = "nan", base_url = f.base_url, api_key = "k" })
    assert.equal("m", select(3, last(f)).model)
  end)

  it("asks for usage where a stream doesn't send it unasked", function()
    local body = server.sse { server.chunk_json { content = "a", finish = "stop" } }
    local reply = { { status = 200, headers = { ["content-type"] = "text/event-stream" }, body = body } }
    for provider, asked in pairs { openai = { include_usage = true }, mistral = false } do
      local client, f = of(provider, nil, { reply })
      assert(client.chat.completions:create({ messages = HI, model = "m", stream = true }, { usage = true })):close()
      assert.same(asked or nil, select(3, last(f)).stream_options)
    end
  end)

  it("asks for usage no more where the server refuses to be asked", function()
    local stream = { status = 200, headers = { ["content-type"] = "text/event-stream" },
      body = server.sse { server.chunk_json { content = "a", finish = "stop" } } }
    local refusals = { [[{"error":{"message":"Unknown field: stream_options","type":"invalid_request_error"}}]],
      [[{"detail":[{"loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}]] }
    local params = { messages = HI, model = "m", stream = true }
    for i, refusal in ipairs(refusals) do
      local refused = { status = i == 1 and 400 or 422, body = refusal }
      local client, f = of("openai", { usage = true }, { { refused }, { stream }, { stream } })
      for _ = 1, 2 do assert.equal("a", assert(assert(client.chat.completions:create(params)):result()).output_text) end
      local asked = {}
      for n, request in ipairs(f.requests()) do asked[n] = json.decode(request.body).stream_options ~= nil end
      assert.same({ true, false, false }, asked)
    end
    local refused = { { { status = 400, body = refusals[1] } } }
    local client, f = of("openai", { usage = true }, refused)
    local all = { stream_options = { include_usage = true } }
    for name, value in pairs(params) do all[name] = value end
    local _, err = client.chat.completions:create(all)      -- what the caller says himself is never taken away
    assert.same({ "bad_request", 1 }, { err.kind, #f.requests() })
    client, f = of("openai", { usage = true }, { { { status = 400, body = [[{"error":{"message":"no"}}]] } } })
    _, err = client.chat.completions:create(params)
    assert.same({ "bad_request", 1 }, { err.kind, #f.requests() })
  end)

  it("writes the bound on tokens as each endpoint calls it", function()
    local client, f = of("openai", { max_tokens = 7 })
    client.responses:create { model = "m", input = "a" }
    assert.equal(7, select(3, last(f)).max_output_tokens)
    client.completions:create { model = "m", prompt = "a" }
    assert.equal(7, select(3, last(f)).max_tokens)
  end)

  it("is written as each endpoint has it", function()
    local client, f = of("openai", { reasoning = "low" })
    client.responses:create { model = "m", input = "a" }
    local _, _, body = last(f)
    assert.same({ { effort = "low" }, nil }, { body.reasoning, body.reasoning_effort })
  end)

  it("works for any request", function()
    local client, f = of("nanogpt")
    assert(client:request({ path = "chat/completions", body = { model = "m", messages = HI } },
      { online = true, memory = true }))
    local _, headers, body = last(f)
    assert.same({ "true", "m:online" }, { headers.memory, body.model })
  end)

  it("can be added by whoever makes a preset", function()
    local preset = marea.provider { extends = "nan", options = { tier = {
      on = { body = { service_tier = "flex" } }, values = { fast = { body = { service_tier = "priority" } } } } } }
    local client, f = of(preset)
    chat(client, nil, { tier = "fast", reasoning = false })
    local _, _, body = last(f)
    assert.same({ "priority", false }, { body.service_tier, body.chat_template_kwargs.enable_thinking })
  end)
end)

describe("a wrong named option raises at the caller's line", function()
  local function call(client, options)
    return client.chat.completions.create, client.chat.completions, { messages = HI, model = "m" }, options
  end

  it("where the provider doesn't have it, naming what it has", function()
    local client = of("nan")
    local f, self, params, options = call(client, { memory = true })
    wrong(function() f(self, params, options) end, '"memory"', "nan has max_tokens, reasoning, usage", "timeout")
    wrong(function() marea.client { provider = "saptiva", memory = true } end, '"memory"', "saptiva has")
    wrong(function() client:with { memory = true } end, "nan has max_tokens, reasoning, usage")
    wrong(function() marea.client { base_url = "http://localhost/v1", memory = true } end, "it has max_tokens, usage")
  end)

  it("where it can't be that value", function()
    local client = of("nanogpt")
    for _, case in ipairs { { { memory = "yes" }, "true or false" }, { { plan = "free" }, '"paid", "subscription"' },
      { { max_tokens = 0 }, "at least 1" }, { { online = 3 }, "a text, true or false" },
      { { reasoning = {} }, "true" } } do
      local f, self, params, options = call(client, case[1])
      wrong(function() f(self, params, options) end, next(case[1]), case[2])
    end
  end)

  it("where it is of another endpoint", function()
    local client = of("nanogpt")
    wrong(function() client.embeddings:create({ model = "e", input = "a" }, { memory = true }) end,
      "memory is an option of chat/completions, completions, not of embeddings")
    wrong(function() client:request({ path = "images", body = {} }, { plan = "paid" }) end, "plan", "models")
    wrong(function() client.models:retrieve("a", { plan = "paid" }) end, "models/a")
  end)

  it("where it would break a header", function()
    local client = of("openrouter")
    local f, self, params, options = call(client, { title = "a\r\nb: c" })
    wrong(function() f(self, params, options) end, "title", "line break")
  end)
end)

describe("NanoGPT's lists", function()
  local LIST = { { { status = 200, body = '{"object":"list","data":[{"id":"a"}]}' } } }

  local function listed(base, get)
    local f = server.shared():script(LIST, { repeat_last = true })
    local client = marea.client { provider = "nanogpt", base_url = f.url .. base, api_key = "sk-test-key" }
    assert.equal("a", assert(get(client)).data[1].id)
    return (last(f).target:gsub("^/s/%w+", ""))
  end

  local cases = {
    { "/api/v1", "/api/v1/models", function(c) return c.models:list() end },
    { "/api/v1", "/api/v1/models?detailed=true", function(c) return c.models:list { detailed = true } end },
    { "/api/v1", "/api/subscription/v1/models",
      function(c) return c.models:list({}, { plan = "subscription" }) end },
    { "/api/v1", "/api/paid/v1/models?detailed=true",
      function(c) return c.models:list({ detailed = true }, { plan = "paid" }) end },
    { "/own/v1/", "/own/paid/v1/models", function(c) return c:with({ plan = "paid" }).models:list() end },
    { "/v1?tenant=3", "/subscription/v1/models?tenant=3",
      function(c) return c.models:list({}, { plan = "subscription" }) end },
    { "/elsewhere", "/elsewhere/paid/v1/models", function(c) return c.models:list({}, { plan = "paid" }) end },
    { "/api/v1", "/api/v1/models/a%2Fb", function(c) return c.models:retrieve "a/b" end },
    { "/api/v1", "/api/v1/embedding-models", function(c) return c.embedding_models:list {} end },
    { "/api/v1", "/api/v1/embedding-models?x=1", function(c) return c.embedding_models:list { x = 1 } end },
  }
  for _, case in ipairs(cases) do
    it(("are at %s, under %s"):format(case[2], case[1]), function()
      assert.equal(case[2], listed(case[1], case[3]))
    end)
  end
end)

describe("a key", function()
  local function sent(provider, options, call)
    local f = server.shared():script({ { { status = 200, body = '{"data":[]}' } } }, { repeat_last = true })
    local all = { provider = provider, base_url = f.base_url, max_retries = 0 }
    for name, value in pairs(options) do all[name] = value end
    local result, err = call(marea.client(all))
    if #f.requests() == 0 then return result, err end
    return select(2, last(f)), err
  end

  local function models(c) return c.models:list() end

  it("goes in the header that `auth` names among the provider's", function()
    local headers = sent("nanogpt", { api_key = "sk-test-key", auth = "x-api-key" }, models)
    assert.same({ "sk-test-key", nil }, { headers["x-api-key"], headers.authorization })
    headers = sent("nanogpt", { api_key = "sk-test-key", auth = "authorization" }, models)
    assert.same({ nil, "Bearer sk-test-key" }, { headers["x-api-key"], headers.authorization })
    headers = sent("azure", { api_key = "token", auth = "Authorization" }, models)
    assert.same({ nil, "Bearer token" }, { headers["api-key"], headers.authorization })
    headers = sent("azure", { api_key = "token" }, models)
    assert.same({ "token", nil }, { headers["api-key"], headers.authorization })
  end)

  it("goes in any header with a base_url alone", function()
    local f = server.shared():script({ OK }, { repeat_last = true })
    marea.client({ base_url = f.base_url, model = "m", api_key = "sk-test-key", auth = "x-key" }):ask "a"
    local _, headers = last(f)
    assert.same({ "sk-test-key", nil }, { headers["x-key"], headers.authorization })
    wrong(function() marea.client { base_url = f.base_url, auth = "a b" } end, "auth", "header")
  end)

  it("goes nowhere the provider doesn't look, and `auth` of another provider stays behind", function()
    wrong(function() marea.client { provider = "nan", auth = "x-api-key" } end, "nan", "Authorization", "x-api-key")
    local client, f = of("nanogpt", { auth = "x-api-key" })
    chat(client:with { provider = "nan", base_url = f.base_url, api_key = "other" })
    local _, headers = last(f)
    assert.same({ nil, "Bearer other" }, { headers["x-api-key"], headers.authorization })
    chat(client:with { timeout = 5 })
    assert.equal("sk-test-key", select(2, last(f))["x-api-key"])
  end)

  it("may stand in a header of the client's or the call's, where the provider looks", function()
    local preset = marea.provider { extends = "nanogpt", api_key_env = "MAREA_SPEC_NO_SUCH_KEY" }
    local function ask(options)
      return function(c) return c.chat.completions:create({ messages = HI, model = "m" }, options) end
    end
    for _, header in ipairs { "X-API-Key", "authorization" } do
      local headers = sent(preset, { headers = { [header] = "sk-mine" } }, ask())
      assert.equal("sk-mine", headers[header:lower()])
      headers = sent(preset, {}, ask { headers = { [header] = "sk-mine" } })
      assert.equal("sk-mine", headers[header:lower()])
    end
    local nothing, err = sent(preset, { headers = { ["x-other-key"] = "sk-mine" } }, ask())
    assert.same({ nil, "authentication" }, { nothing, err.kind })
  end)

  it("is not needed where the provider's page says so, and sent where there is one", function()
    local name = "MAREA_SPEC_NO_SUCH_KEY"
    local preset = marea.provider { extends = "nanogpt", api_key_env = name }
    local headers = sent(preset, {}, models)
    assert.same({ nil, nil }, { headers.authorization, headers["x-api-key"] })
    headers = sent(preset, {}, function(c) return c.models:list({}, { plan = "paid" }) end)
    assert.is_nil(headers.authorization)
    headers = sent(preset, { api_key = "sk-test-key" }, models)
    assert.equal("Bearer sk-test-key", headers.authorization)
    for _, call in ipairs { function(c) return c.models:retrieve "m" end,
      function(c) return c:ask("a", { model = "m" }) end } do
      local nothing, err = sent(preset, {}, call)
      assert.is_nil(nothing)
      assert.equal("authentication", err.kind)
      assert.truthy(err.message:find(name, 1, true))
    end
  end)
end)

describe("what a preset says of parameters", function()
  it("that they are from here to there refuses others before a byte is sent", function()
    local cases = {
      { "saptiva", "temperature", 1.5 }, { "saptiva", "top_p", -0.1 }, { "swissai", "temperature", 2.01 },
      { "swissai", "max_tokens", 0 }, { "swissai", "max_tokens", 128001 }, { "saptiva", "temperature", 0 / 0 },
    }
    for _, case in ipairs(cases) do
      local client, f = of(case[1])
      local result, err = client.chat.completions:create { messages = HI, [case[2]] = case[3] }
      assert.is_nil(result)
      assert.same({ "bad_request", case[2], case[1] }, { err.kind, err.param, err.provider })
      assert.equal(0, #f.requests())
    end
    for _, case in ipairs { { "saptiva", { temperature = 0, top_p = 1 } },
      { "swissai", { temperature = 2, max_tokens = 128000 } }, { "nan", { temperature = 99 } } } do
      local client, f = of(case[1])
      chat(client, case[2])
      assert.equal(1, #f.requests())
    end
  end)

  it("that it requires them fills in its examples, or asks for them by name", function()
    local client, f = of("saptiva")
    assert(client:ask "a")
    local _, _, body = last(f)
    assert.same({ 256, 0.7, 0.95 }, { body.max_tokens, body.temperature, body.top_p })
    local preset = marea.provider { extends = "nan", required = { ["chat/completions"] = { "seed" } } }
    client, f = of(preset)
    wrong(function() client:ask "a" end, "client.chat.completions:create", "nan needs seed")
    wrong(function() client.chat.completions:create { messages = HI } end, "nan needs seed")
    chat(client, { seed = 1 })
    assert.equal(1, #f.requests())
    client, f = of("openai")
    wrong(function() client.audio.speech:create { model = "m", input = "a" } end, "openai needs voice")
    assert.equal(0, #f.requests())
  end)
end)

describe("the client's model", function()
  it("for chat is one for completions and responses, where none is named for them", function()
    local client, f = of("openai", { model = { chat = "c", responses = "r" } })
    client:ask "a"
    assert.equal("c", select(3, last(f)).model)
    client.responses:create { input = "a" }
    assert.equal("r", select(3, last(f)).model)
    client.completions:create { prompt = "a" }
    assert.equal("c", select(3, last(f)).model)
  end)
end)
