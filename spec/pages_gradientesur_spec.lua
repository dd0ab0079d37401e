-- SPDX-License-Identifier: MIT
-- Every example of Gradiente Sur's page on chat completions, as Lua: the same
-- request on the wire, the same fields out of the answer, and every extra
-- parameter on its way.

local marea = require("marea")
local pages = require("spec.support.pages")

local URL = "https://api.gradientesur.com/functions/v1/chat/completions"

local MESSAGES = { { role = "user", content = "Hola, cómo estás?" } }

local REQUEST = [[{"model":"Qwen/Qwen3-1.7B","messages":[{"role":"user","content":"Hola, cómo estás?"}],
  "max_tokens":200%s}]]

local ANSWER = "¡Hola! Estoy bien, gracias. ¿Cómo estás tú? 😊 Si tienes alguna pregunta o necesitas ayuda, "
  .. "¡no dudes en decírmelo!"

local FIELDS = [[{"id":"","object":"","created":1,"model":"","choices":[{"index":0,"message":{"role":"",
  "reasoning_content":"","content":"","tool_calls":[]},"logprobs":null,"finish_reason":"","stop_reason":null}],
  "usage":{"prompt_tokens":14,"total_tokens":230,"completion_tokens":216,"prompt_tokens_details":null},
  "prompt_logprobs":null}]]

local function params(more)
  return pages.merged({ model = "Qwen/Qwen3-1.7B", messages = MESSAGES, max_tokens = 200 }, more)
end

