-- SPDX-License-Identifier: MIT
-- Wherever a provider puts its reasoning, it is the reasoning of the result and
-- the reasoning events of the stream, once, and never part of the text.

local chat = require("marea.gather.chat")
local json = require("marea.json")
local responses = require("marea.gather.responses")
local result = require("marea.result")

local function decode(text)
  return assert(json.decode(text))
end

-- Each: a name, the message as a whole, the deltas it is streamed as, and the
-- reasoning and the text that must come of either.
local cases = {
  { "reasoning_content", [[{"reasoning_content":"a b","content":"c"}]],
    { [[{"reasoning_content":"a "}]], [[{"reasoning_content":"b"}]], [[{"content":"c"}]] }, "a b", "c" },
  { "reasoning", [[{"reasoning":"a b","content":"c"}]],
    { [[{"reasoning":"a "}]], [[{"reasoning":"b","content":""}]], [[{"content":"c"}]] }, "a b", "c" },
  { "thinking", [[{"thinking":"a","content":"c"}]], { [[{"thinking":"a"}]], [[{"content":"c"}]] }, "a", "c" },
  { "both, the same", [[{"reasoning_content":"ab","reasoning":"ab","content":"c"}]],
    { [[{"reasoning_content":"a","reasoning":"a"}]], [[{"reasoning_content":"b","reasoning":"b"}]],
      [[{"content":"c"}]] }, "ab", "c" },
  { "one of both empty or null", [[{"reasoning_content":"","reasoning":"ab","content":"c"}]],
    { [[{"reasoning_content":"","reasoning":"a"}]], [[{"reasoning_content":null,"reasoning":"b"}]],
      [[{"reasoning_content":null,"reasoning":null,"content":"c"}]] }, "ab", "c" },
  { "reasoning_details beside a field", [[{"reasoning":"ab","content":"c",
      "reasoning_details":[{"type":"reasoning.text","text":"ab","index":0}]}]],
    { [[{"reasoning":"a","reasoning_details":[{"type":"reasoning.text","text":"a","index":0}]}]],
      [[{"reasoning":"b","reasoning_details":[{"type":"reasoning.text","text":"b","index":0}]}]],
      [[{"content":"c"}]] }, "ab", "c" },
  { "reasoning_details alone", [[{"content":"c","reasoning_details":[{"type":"reasoning.summary","summary":"a"},
      {"type":"reasoning.text","text":"b"},{"type":"reasoning.encrypted","data":"xx"}]}]],
    { [[{"reasoning_details":[{"type":"reasoning.summary","summary":"a"}]}]],
      [[{"reasoning_details":[{"type":"reasoning.text","text":"b"}]}]],
      [[{"reasoning_details":[{"type":"reasoning.encrypted","data":"xx"}]}]], [[{"content":"c"}]] }, "ab", "c" },
  { "parts of content", [[{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]},
      {"type":"text","text":"c"}]}]],
    { [[{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a"}]}]}]],
      [[{"content":[{"type":"text","text":"c"}]}]] }, "a", "c" },
  { "parts with a text", [[{"content":[{"type":"reasoning","text":"a"},{"type":"text","text":"c"}]}]],
    { [[{"content":[{"type":"reasoning","text":"a"}]}]], [[{"content":"c"}]] }, "a", "c" },
  { "parts whose thinking is a text", [[{"content":[{"type":"thinking","thinking":"a"},"c"]}]],
    { [[{"content":[{"type":"thinking","thinking":"a"}]}]], [[{"content":["c"]}]] }, "a", "c" },
  { "a field that is an object", [[{"reasoning":{"content":"ab"},"content":"c"}]],
    { [[{"reasoning":{"content":"a"}}]], [[{"reasoning":{"text":"b"}}]], [[{"content":"c"}]] }, "ab", "c" },
  { "a field that is a list", [[{"reasoning_content":[{"type":"text","text":"a"},"b"],"content":"c"}]],
    { [[{"reasoning_content":[{"type":"text","text":"a"}]}]], [[{"reasoning_content":["b"]}]],
      [[{"content":"c"}]] }, "ab", "c" },
  { "a field that says nothing", [[{"reasoning":{"effort":3},"reasoning_content":false,"content":"c"}]],
    { [[{"reasoning":{"effort":3}}]], [[{"reasoning_content":false,"content":"c"}]] }, "", "c" },
  { "before a tool call", [[{"reasoning_content":"a","content":null,
      "tool_calls":[{"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}]],
    { [[{"reasoning_content":"a"}]],
      [[{"tool_calls":[{"index":0,"id":"1","type":"function","function":{"name":"f","arguments":"{}"}}]}]] }, "a", "" },
}

local function chunk(delta, finish)
  return decode(('{"id":"c","choices":[{"index":0,"delta":%s,"finish_reason":%s}]}'):format(delta, finish or "null"))
end

local function told(events)
  local out = { reasoning = {}, text = {} }
  for _, event in ipairs(events) do
    if out[event.type] then table.insert(out[event.type], event.text) end
  end
  return table.concat(out.reasoning), table.concat(out.text)
end

describe("reasoning", function()
  for _, case in ipairs(cases) do
    local name, message, deltas, reasoning, text = case[1], case[2], case[3], case[4], case[5]
    it("in a whole answer: " .. name, function()
      local whole = result.new(decode('{"choices":[{"message":' .. message .. ',"finish_reason":"stop"}]}'))
      assert.equal(reasoning, whole.reasoning_text or "")
      assert.equal(text, whole.output_text)
      assert.equal(json.encode(decode(message), { sort = true }),
        json.encode(whole.choices[1].message, { sort = true }))
    end)

    it("in a stream: " .. name, function()
      local gather, events = chat.new(1), {}
      for _, delta in ipairs(deltas) do gather:add(chunk(delta), events) end
      gather:add(chunk("{}", '"stop"'), events)
      assert.same({ reasoning, text }, { told(events) })
      local whole = result.new(gather:result())
      assert.same({ reasoning, text }, { whole.reasoning_text or "", whole.output_text })
    end)
  end

  it("in parts adds up to the parts of the whole answer", function()
    local deltas = {
      [[{"content":[{"type":"thinking","thinking":[{"type":"text","text":"a "}]}]}]],
      [[{"content":[{"type":"thinking","thinking":[{"type":"text","text":"b"}],"closed":true}]}]],
      [[{"content":"c"}]], [[{"content":" d"}]],
      [[{"content":[{"type":"reference","reference_ids":[1]}]}]],
      [[{"content":[{"type":"reference","reference_ids":[2]},{"type":"text","text":"e"}]}]],
      [[{"content":[{"type":"thinking","thinking":"f"}]}]], [[{"content":[{"type":"thinking","thinking":"g"}]}]],
      [[{"content":" h"}]],
    }
    local gather = chat.new(1)
    for i, delta in ipairs(deltas) do
      gather:add(chunk(delta), {})
      if i % 2 == 0 then gather:result() end      -- a snapshot changes nothing
    end
    gather:add(chunk("{}", '"stop"'), {})
    local whole = result.new(gather:result())
    assert.equal(json.encode(decode([=[[
      {"type":"thinking","thinking":[{"type":"text","text":"a b"}],"closed":true},{"type":"text","text":"c d"},
      {"type":"reference","reference_ids":[1]},{"type":"reference","reference_ids":[2]},{"type":"text","text":"e"},
      {"type":"thinking","thinking":"fg"},{"type":"text","text":" h"}]]=]), { sort = true }),
      json.encode(whole.choices[1].message.content, { sort = true }))
    assert.same({ "a bfg", "c de h" }, { whole.reasoning_text, whole.output_text })
    assert.is_nil(whole.choices[1].message.reasoning_content)
  end)

  it("is nested without bound nowhere", function()
    local nested = { text = "a" }
    for _ = 1, 100 do nested = { content = { nested } } end
    local whole = result.new({ choices = { { message = { reasoning = nested, content = "c" } } } })
    assert.same({ nil, "c" }, { whole.reasoning_text, whole.output_text })
  end)
end)

describe("the blocks of a response", function()
  local ITEM = [[{"id":"rs","type":"reasoning","summary":[],"content":[{"type":"reasoning_text","text":"a b"}]}]]
  local SUMMARY = [[{"id":"rs","type":"reasoning","summary":[{"type":"summary_text","text":"a b"}]}]]
  local MESSAGE = [[{"id":"m","type":"message","role":"assistant","status":"completed",
    "content":[{"type":"output_text","text":"c","annotations":[]}]}]]

  local function whole_of(item)
    return '{"id":"r","object":"response","status":"completed","output":[' .. item .. "," .. MESSAGE .. "]}"
  end

  for name, item in pairs { content = ITEM, summary = SUMMARY } do
    it("hold it in their " .. name .. ", whole", function()
      local whole = result.new(decode(whole_of(item)))
      assert.same({ "a b", "c" }, { whole.reasoning_text, whole.output_text })
    end)

    it("hold it in their " .. name .. ", where a stream is but one event", function()
      local gather, events = responses.new(), {}
      gather:add(decode('{"type":"response.completed","response":' .. whole_of(item) .. "}"), events)
      assert.same({ "a b", "c" }, { told(events) })
    end)
  end

  for _, name in ipairs { "reasoning_text", "reasoning_summary_text" } do
    it("hold it in the pieces of response." .. name, function()
      local gather, events = responses.new(), {}
      for _, piece in ipairs { "a ", "b" } do
        gather:add({ type = "response." .. name .. ".delta", output_index = 0, item_id = "rs", delta = piece }, events)
      end
      gather:add({ type = "response.output_text.delta", output_index = 1, item_id = "m", delta = "c" }, events)
      local item = name == "reasoning_text" and ITEM or SUMMARY
      gather:add(decode('{"type":"response.completed","response":' .. whole_of(item) .. "}"), events)
      assert.same({ "a b", "c" }, { told(events) })
      local whole = result.new(gather:result())
      assert.same({ "a b", "c" }, { whole.reasoning_text, whole.output_text })
    end)
  end
end)
