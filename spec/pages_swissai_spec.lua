-- SPDX-License-Identifier: MIT
-- Every example of SwissAI's API page, as Lua: the same request on the wire,
-- the same fields out of the answer.

local marea = require("marea")
local pages = require("spec.support.pages")

local URL = "https://api.swiss-ai.one/api/v1/external/chat/completions"

local function user(text)
  return { { role = "user", content = text } }
end

local WEATHER = { type = "function", ["function"] = { name = "get_weather", description = "Tiempo actual de una ciudad",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } } } }

local TOOLS = [[{
  "messages": [{ "role": "user", "content": "¿Qué tiempo hace en Zúrich?" }], "stream": %s,
  "tools": [{ "type": "function", "function": { "name": "get_weather", "description": "Tiempo actual de una ciudad",
    "parameters": { "type": "object", "properties": { "city": { "type": "string" } }, "required": ["city"] } } }],
  "tool_choice": "auto" }]]

describe("SwissAI's page:", function()
  local page
  before_each(function() page = pages.open("swissai") end)

  it("the first request streams its three chunks and ends at [DONE]", function()
    local stream = assert(page.client.chat.completions:create {
      messages = user "Saluda en alemán suizo.", stream = true })
    local chunks = {}
    for chunk in stream:chunks() do chunks[#chunks + 1] = chunk end
    page:expect("POST", URL, [[{"messages":[{"role":"user","content":"Saluda en alemán suizo."}],"stream":true}]])
    local head = [[{"id":"chatcmpl-1a2b3c4d","object":"chat.completion.chunk","created":1750000000,]]
      .. [["model":"swissai","choices":[{"index":0,"delta":]]
    pages.same_values(head .. [[{"content":"Hallo"},"finish_reason":null}]}]], chunks[1])
    pages.same_values(head .. [[{"content":"!"},"finish_reason":null}]}]], chunks[2])
    pages.same_values(head .. [[{},"finish_reason":"stop"}]}]], chunks[3])
    assert.equal(3, #chunks)
  end)

  it("requests and fetch: the deltas' contents, one after the other", function()
    local stream = assert(page.client.chat.completions:create { messages = user "Hola", stream = true })
    local parts = {}
    for text in stream:text() do parts[#parts + 1] = text end
    page:expect("POST", URL, [[{"messages":[{"role":"user","content":"Hola"}],"stream":true}]])
    assert.is_true(#parts > 1)
    assert.equal("¡Hola! ¿En qué puedo ayudar?", table.concat(parts))
  end)

  it("OpenAI's SDK: a model may be named, and is ignored", function()
    local stream = assert(page.client.chat.completions:create {
      model = "other", messages = user "Hola", stream = true })
    local completion = assert(stream:result())
    page:expect("POST", URL, [[{"model":"other","messages":[{"role":"user","content":"Hola"}],"stream":true}]])
    assert.equal("swissai", completion.model)
    assert.equal("stop", completion.choices[1].finish_reason)
  end)

  it("without streaming: stream = false is sent, as it streams by default", function()
    local completion = assert(page.client.chat.completions:create { messages = user "Hola" })
    page:expect("POST", URL, [[{"messages":[{"role":"user","content":"Hola"}],"stream":false}]])
    pages.same_values([[{"id":"chatcmpl-1a2b3c4d","object":"chat.completion","created":1750000000,"model":"swissai",
      "choices":[{"index":0,"message":{"role":"assistant","content":"¡Hola! ¿En qué puedo ayudar?"},
      "finish_reason":"stop"}]}]], completion)
    assert.equal("¡Hola! ¿En qué puedo ayudar?", tostring(completion))
  end)

  it("a question needs no model", function()
    assert.equal("¡Hola! ¿En qué puedo ayudar?", tostring(assert(page.client:ask "Hola")))
    page:expect("POST", URL, [[{"messages":[{"role":"user","content":"Hola"}],"stream":false}]])
  end)

  for _, streamed in ipairs { false, true } do
    it("tools: a call, " .. (streamed and "streamed" or "whole") .. ", and its result as a message", function()
      local messages = user "¿Qué tiempo hace en Zúrich?"
      local params = { messages = messages, stream = streamed, tools = { WEATHER }, tool_choice = "auto" }
      local first = assert(page.client.chat.completions:create(params))
      if streamed then first = assert(first:result()) end
      page:expect("POST", URL, TOOLS:format(tostring(streamed)))
      local call = first.tool_calls[1]
      assert.same({ 1, "get_weather", "Zúrich" }, { #first.tool_calls, call.name, call.arguments.city })

      messages[2] = first.choices[1].message
      messages[3] = { role = "tool", tool_call_id = call.id, content = '{"temperature":21}' }
      local second = assert(page.client.chat.completions:create { messages = messages, tools = { WEATHER } })
      local sent = pages.plain(page:sent().body).messages
      assert.same({ "assistant", "tool", call.id }, { sent[2].role, sent[3].role, sent[3].tool_call_id })
      assert.equal(call.id, sent[2].tool_calls[1].id)
      assert.truthy(second.output_text:find('get_weather returned {"temperature":21}', 1, true))
    end)
  end

  it("temperature and max_tokens are kept within the page's ranges", function()
    assert(page.client.chat.completions:create { messages = user "a", temperature = 2.0, max_tokens = 128000 })
    page:expect("POST", URL, [[{"messages":[{"role":"user","content":"a"}],"temperature":2,"max_tokens":128000,
      "stream":false}]])
    for _, more in ipairs { { temperature = 2.1 }, { temperature = -0.1 }, { max_tokens = 0 },
      { max_tokens = 128001 } } do
      more.messages = user "a"
      local _, err = page.client.chat.completions:create(more)
      assert.equal("bad_request", err.kind)
    end
    assert.equal(1, #page:requests())
  end)
end)

describe("SwissAI's page: the status", function()
  local accounts = { k402 = { balance = 0 }, k429 = { requests = 0, window = 60 }, k500 = { fault = 500 },
    k502 = { fault = 502 }, k503 = { fault = 503 }, k504 = { fault = 504 } }
  local kinds = { [402] = "billing", [429] = "rate_limit", [500] = "server", [502] = "server", [503] = "server",
    [504] = "server" }
  local page
  setup(function() page = pages.open("swissai", nil, accounts) end)

  for status, kind in pairs(kinds) do
    it(status .. " is " .. kind, function()
      pages.fails(kind, status, page.client:ask("Hola", nil, { api_key = "k" .. status }))
    end)
  end

  it("401 is authentication: no key known, or a wrong one", function()
    local err = pages.fails("authentication", 401, page.client:ask("Hola", nil, { api_key = "sk-souheng-WRONG" }))
    assert.is_nil(tostring(err):find("WRONG", 1, true))
    local _, missing = marea.client({ provider = "swissai", base_url = page.scenario.base_url }):ask "Hola"
    assert.equal("authentication", missing.kind)
    assert.truthy(missing.message:find("SWISSAI_API_KEY", 1, true))
  end)

  it("404 is not_found: an unknown route", function()
    pages.fails("not_found", 404, page.client:request { path = "chat", body = {} })
  end)
end)