describe("Gradiente Sur's page:", function()
  local page
  before_each(function() page = pages.open("gradientesur") end)

  it("the first request and its answer, field by field", function()
    local completion = assert(page.client.chat.completions:create(params()))
    page:expect("POST", URL, REQUEST:format "")
    pages.same_fields(FIELDS, completion)
    assert.equal("chatcmpl-ec1e82a53ab04d20b5560ec4c6b1f16a", completion.id)
    assert.same({ 14, 230, 216, marea.null }, { completion.usage.prompt_tokens, completion.usage.total_tokens,
      completion.usage.completion_tokens, completion.usage.prompt_tokens_details })
    assert.equal(ANSWER, completion.choices[1].message.content)
    assert.equal(ANSWER, completion.output_text)
    assert.truthy(completion.reasoning_text:find('^\nOkay, the user said "Hola, cómo estás%?"'))
    assert.same({}, completion.tool_calls)
    assert.equal(marea.null, completion.choices[1].stop_reason)
  end)

  it("the model of its examples is the one a question goes to", function()
    assert.equal(ANSWER, tostring(assert(page.client:ask("Hola, cómo estás?", { max_tokens = 200 }))))
    page:expect("POST", URL, REQUEST:format "")
  end)

  it("top_k, repetition_penalty and guided_regex", function()
    local completion = assert(page.client.chat.completions:create(params {
      top_k = 20, repetition_penalty = 1.1, guided_regex = ".*\\?$" }))
    page:expect("POST", URL, REQUEST:format [[,"top_k":20,"repetition_penalty":1.1,"guided_regex":".*\\?$"]])
    assert.truthy(completion.output_text:find("%?$"))
  end)

  it("streamed: reasoning, then text", function()
    local stream, seen = assert(page.client.chat.completions:create(params { stream = true })), {}
    for event in stream:events() do seen[event.type] = (seen[event.type] or "") .. (event.text or "") end
    page:expect("POST", URL, REQUEST:format ',"stream":true')
    assert.equal(ANSWER, seen.text)
    assert.truthy(seen.reasoning:find("^\nOkay"))
    assert.truthy(assert(stream:result()).reasoning_text:find("^\nOkay"))
  end)

  local USER = '{"type":"object","properties":{"n":{"type":"integer"}},"required":["n"]}'
  local user = { type = "object", properties = { n = { type = "integer" } }, required = { "n" } }
  local array = marea.array
  -- Each extra parameter, its value in Lua and on the wire.
  local extra = {
    { "use_beam_search", true, "true" }, { "top_k", 5, "5" }, { "min_p", 0.05, "0.05" },
    { "repetition_penalty", 1.2, "1.2" }, { "length_penalty", 1.5, "1.5" },
    { "stop_token_ids", { 151643, 151645 }, "[151643,151645]" }, { "include_stop_str_in_output", true, "true" },
    { "ignore_eos", true, "true" }, { "min_tokens", 3, "3" }, { "skip_special_tokens", false, "false" },
    { "spaces_between_special_tokens", false, "false" }, { "truncate_prompt_tokens", 100, "100" },
    { "allowed_token_ids", { 1, 2 }, "[1,2]" }, { "prompt_logprobs", 1, "1" },
    { "add_special_tokens", false, "false" }, { "response_format", { type = "json_object" }, '{"type":"json_object"}' },
    { "response_format", { type = "text" }, '{"type":"text"}' },
    { "response_format", { type = "json_schema", json_schema = { name = "u", schema = user } },
      '{"type":"json_schema","json_schema":{"name":"u","schema":' .. USER .. "}}" },
    { "guided_json", user, USER }, { "guided_json", USER, '"' .. USER:gsub('"', '\\"') .. '"' },
    { "guided_choice", { "sí", "no" }, '["sí","no"]' }, { "guided_grammar", 'root ::= "sí" | "no"',
      [["root ::= \"sí\" | \"no\""]] },
    { "guided_decoding_backend", "outlines", '"outlines"' },
    { "guided_decoding_backend", "lm-format-enforcer", '"lm-format-enforcer"' },
    { "guided_whitespace_pattern", "[ ]?", '"[ ]?"' }, { "priority", -1, "-1" },
    { "logits_processors", array {}, "[]" }, { "return_tokens_as_token_ids", true, "true" },
  }

  it("each extra parameter goes as it is given", function()
    for _, case in ipairs(extra) do
      local name, value, wire = case[1], case[2], case[3]
      assert(page.client.chat.completions:create(params { [name] = value }))
      page:expect("POST", URL, REQUEST:format((',"%s":%s'):format(name, (wire:gsub("%%", "%%%%")))))
    end
    local listed = marea.providers.gradientesur.extra_parameters["chat/completions"]
    local tried = {}
    for _, case in ipairs(extra) do tried[case[1]] = true end
    for _, name in ipairs(listed) do assert.is_true(tried[name] or name == "guided_regex", name) end
  end)

  it("guided answers are what they were guided to", function()
    local function said(more)
      more.messages = { { role = "user", content = "¿Sí o no?" } }
      return assert(page.client.chat.completions:create(params(more))).output_text
    end
    assert.equal("no", said { guided_choice = { "quizás", "no" } })
    assert.same({ n = 0 }, marea.json.decode(said { guided_json = user }))
    assert.same({ n = 0 }, marea.json.decode(said { response_format = { type = "json_schema",
      json_schema = { name = "u", schema = user } } }))
  end)

  it("what it gives of probabilities is kept", function()
    local completion = assert(page.client.chat.completions:create(params { messages = { { role = "user",
      content = "a" } }, logprobs = true, prompt_logprobs = 1, return_tokens_as_token_ids = true }))
    assert.equal("token_id:1", completion.choices[1].logprobs.content[1].token)
    assert.equal(marea.null, completion.prompt_logprobs[1])
    assert.equal("script", completion.prompt_logprobs[2]["1"].decoded_token)
  end)

  it("errors have kinds", function()
    pages.fails("authentication", 401, page.client:ask("Hola", nil, { api_key = "wrong" }))
    local err = pages.fails("not_found", 404, page.client:ask("Hola", { model = "Qwen/Nobody" }))
    assert.equal("model", err.param)
    err = pages.fails("bad_request", 400, page.client:ask("Hola", { top_k = "many" }))
    assert.equal("top_k", err.param)
    pages.fails("bad_request", 400, page.client:ask("Hola", { guided_regex = "(" }))
  end)
end)
