-- SPDX-License-Identifier: MIT
-- What chunks of chat and text completions add up to, whichever server's
-- habits they follow: the same as the answer without `stream`.

local marea = require("marea")
local gather = require("marea.gather.chat")
local json = require("marea.json")
local result = require("marea.result")
local server = require("spec.support.server")

local null = json.null

local function encode(value)
  return json.encode(value, { sort = true })
end

local function decode(text)
  return assert(json.decode(text))
end

-- Chunks, as JSON texts, to their events and their result.
local function gathered(list, n)
  local g, events = gather.new(n), {}
  for _, text in ipairs(list) do g:add(decode(text), events) end
  g:finish(events)
  return result.new(g:result()), events, g
end

-- A chunk around the JSON of a delta.
local function delta(text, finish, index)
  return ('{"id":"c","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":%d,"delta":%s,'
    .. '"finish_reason":%s}]}'):format(index or 0, text, finish and '"' .. finish .. '"' or "null")
end

local function fragment(text)
  return delta('{"tool_calls":[' .. text .. "]}")
end

local STOP, CALLS = delta("{}", "stop"), delta("{}", "tool_calls")

local function of_kind(events, kind)
  local out = {}
  for _, event in ipairs(events) do
    if event.type == kind then out[#out + 1] = event end
  end
  return out
end

local function call_of(list)
  local whole, events = gathered(list)
  local calls = of_kind(events, "tool_call")
  return calls[1], calls, whole
end

---- the bundled provider -------------------------------------------------------

local WEATHER = { type = "function", ["function"] = { name = "get_weather", description = "Weather of a city",
  parameters = { type = "object", properties = { city = { type = "string" } }, required = { "city" } } } }

-- Ids differ from one call to the next, and that is all.
local function without_ids(value)
  return (encode(value):gsub('"chatcmpl%-%x+"', '"ID"'):gsub('"cmpl%-%x+"', '"ID"'):gsub('"call_%x+"', '"CALL"')
    :gsub('"resp_[%w-]+"', '"ID"'))
end

local function both(endpoint, params)
  local whole = assert(endpoint:create(params))
  params.stream, params.stream_options = true, { include_usage = true }
  local streamed = assert(assert(endpoint:create(params)):result())
  return whole, streamed
end

describe("the result of a stream equals the answer without one", function()
  local function compare(base, params)
    local client = marea.client({ base_url = server.shared().url .. base,
      model = params.model or "bundled-echo", api_key = "sk-tu-key-aqui" })
    local whole, streamed = both(client.chat.completions, params)
    -- the bundled provider says this of a choice only where it does not stream
    for i, choice in ipairs(whole.choices) do
      if choice.logprobs == null then streamed.choices[i].logprobs = null end
    end
    assert.equal(without_ids(whole), without_ids(streamed))
    streamed.id = whole.id
    for i, choice in ipairs(whole.choices) do
      for j, call in ipairs(choice.message.tool_calls or {}) do
        streamed.choices[i].message.tool_calls[j].id = call.id
      end
    end
    assert.same(whole, streamed)
    assert.equal(whole.output_text, streamed.output_text)
    assert.equal(whole.reasoning_text, streamed.reasoning_text)
    assert.same(whole.tool_calls, streamed.tool_calls)
    return whole
  end

  local function user(text, more)
    local params = { messages = { { role = "user", content = text } } }
    for name, value in pairs(more or {}) do params[name] = value end
    return params
  end

  it("for text, in every script of the world", function()
    for _, text in ipairs({ "Hola", "¿Qué tal? 你好 👩‍💻 \"quoted\" \\ back", "a\nb\tc", ("word "):rep(300) }) do
      local whole = compare("/v1", user(text))
      assert.truthy(whole.output_text:find(text:match("^%S+"), 1, true))
    end
  end)

  it("for text cut by max_tokens", function()
    assert.equal("length", compare("/v1", user("Hola", { max_tokens = 3 })).choices[1].finish_reason)
  end)

  it("for a tool call", function()
    local whole = compare("/v1", user("Weather in Madrid?", { tools = { WEATHER } }))
    assert.same({ city = "Madrid" }, whole.tool_calls[1].arguments)
    assert.equal(null, whole.choices[1].message.content)
  end)

  it("for parallel tool calls", function()
    local whole = compare("/v1", user("Weather in Madrid and Oslo and Lima?", { tools = { WEATHER } }))
    assert.equal(3, #whole.tool_calls)
    assert.same({ city = "Lima" }, whole.tool_calls[3].arguments)
  end)

  it("for several choices", function()
    local whole = compare("/v1", user("Hola", { n = 3 }))
    assert.equal(3, #whole.choices)
    assert.equal(2, whole.choices[3].index)
  end)

  it("for several choices of calls", function()
    assert.equal(2, #compare("/v1", user("Weather in Oslo?", { tools = { WEATHER }, n = 2 })).choices)
  end)

  it("for reasoning before text", function()
    local whole = compare("/nan/v1", user("Hola", { model = "qwen3.6" }))
    assert.truthy(whole.reasoning_text:find("script", 1, true))
  end)

  it("for reasoning before a call", function()
    local whole = compare("/nan/v1", user("Weather in Oslo?", { model = "qwen3.6", tools = { WEATHER } }))
    assert.truthy(whole.reasoning_text)
    assert.equal(1, #whole.tool_calls)
  end)

  it("for a schema", function()
    compare("/v1", user("Ana is 3", { response_format = { type = "json_schema", json_schema = { name = "x",
      schema = { type = "object", properties = { name = { type = "string" } } } } } }))
  end)

  it("for text completions, of one prompt", function()
    local client = marea.client({ base_url = server.shared().base_url, model = "bundled-echo" })
    local whole, streamed = both(client.completions, { prompt = "Once" })
    assert.equal(without_ids(whole), without_ids(streamed))
    assert.equal(whole.output_text, streamed.output_text)
    assert.truthy(streamed.output_text:find("Once", 1, true))
  end)
end)

describe("text completions", function()
  it("keep the choices of several prompts apart in a stream", function()
    local function text(index, piece, finish)
      return ('{"id":"c","object":"text_completion","choices":[{"text":"%s","index":%d,"finish_reason":%s}]}')
        :format(piece, index, finish or "null")
    end
    local f = server.shared():script({ { { sse = { text(0, "a"), text(1, "x"), text(0, "b"), text(1, "y"),
      text(0, "", '"stop"'), text(1, "", '"stop"'), "[DONE]" } } } })
    local client = marea.client({ base_url = f.base_url, model = "m" })
    local whole = assert(client.completions:create({ prompt = { "p", "q" }, stream = true })):result()
    assert.equal("ab", whole.choices[1].text)
    assert.equal("xy", whole.choices[2].text)
    assert.equal("text_completion", whole.object)
  end)
end)

---- chunks ---------------------------------------------------------------------

describe("the chunks of a chat", function()
  it("may begin with a role and end with usage and no choices", function()
    local whole, events = gathered({ delta('{"role":"assistant","content":""}'), delta('{"content":"Hi"}'), STOP,
      '{"id":"c","choices":[],"usage":{"total_tokens":3}}' })
    assert.equal("Hi", whole.output_text)
    assert.same({ total_tokens = 3 }, whole.usage)
    assert.equal("usage", events[#events].type)
    assert.equal(1, #of_kind(events, "text"))
  end)

  it("have no usage until it comes", function()
    assert.is_nil(gathered({ delta('{"content":"Hi"}'), STOP }).usage)
  end)

  it("may lack choices, or a delta, or have null for them", function()
    for _, odd in ipairs({ '{"id":"c"}', '{"id":"c","choices":null}', '{"choices":[null]}', '{"choices":[{}]}',
        '{"choices":[{"index":0,"delta":null}]}', '{"choices":[{"index":0,"content_filter_results":{}}]}',
        '{"id":"","model":"","object":"","choices":[],"prompt_filter_results":[{"prompt_index":0}]}', "{}", "[]" }) do
      local whole, events = gathered({ odd, delta('{"content":"Hi"}'), odd, STOP })
      assert.equal("Hi", whole.output_text, odd)
      assert.equal("m", whole.model)
      assert.equal("chat.completion", whole.object)
      assert.equal(1, #of_kind(events, "finish"))
    end
  end)

  it("take id, created and model from the first chunk that says them, and sum nothing", function()
    local whole = gathered({ '{"id":"","model":null,"created":1,"n_tokens":5,"choices":[]}',
      '{"id":"first","model":"m1","created":2,"n_tokens":7,"choices":[{"index":0,"delta":{"content":"a"}}]}',
      '{"id":"second","model":"m2","created":3,"n_tokens":8,"choices":[{"delta":{},"finish_reason":"stop"}]}' })
    assert.same({ "first", "m1", 1, 8 }, { whole.id, whole.model, whole.created, whole.n_tokens })
  end)

  it("keep fields that nobody has heard of: of the chunk, the choice and the delta", function()
    local whole = gathered({
      '{"citations":["u"],"service_tier":"x","choices":[{"zz":[],"delta":{"content":"a","extra":{"k":[]}}}]}',
      STOP })
    assert.equal('["u"]', encode(whole.citations))
    assert.equal("x", whole.service_tier)
    assert.equal("[]", encode(whole.choices[1].zz))
    assert.equal('{"k":[]}', encode(whole.choices[1].message.extra))
  end)

  it("may say content as null, \"\", nothing or a list of parts", function()
    local whole, events = gathered({ delta('{"content":null}'), delta('{"content":""}'), delta("{}"),
      delta('{"content":" "}'),
      delta('{"content":[{"type":"thinking","thinking":[{"type":"text","text":"hm"}]},{"type":"text","text":"a"}]}'),
      delta('{"content":["b"]}'), STOP })
    assert.equal(" ab", whole.output_text)
    assert.equal("hm", whole.reasoning_text)
    assert.equal(3, #of_kind(events, "text"))
    assert.equal("hm", of_kind(events, "reasoning")[1].text)
  end)

  it("may say the role as \"\", null, or in each of them", function()
    for _, role in ipairs({ '""', "null", '"assistant"' }) do
      local piece = delta('{"role":' .. role .. ',"content":"x"}')
      local whole = gathered({ piece, piece, STOP })
      assert.equal("assistant", whole.choices[1].message.role)
      assert.equal("xx", whole.output_text)
    end
  end)

  it("may number the one choice as they like", function()
    local whole = gathered({ delta('{"content":"a"}', nil, 197), delta('{"content":"b"}', nil, 198),
      '{"choices":[{"delta":{"content":"c"}}]}', delta("{}", "stop", 199) })
    assert.equal("abc", whole.output_text)
    assert.equal(1, #whole.choices)
    assert.equal(0, whole.choices[1].index)
  end)

  it("of several choices may come in any order, each with its own end", function()
    local whole, events = gathered({ delta('{"content":"x"}', nil, 1), delta('{"content":"a"}'),
      delta('{"content":"y"}', "length", 1), delta('{"content":"b"}', "stop") }, 2)
    assert.same({ "ab", "xy" }, { whole.choices[1].message.content, whole.choices[2].message.content })
    assert.same({ "stop", "length" }, { whole.choices[1].finish_reason, whole.choices[2].finish_reason })
    assert.same({ 1, 0 }, { of_kind(events, "finish")[1].index, of_kind(events, "finish")[2].index })
    assert.equal("ab", whole.output_text)
  end)

  it("are no trouble where n is null", function()
    assert.equal("a", gathered({ delta('{"content":"a"}'), STOP }, null).output_text)
  end)

  it("may say usage in each of them, cumulative, before or after the end, or twice: the last counts", function()
    local function with_usage(text, n)
      return (text:gsub("}$", ',"usage":' .. (n and '{"total_tokens":' .. n .. "}" or "null") .. "}"))
    end
    local whole, events = gathered({ with_usage(delta('{"content":"a"}'), 1), with_usage(delta('{"content":"b"}'), 2),
      with_usage(STOP, 2), with_usage('{"choices":[]}', 3), with_usage('{"choices":[]}', nil) })
    assert.equal(3, whole.usage.total_tokens)
    local said = {}
    for i, event in ipairs(of_kind(events, "usage")) do said[i] = event.usage.total_tokens end
    assert.same({ 1, 2, 3 }, said)
  end)

  it("append logprobs", function()
    local function probs(token)
      return '{"choices":[{"index":0,"delta":{"content":"' .. token .. '"},"logprobs":{"content":[{"token":"'
        .. token .. '"}],"refusal":null,"meta":{"k":1}}}]}'
    end
    local whole = gathered({ probs("a"), probs("b"), STOP })
    assert.equal('{"content":[{"token":"a"},{"token":"b"}],"meta":{"k":1},"refusal":null}',
      encode(whole.choices[1].logprobs))
  end)

  it("have logprobs of any shape, and still a result that is JSON", function()
    local shapes = { '{"a":{"k":1}}', '{"a":[1]}', "[1]", '{"a":2}', "null", "3" }
    for _, first in ipairs(shapes) do
      for _, second in ipairs(shapes) do
        local function chunk(logprobs) return '{"choices":[{"delta":{},"logprobs":' .. logprobs .. "}]}" end
        local whole = gathered({ chunk(first), chunk(second), STOP })
        assert.is_true(pcall(encode, whole), first .. ", " .. second)
      end
    end
  end)

  it("append annotations, join sound, and keep a refusal", function()
    local whole, events = gathered({
      delta('{"annotations":[{"u":1}],"audio":{"id":"a","data":"QQ","transcript":"He"}}'),
      delta('{"annotations":[{"u":2}],"audio":{"data":"==","transcript":"llo","expires_at":5}}'),
      delta('{"refusal":"I "}'), delta('{"refusal":"can\'t"}'), STOP })
    local message = whole.choices[1].message
    assert.equal('[{"u":1},{"u":2}]', encode(message.annotations))
    assert.equal('{"data":"QQ==","expires_at":5,"id":"a","transcript":"Hello"}', encode(message.audio))
    assert.equal("I can't", message.refusal)
    assert.equal("can't", of_kind(events, "refusal")[2].text)
    assert.equal(null, message.content)
  end)

  it("may be followed by the whole message, of which nothing is said or kept twice", function()
    local message = '{"role":"assistant","content":null,"refusal":"I can\'t","reasoning":"hmm","annotations":[{"u":1}],'
      .. '"audio":{"id":"a","data":"QQ==","transcript":"Hello"},"images":[{"i":1}],"reasoning_details":'
      .. '[{"type":"reasoning.text","index":0,"text":"hmm"}],"function_call":{"name":"f","arguments":"{}"}}'
    local deltas = { delta('{"reasoning":"hm","reasoning_details":[{"type":"reasoning.text","index":0,"text":"hm"}]}'),
      delta('{"reasoning":"m","reasoning_details":[{"type":"reasoning.text","index":0,"text":"m"}]}'),
      delta('{"audio":{"id":"a","data":"QQ","transcript":"He"},"annotations":[{"u":1}]}'),
      delta('{"audio":{"data":"==","transcript":"llo"},"function_call":{"name":"f","arguments":"{"}}'),
      delta('{"refusal":"I "}'), delta('{"refusal":"can\'t","function_call":{"arguments":"}"}}') }
    local _, before = gathered(deltas)
    deltas[#deltas + 1] = '{"object":"chat.completion","choices":[{"index":0,"message":' .. message
      .. ',"finish_reason":"stop"}]}'
    local whole, events = gathered(deltas)
    assert.equal(encode(decode(message)), encode(whole.choices[1].message))
    assert.equal(#before, #events)
  end)

  it("are followed by no whole where the message is another text", function()
    local whole = gathered({ delta('{"content":"Hel"}'), '{"choices":[{"index":0,"message":{"content":"lo"}}]}',
      '{"choices":[{"index":0,"message":{"content":"Hello"},"finish_reason":"stop"}]}' })
    assert.equal("HelloHello", whole.output_text)
  end)

  it("may stop at once: an empty answer is a success", function()
    local whole, events, g = gathered({ delta('{"role":"assistant","content":""}', "stop") })
    assert.equal("", whole.output_text)
    assert.equal("", whole.choices[1].message.content)
    assert.same({ "finish" }, { events[1].type })
    assert.is_true(g:is_finished())
  end)

  it("say their kind of end in many words, and the one that was said is kept", function()
    for raw, reason in pairs({ stop = "stop", eos = "stop", end_turn = "stop", STOP = "stop", length = "length",
        max_tokens = "length", MAX_TOKENS = "length", tool_calls = "tool_calls", function_call = "tool_calls",
        content_filter = "content_filter", abort = "cancelled", weird = "weird" }) do
      local whole, events = gathered({ delta('{"content":"a"}', raw) })
      assert.same({ type = "finish", reason = reason, raw_reason = raw, index = 0 }, of_kind(events, "finish")[1])
      assert.equal(raw, whole.choices[1].finish_reason)
    end
  end)

  it("end once, though several of them say it; \"\" on the way is none", function()
    local _, events = gathered({ delta('{"content":"a"}', ""), delta("{}", "stop"), delta("{}", "stop") })
    assert.equal(1, #of_kind(events, "finish"))
    assert.equal(2, #events)
  end)

  it("never said why they end: inferred from what came", function()
    local _, events = gathered({ delta('{"content":"a"}') })
    assert.equal("stop", events[#events].reason)
    assert.equal(null, events[#events].raw_reason)
    local whole, of_calls = gathered({ fragment('{"index":0,"id":"c","function":{"name":"f","arguments":"{}"}}') })
    assert.equal("tool_calls", of_calls[#of_calls].reason)
    assert.equal("tool_calls", whole.choices[1].finish_reason)
  end)
end)

---- reasoning ------------------------------------------------------------------

describe("reasoning in a stream", function()
  for _, key in ipairs({ "reasoning_content", "reasoning", "thinking" }) do
    it("is taken from " .. key .. ", and kept under that name", function()
      local whole, events = gathered({ delta('{"' .. key .. '":"a"}'), delta('{"' .. key .. '":"b"}'),
        delta('{"content":"c"}'), STOP })
      assert.equal("ab", whole.reasoning_text)
      assert.equal("ab", whole.choices[1].message[key])
      assert.equal("c", whole.output_text)
      assert.same({ type = "reasoning", text = "b", index = 0 }, events[2])
    end)
  end

  it("said in two fields at once is told once, and both are kept", function()
    local whole, events = gathered({ delta('{"reasoning":"a","reasoning_content":"a"}'),
      delta('{"reasoning":"b","reasoning_content":"b"}'), STOP })
    assert.equal(2, #of_kind(events, "reasoning"))
    assert.equal("ab", whole.reasoning_text)
    assert.equal("ab", whole.choices[1].message.reasoning)
  end)

  it("may come as details, whose pieces join by index", function()
    local function details(text, more)
      return delta('{"reasoning":"' .. text .. '","reasoning_details":[{"type":"reasoning.text","index":0,"text":"'
        .. text .. '"' .. (more or "") .. "}]}")
    end
    local whole, events = gathered({ details("a"), details("b", ',"signature":"s"'), STOP })
    assert.equal('[{"index":0,"signature":"s","text":"ab","type":"reasoning.text"}]',
      encode(whole.choices[1].message.reasoning_details))
    assert.equal(2, #of_kind(events, "reasoning"))
    local alone = gathered({ delta('{"reasoning_details":[{"type":"reasoning.text","index":0,"text":"z"}]}'), STOP })
    assert.equal("z", alone.reasoning_text)
  end)

  it("that is null, \"\" or no string is no trouble", function()
    for _, value in ipairs({ "null", '""', "{}", "[]", "3", "false" }) do
      local whole, events = gathered({ delta('{"reasoning_content":' .. value .. ',"content":"a"}'), STOP })
      assert.equal("a", whole.output_text)
      assert.equal(0, #of_kind(events, "reasoning"))
    end
  end)

  it("is none of the text", function()
    local whole = gathered({ delta('{"reasoning_content":"a","content":"b"}'), STOP })
    assert.equal("b", whole.output_text)
    assert.equal("a", whole.reasoning_text)
  end)
end)

---- tool calls -----------------------------------------------------------------

describe("tool calls in a stream", function()
  it("come whole from fragments of one character, escapes and all", function()
    local arguments = '{"q":"a\\"b\\\\\\u00e9\\n","n":[1,2]}'
    local list = { fragment('{"index":0,"id":"c1","type":"function","function":{"name":"f","arguments":""}}') }
    for i = 1, #arguments do
      list[#list + 1] = fragment('{"index":0,"function":{"arguments":' .. encode(arguments:sub(i, i)) .. "}}")
    end
    list[#list + 1] = CALLS
    local call, calls, whole = call_of(list)
    assert.equal(1, #calls)
    assert.equal(arguments, call.arguments_json)
    assert.same({ q = 'a"b\\é\n', n = { 1, 2 } }, call.arguments)
    assert.equal(arguments, whole.choices[1].message.tool_calls[1]["function"].arguments)
    assert.same({ { id = "c1", name = "f", arguments = call.arguments, arguments_json = arguments } }, whole.tool_calls)
  end)

  it("are told piece by piece, then whole, then the end", function()
    local _, events = gathered({ fragment('{"index":0,"id":"c","function":{"name":"f","arguments":"{"}}'),
      fragment('{"index":0,"function":{"arguments":"}"}}'), CALLS })
    assert.same({
      { type = "tool_call.delta", index = 0, choice = 0, id = "c", name = "f", arguments_json = "{" },
      { type = "tool_call.delta", index = 0, choice = 0, id = "c", name = "f", arguments_json = "}" },
      { type = "tool_call", index = 0, choice = 0, id = "c", name = "f", arguments = {}, arguments_json = "{}" },
      { type = "finish", reason = "tool_calls", raw_reason = "tool_calls", index = 0 } }, events)
  end)

  local function ids(list)
    local _, calls = call_of(list)
    local out = {}
    for i, call in ipairs(calls) do out[i] = (call.id or "?") .. " " .. (call.name or "?") .. call.arguments_json end
    return out
  end

  it("without an index go by their id, and by the latest where there is none", function()
    assert.same({ 'a f{"x":1}', "b g{}" }, ids({ fragment('{"id":"a","function":{"name":"f","arguments":"{\\"x\\""}}'),
      fragment('{"function":{"arguments":":1}"}}'), fragment('{"id":"b","function":{"name":"g","arguments":"{}"}}'),
      CALLS }))
    assert.same({ "a f{}", "b g{}" }, ids({
      fragment('{"id":"a","function":{"name":"f","arguments":"{"}},{"id":"b","function":{"name":"g","arguments":"{"}}'),
      fragment('{"id":"b","function":{"arguments":"}"}},{"id":"a","function":{"arguments":"}"}}'), CALLS }))
  end)

  it("of one index with two ids are two", function()
    assert.same({ "a f{}", "b g{}" }, ids({ fragment('{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}'),
      fragment('{"index":0,"id":"b","function":{"name":"g","arguments":"{"}}'),
      fragment('{"index":0,"id":"b","function":{"arguments":"}"}}'), CALLS }))
    assert.same({ "a f{}", "b g{}" }, ids({ fragment('{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}'),
      fragment('{"index":0,"id":"b","function":{"name":"g","arguments":"{"}}'),
      fragment('{"index":0,"function":{"arguments":"}"}}'), CALLS }))
  end)

  it("interleaved by index are kept apart, in order", function()
    assert.same({ "a f{1}", "b g{2}" }, ids({
      fragment('{"index":0,"id":"a","function":{"name":"f"}},{"index":1,"id":"b","function":{"name":"g"}}'),
      fragment('{"index":1,"function":{"arguments":"{2"}}'), fragment('{"index":0,"function":{"arguments":"{1"}}'),
      fragment('{"index":1,"function":{"arguments":"}"}}'), fragment('{"index":0,"function":{"arguments":"}"}}'),
      CALLS }))
  end)

  it("with a huge, negative or odd index cost nothing", function()
    for _, index in ipairs({ "1000000000", "-1", "1.5", '"0"', "null", "1e300" }) do
      assert.same({ "a f{}" }, ids({ fragment('{"index":' .. index .. ',"id":"a","function":{"name":"f"}}'),
        fragment('{"index":' .. index .. ',"function":{"arguments":"{}"}}'), CALLS }))
    end
  end)

  it("may repeat id and name in each fragment", function()
    local piece = '{"index":0,"id":"a","function":{"name":"add","arguments":"%s"}}'
    assert.same({ "a add{}" }, ids({ fragment(piece:format("{")), fragment(piece:format("}")), CALLS }))
  end)

  it("may say their name in pieces, or after some arguments", function()
    assert.same({ "a get_weather{}" }, ids({ fragment('{"index":0,"id":"a","function":{"name":"get_"}}'),
      fragment('{"index":0,"function":{"name":"weather","arguments":"{}"}}'), CALLS }))
    assert.same({ "a f{}" }, ids({ fragment('{"index":0,"id":"a","function":{"arguments":"{"}}'),
      fragment('{"index":0,"function":{"name":"f","arguments":"}"}}'), CALLS }))
  end)

  it("may say their name again, longer", function()
    assert.same({ "a web_search{}" }, ids({ fragment('{"index":0,"id":"a","function":{"name":"web"}}'),
      fragment('{"index":0,"function":{"name":"web_search","arguments":"{}"}}'), CALLS }))
  end)

  it("without an id get one, each its own, the same in event, result and message", function()
    for _, id in ipairs({ "", '"id":"",', '"id":null,' }) do
      local first, calls, whole = call_of({
        fragment("{" .. id .. '"index":0,"function":{"name":"f","arguments":"{}"}}'),
        fragment("{" .. id .. '"index":1,"function":{"name":"g","arguments":"{}"}}'), CALLS })
      assert.equal(2, #calls)
      assert.truthy(first.id:find("^call_%x+$"))
      assert.not_equal(first.id, calls[2].id)
      assert.equal(first.id, whole.tool_calls[1].id)
      assert.equal(calls[2].id, whole.choices[1].message.tool_calls[2].id)
    end
  end)

  it("keep an id that is a number as its digits", function()
    assert.equal("17", call_of({ fragment('{"index":0,"id":17,"function":{"name":"f"}}'), CALLS }).id)
  end)

  it("have {} for arguments that are \"\", null or absent", function()
    for _, text in ipairs({ "", ',"arguments":""', ',"arguments":null' }) do
      local call, _, whole = call_of({ fragment('{"index":0,"id":"a","function":{"name":"f"' .. text .. "}}"), CALLS })
      assert.equal("{}", call.arguments_json)
      assert.same({}, call.arguments)
      assert.equal("{}", whole.choices[1].message.tool_calls[1]["function"].arguments)
    end
  end)

  it("may have an object for arguments", function()
    local call, _, whole = call_of({ fragment('{"index":0,"id":"a","function":{"name":"f","arguments":{"x":[]}}}'),
      CALLS })
    assert.equal('{"x":[]}', call.arguments_json)
    assert.equal('{"x":[]}', whole.choices[1].message.tool_calls[1]["function"].arguments)
  end)

  it("may send their arguments whole in the first chunk, or whole again in the last", function()
    local whole = '{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\":1}"}}'
    assert.same({ 'a f{"x":1}' }, ids({ fragment(whole), CALLS }))
    assert.same({ 'a f{"x":1}' }, ids({ fragment(whole), fragment(whole), CALLS }))
    assert.same({ 'a f{"x":1}' }, ids({ fragment('{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\""}}'),
      fragment('{"index":0,"function":{"arguments":":1}"}}'), fragment(whole), CALLS }))
  end)

  it("have no arguments but their text where that does not parse", function()
    local call = call_of({ fragment('{"index":0,"id":"a","function":{"name":"f","arguments":"{\\"x\\":"}}'),
      delta("{}", "length") })
    assert.is_nil(call.arguments)
    assert.equal('{"x":', call.arguments_json)
  end)

  it("are of type function, though none, \"\" or null was said", function()
    for _, kind in ipairs({ "", '"type":"",', '"type":null,' }) do
      local _, _, whole = call_of({ fragment("{" .. kind .. '"index":0,"id":"a","function":{"name":"f"}}'), CALLS })
      assert.equal("function", whole.choices[1].message.tool_calls[1].type)
    end
  end)

  it("come with text in the same delta: text first", function()
    local whole, events = gathered({
      delta('{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}],"content":"I look."}'),
      CALLS })
    assert.same({ "text", "tool_call.delta", "tool_call", "finish" },
      { events[1].type, events[2].type, events[3].type, events[4].type })
    assert.equal("I look.", whole.output_text)
    assert.equal(1, #whole.tool_calls)
  end)

  it("mean tool_calls though the reason says stop", function()
    local whole, events = gathered({ fragment('{"index":0,"id":"a","function":{"name":"f"}}'), STOP })
    assert.same({ type = "finish", reason = "tool_calls", raw_reason = "stop", index = 0 }, events[#events])
    assert.equal("stop", whole.choices[1].finish_reason)
  end)

  it("keep what a provider adds, also where it comes alone", function()
    local signature = '"extra_content":{"google":{"thought_signature":"s"}}'
    for _, list in ipairs({
        { fragment('{"index":0,"id":"a","function":{"name":"f"},' .. signature .. "}"), CALLS },
        { fragment('{"index":0,"id":"a","function":{"name":"f"}}'),
          fragment('{"index":0,' .. signature .. "}"), CALLS } }) do
      local whole = gathered(list)
      assert.equal("s", whole.choices[1].message.tool_calls[1].extra_content.google.thought_signature)
    end
  end)

  it("that are [] stay [] in the result, and are none", function()
    local whole, events = gathered({ delta('{"content":"a","tool_calls":[]}'), STOP })
    assert.equal("[]", encode(whole.choices[1].message.tool_calls))
    assert.same({}, whole.tool_calls)
    assert.equal("stop", events[#events].reason)
  end)

  it("that were never mentioned are not in the result", function()
    assert.is_nil(gathered({ delta('{"content":"a"}'), STOP }).choices[1].message.tool_calls)
  end)

  it("in the form before tool calls join too", function()
    local whole = gathered({ delta('{"function_call":{"name":"f","arguments":"{"}}'),
      delta('{"function_call":{"arguments":"}"}}'), delta("{}", "function_call") })
    assert.same({ name = "f", arguments = "{}" }, whole.choices[1].message.function_call)
  end)

  it("go back to the server as they came", function()
    local f = server.shared():script({ { { sse = { fragment('{"index":0,"id":"a","function":{"name":"f",'
      .. '"arguments":"{}"},"x":[]}'), CALLS, "[DONE]" } } }, { { status = 200, body = '{"choices":[]}' } } })
    local client = marea.client({ base_url = f.base_url, model = "m" })
    local first = assert(client:ask("x", { stream = true })):result()
    assert(client.chat.completions:create({ messages = { first.choices[1].message } }))
    assert.equal('{"messages":[{"content":null,"role":"assistant","tool_calls":[{"function":{"arguments":"{}",'
      .. '"name":"f"},"id":"a","type":"function","x":[]}]}],"model":"m"}', encode(decode(f.requests()[2].body)))
  end)
end)

describe("chunks that try to do harm", function()
  it("are taken without an error, whatever their types", function()
    local values = { "null", "true", "3", '"s"', "[]", "{}", "[null]", '[{"a":[]}]', '{"a":{"b":null}}', "-1.5" }
    local places = { '{"choices":%s}', '{"id":%s,"choices":[{"delta":{}}]}', '{"choices":[%s]}',
      '{"choices":[{"delta":%s}]}', '{"choices":[{"index":%s,"delta":{"content":"a"}}]}',
      '{"choices":[{"delta":{"content":%s}}]}', '{"choices":[{"delta":{"role":%s}}]}',
      '{"choices":[{"delta":{"tool_calls":%s}}]}', '{"choices":[{"delta":{"tool_calls":[%s]}}]}',
      '{"choices":[{"delta":{"tool_calls":[{"function":%s}]}}]}',
      '{"choices":[{"delta":{"tool_calls":[{"id":%s,"function":{"name":%s,"arguments":%s}}]}}]}',
      '{"choices":[{"delta":{"reasoning":%s}}]}', '{"choices":[{"delta":{"reasoning_details":%s}}]}',
      '{"choices":[{"delta":{"refusal":%s,"annotations":%s,"audio":%s,"function_call":%s}}]}',
      '{"choices":[{"finish_reason":%s,"logprobs":%s,"delta":{}}]}', '{"usage":%s,"choices":[]}',
      '{"choices":[{"text":%s}]}', '{"choices":[{"message":%s}]}' }
    for _, place in ipairs(places) do
      for _, value in ipairs(values) do
        local text = place:gsub("%%s", (value:gsub("%%", "%%%%")))
        local whole = gathered({ text, text, STOP }, 2)
        assert.is_string(tostring(whole), text)
        assert.is_true(pcall(encode, whole), text)
        assert.is_table(whole.tool_calls, text)
        assert.is_true(whole.reasoning_text == nil or type(whole.reasoning_text) == "string", text)
      end
    end
  end)
end)
