-- SPDX-License-Identifier: MIT
-- Every example of Saptiva's page "TEXT API (NEW)", as Lua: the same request on
-- the wire, the same fields out of the answer.

local marea = require("marea")
local pages = require("spec.support.pages")

local URL = "https://api.saptiva.com/v1/chat/completions"

local MESSAGES = { { role = "system", content = "Eres un agente servicial" },
  { role = "user", content = "¿Cuál es la capital de Francia?" } }

local REQUEST = [[{"model":"Saptiva Turbo","messages":[{"role":"system","content":"Eres un agente servicial"},
  {"role":"user","content":"¿Cuál es la capital de Francia?"}],"max_tokens":256,"temperature":0.7,"top_p":0.95%s}]]

local ANSWER = [[{"id":"chatcmpl-211","object":"chat.completion","created":1745449715,"model":"Saptiva Turbo",
  "choices":[{"index":0,"message":{"role":"assistant",
    "content":"La capital de México es **Ciudad de México**. 🇲🇽 \n","tool_calls":[]},"finish_reason":"stop"}],
  "usage":{"prompt_tokens":22,"completion_tokens":16,"total_tokens":38},"error":false,"status":200}]]

local function params(more)
  return pages.merged({ model = "Saptiva Turbo", messages = MESSAGES, max_tokens = 256, temperature = 0.7,
    top_p = 0.95 }, more)
end

describe("Saptiva's page:", function()
  local page
  before_each(function() page = pages.open("saptiva") end)

  it("the request and its answer, `error: false` and all", function()
    local completion = assert(page.client.chat.completions:create(params()))
    page:expect("POST", URL, REQUEST:format "")
    pages.same_values(ANSWER, completion)
    assert.equal("La capital de México es **Ciudad de México**. 🇲🇽 \n", completion.output_text)
    assert.same({}, completion.tool_calls)
    assert.equal(false, completion.error)
    assert.equal(200, completion.status)
  end)

  it("the five obligatory parameters are sent where none is given", function()
    local completion = assert(page.client.chat.completions:create { messages = MESSAGES })
    page:expect("POST", URL, REQUEST:format "")
    pages.same_values(ANSWER, completion)
  end)

  it("stream = true sends it in pieces", function()
    local stream = assert(page.client.chat.completions:create(params { stream = true }))
    local pieces = 0
    for _ in stream:text() do pieces = pieces + 1 end
    page:expect("POST", URL, REQUEST:format ',"stream":true')
    assert.is_true(pieces > 1)
    assert.equal("La capital de México es **Ciudad de México**. 🇲🇽 \n", assert(stream:result()).output_text)
  end)

  it("options is a parameter of the wire", function()
    assert(page.client.chat.completions:create(params { options = { num_ctx = 4096 }, stream = false }))
    page:expect("POST", URL, REQUEST:format ',"options":{"num_ctx":4096},"stream":false')
  end)

  it("another of its models may be named", function()
    assert(page.client.chat.completions:create(params { model = "DeepSeek R1 Lite" }))
    assert.equal("DeepSeek R1 Lite", pages.plain(page:sent().body).model)
  end)

  it("temperature and top_p are kept between 0 and 1", function()
    for _, more in ipairs { { temperature = 1.5 }, { top_p = 1.5 }, { temperature = -1 } } do
      local _, err = page.client.chat.completions:create(params(more))
      assert.equal("bad_request", err.kind)
    end
    assert.equal(0, #page:requests())
  end)

  it("a message goes back with its `tool_calls: []`", function()
    local completion = assert(page.client.chat.completions:create(params()))
    assert(page.client.chat.completions:create(params { messages = { MESSAGES[2], completion.choices[1].message,
      { role = "user", content = "¿Y la de Italia?" } } }))
    assert.same({ "(an empty list)" }, pages.plain(page:sent().body).messages[2].tool_calls)
  end)
end)

describe("Saptiva's page: an error is its `detail`, and the status", function()
  local accounts, kinds = {}, { [300] = "protocol", [350] = "protocol", [400] = "bad_request", [402] = "billing",
    [403] = "permission", [429] = "rate_limit", [500] = "server", [503] = "server" }
  for status in pairs(kinds) do
    accounts["k" .. status] = { fault = status, message = "Error Description" }
  end
  local page
  setup(function() page = pages.open("saptiva", nil, accounts) end)

  for status, kind in pairs(kinds) do
    it(status .. " is " .. kind, function()
      local err = pages.fails(kind, status, page.client:ask("Hola", nil, { api_key = "k" .. status }))
      assert.equal("Error Description", err.message)
      assert.equal('{"detail":"Error Description"}', err.body)
    end)
  end

  it("401 is authentication", function()
    pages.fails("authentication", 401, page.client:ask("Hola", nil, { api_key = "wrong" }))
    local _, missing = marea.client({ provider = "saptiva", base_url = page.scenario.base_url }):ask "Hola"
    assert.truthy(missing.message:find("SAPTIVA_API_KEY", 1, true))
  end)

  it("422 is bad_request, and says what is wrong", function()
    local err = pages.fails("bad_request", 422, page.client.chat.completions:create(params { top_p = marea.null }))
    assert.equal("Field required: top_p", err.message)
  end)
end)
