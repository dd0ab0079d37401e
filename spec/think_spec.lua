-- SPDX-License-Identifier: MIT
-- Reasoning between tags: told apart wherever the text is cut, in a stream as
-- in a whole answer, for the providers whose presets say so and no others.

local marea = require("marea")
local json = require("marea.json")
local server = require("spec.support.server")
local think = require("marea.think")

local TAGS = { "think", "thought", "mm:think" }
local OPENED = { "think", opened = true }
local HI = { { role = "user", content = "Hi" } }

-- What a text gives in pieces: text and reasoning, "" for none.
local function pieced(pieces, tags)
  local splitter, text, reasoning = think.new(tags), {}, {}
  local function take(t, r)
    assert.is_not_equal("", t)
    assert.is_not_equal("", r)
    text[#text + 1], reasoning[#reasoning + 1] = t, r
  end
  for _, piece in ipairs(pieces) do take(splitter:add(piece)) end
  take(splitter:finish())
  return table.concat(text), table.concat(reasoning)
end

local function bytes(s)
  local out = {}
  for i = 1, #s do out[i] = s:sub(i, i) end
  return out
end

local cases = {
  { "none", "Hola", "Hola", "" },
  { "nothing at all", "", "", "" },
  { "both tags", "<think>plan</think>Hola", "Hola", "plan" },
  { "line breaks around the tags", "<think>\nplan\nb\n</think>\n\nHola\n", "Hola\n", "plan\nb" },
  { "CRLF around the tags", "<think>\r\nplan\r\n</think>\r\n\r\nHola", "Hola", "plan" },
  { "blanks before", " \n<think>plan</think>Hola", "Hola", "plan" },
  { "blanks before no tag", "\n\n  Hola", "\n\n  Hola", "" },
  { "spaces that belong to the answer", "<think>plan</think>\n    code", "    code", "plan" },
  { "empty reasoning", "<think>\n\n</think>\n\nHola", "Hola", "" },
  { "reasoning alone", "<think>plan</think>", "", "plan" },
  { "reasoning cut short", "<think>plan so f", "", "plan so f" },
  { "reasoning cut within the closing tag", "<think>plan\n</thi", "", "plan\n</thi" },
  { "a beginning of a tag and no more", "<thi", "<thi", "" },
  { "an opening tag alone", "<think>", "", "" },
  { "what only looks like a tag", "<thinking>no</thinking>", "<thinking>no</thinking>", "" },
  { "another letter case", "<Think>no</Think>", "<Think>no</Think>", "" },
  { "<thought>", "<thought>plan</thought>Hola", "Hola", "plan" },
  { "<mm:think>", "<mm:think>plan</mm:think>Hola", "Hola", "plan" },
  { "another tag's end within", "<mm:think>a</think>b</mm:think>Hola", "Hola", "a</think>b" },
  { "false starts of the end", "<think>a</b</th</thin</think>Hola", "Hola", "a</b</th</thin" },
  { "an opening tag within", "<think>a <think> b</think>Hola", "Hola", "a <think> b" },
  { "the closing tag quoted in the answer", "<think>plan</think>Write `</think>` at the end.",
    "Write `</think>` at the end.", "plan" },
  { "both tags quoted in the answer", "<think>p</think>As in <think>x</think>.", "As in <think>x</think>.", "p" },
  { "tags in an answer without reasoning", "Use <think>x</think> and </think>.", "Use <think>x</think> and </think>.",
    "" },
  { "several bytes a character", "<think>¿qué? 你</think>👩‍💻", "👩‍💻", "¿qué? 你" },
  { "many blanks before a tag", (" "):rep(300) .. "<think>a</think>", (" "):rep(300) .. "<think>a</think>", "" },
  { "many line breaks within", "<think>a" .. ("\n"):rep(200) .. "b</think>c", "c", "a" .. ("\n"):rep(200) .. "b" },
  { "no opening tag, where the server leaves it out", "plan\n</think>\n\nHola", "Hola", "plan", OPENED },
  { "an opening tag where most leave it out", "<think>plan</think>Hola", "Hola", "plan", OPENED },
  { "no tag where most leave the first out", "plan so far", "", "plan so far", OPENED },
  { "half a tag where most leave the first out", "<th", "", "<th", OPENED },
}

describe("reasoning between tags", function()
  for _, case in ipairs(cases) do
    local name, content, text, reasoning, tags = case[1], case[2], case[3], case[4], case[5] or TAGS
    it("with " .. name .. " is the same however the text is cut", function()
      assert.same({ text, reasoning }, { pieced({ content }, tags) })
      assert.same({ text, reasoning }, { pieced(bytes(content), tags) })
      for i = 0, math.min(#content, 80) do
        assert.same({ text, reasoning }, { pieced({ content:sub(1, i), "", content:sub(i + 1) }, tags) }, "at " .. i)
      end
      local whole_text, whole_reasoning = think.split(content, tags)
      assert.same({ text, reasoning ~= "" and reasoning or nil }, { whole_text, whole_reasoning })
    end)
  end

  it("is told as it comes, but for what may be a tag", function()
    local splitter = think.new(TAGS)
    local steps = { { "<thi", nil, nil }, { "nk>", nil, nil }, { "\n", nil, nil }, { "one ", nil, "one " },
      { "two\n", nil, "two" }, { "three <", nil, "\nthree " }, { "b\n</thi", nil, "<b" }, { "nk>\n", nil, nil },
      { "\nHo", "Ho", nil }, { "la\n", "la\n", nil }, { "</think>", "</think>", nil } }
    for i, step in ipairs(steps) do
      assert.same({ step[2], step[3] }, { splitter:add(step[1]) }, "step " .. i)
      assert.equal(i > 8, splitter.settled)
    end
  end)

  it("takes time in proportion to the text", function()
    local splitter, n = think.new(TAGS), 0
    splitter:add("<think>a")
    for _ = 1, 20000 do
      splitter:add("\n")
      n = math.max(n, #splitter.held)
    end
    assert.is_true(n <= 65, n)
  end)

  it("without its first tag is known in a whole text, where the other has a line of its own", function()
    for content, expected in pairs {
      ["plan\nb\n</think>\n\nHola"] = { "Hola", "plan\nb" },
      ["plan\r\n</mm:think>\r\nHola"] = { "Hola", "plan" },
      ["plan\n</think>"] = { "", "plan" },
      ["</think>\nHola"] = { "Hola", nil },
      ["write\n`</think>`\nthere"] = { "write\n`</think>`\nthere", nil },
      ["close it by </think>\nthere"] = { "close it by </think>\nthere", nil },
      ["like\n<think>\nx\n</think>\nso"] = { "like\n<think>\nx\n</think>\nso", nil },
    } do
      assert.same(expected, { think.split(content, TAGS) })
    end
  end)
end)

---- calls --------------------------------------------------------------------------

local CONTENT = "<think>\nTwo and two.\n</think>\n\nFour, not `</think>`."
local TEXT, REASONING = "Four, not `</think>`.", "Two and two."

local function preset(more)
  local fields = { extends = "nanogpt", limits = false }
  for name, value in pairs(more or {}) do fields[name] = value end
  return marea.provider(fields)
end

local function client_of(f, provider)
  provider = provider or preset()
  return marea.client { provider = provider, base_url = f.base_url, api_key = "sk-test-key", max_retries = 0 }
end

local function completion(message)
  return json.encode { id = "c", object = "chat.completion", created = 1, model = "m",
    choices = json.array { { index = 0, message = message, finish_reason = "stop" } } }
end

local function whole(message, provider, model)
  local f = server.shared():script({ { { status = 200, body = completion(message) } } }, { repeat_last = true })
  return assert(client_of(f, provider).chat.completions:create { messages = HI, model = model or "m" })
end

local function stream_of(pieces, provider, model, n)
  local chunks = {}
  for i, piece in ipairs(pieces) do
    chunks[i] = type(piece) == "table" and server.chunk_json(piece) or server.chunk_json { content = piece }
  end
  chunks[#chunks + 1] = n == 0 and nil or server.chunk_json { finish = "stop" }
  local f = server.shared():script({ { { status = 200, headers = { ["content-type"] = "text/event-stream" },
    body = server.sse(chunks) } } }, { repeat_last = true })
  return assert(client_of(f, provider).chat.completions:create { messages = HI, model = model or "m", stream = true })
end

local function told(stream)
  local text, reasoning, kinds = {}, {}, {}
  for event in stream:events() do
    if event.type == "text" then text[#text + 1] = event.text end
    if event.type == "reasoning" then reasoning[#reasoning + 1] = event.text end
    if kinds[#kinds] ~= event.type then kinds[#kinds + 1] = event.type end
  end
  return table.concat(text), table.concat(reasoning), table.concat(kinds, " ")
end

describe("an answer of a provider whose preset names tags", function()
  it("has its text and its reasoning apart, and its wire fields as they came", function()
    local result = whole { role = "assistant", content = CONTENT }
    assert.same({ TEXT, REASONING, CONTENT }, { result.output_text, result.reasoning_text,
      result.choices[1].message.content })
    assert.equal(TEXT, tostring(result))
    assert.is_nil(json.encode(result):find("output_text", 1, true))
  end)

  it("is the same streamed, wherever it is cut, and so is what the stream tells", function()
    for i = 1, #CONTENT - 1 do
      local stream = stream_of { CONTENT:sub(1, i), CONTENT:sub(i + 1) }
      local text, reasoning, kinds = told(stream)
      assert.same({ TEXT, REASONING, "reasoning text finish" }, { text, reasoning, kinds }, "at " .. i)
      local result = assert(stream:result())
      assert.same({ TEXT, REASONING, CONTENT }, { result.output_text, result.reasoning_text,
        result.choices[1].message.content })
    end
  end)

  it("gives readers of text the text alone, and readers of chunks the wire", function()
    local pieces = {}
    for text in stream_of(bytes(CONTENT)):text() do pieces[#pieces + 1] = text end
    assert.equal(TEXT, table.concat(pieces))
    local contents = {}
    for chunk in stream_of(bytes(CONTENT)):chunks() do contents[#contents + 1] = chunk.choices[1].delta.content end
    assert.equal(CONTENT, table.concat(contents))
  end)

  it("has in a snapshot what has come, told apart", function()
    local stream = stream_of { "<think>Two", " and two.</think>", "Fo", "ur" }
    assert.same({ "reasoning", "Two" }, { stream:next().type, stream:snapshot().reasoning_text })
    assert.equal("", stream:snapshot().output_text)
    stream:next()
    assert.equal("Fo", stream:next().text)
    assert.same({ "Two and two.", "Fo" }, { stream:snapshot().reasoning_text, stream:snapshot().output_text })
    stream:close()
  end)

  it("tells what was held back before it tells the end", function()
    assert.same({ "a <", "", "text finish" }, { told(stream_of { "a", " <" }) })
    assert.same({ "<thin", "", "text finish" }, { told(stream_of { "<thin" }) })
    assert.same({ "", "a</thin", "reasoning finish" }, { told(stream_of { "<think>a</thin" }) })
    assert.same({ "<thin", "", "text finish" }, { told(stream_of({ "<thin" }, nil, nil, 0)) })
  end)

  it("says once what a field has said too", function()
    local message = { role = "assistant", reasoning_content = REASONING, content = CONTENT }
    assert.same({ REASONING, TEXT }, { whole(message).reasoning_text, whole(message).output_text })
    local text, reasoning = told(stream_of { { reasoning_content = REASONING }, "<think>Two and two.", "</think>Four" })
    assert.same({ "Four", REASONING }, { text, reasoning })
  end)

  it("keeps choices apart", function()
    local pieces = { { index = 0, content = "<think>a" }, { index = 1, content = "<thi" },
      { index = 1, content = "nk>b" },
      { index = 0, content = "</think>A" }, { index = 1, content = "</think>B" }, { index = 1, finish = "stop" } }
    local chunks = {}
    for i, piece in ipairs(pieces) do chunks[i] = server.chunk_json(piece) end
    chunks[#chunks + 1] = server.chunk_json { finish = "stop" }
    local f = server.shared():script({ { { status = 200, headers = { ["content-type"] = "text/event-stream" },
      body = server.sse(chunks) } } })
    local said = {}
    local stream = assert(client_of(f).chat.completions:create { messages = HI, model = "m", stream = true, n = 2 })
    for event in stream:events() do
      if event.text then said[#said + 1] = event.index .. event.type:sub(1, 1) .. event.text end
    end
    assert.equal("0ra 1rb 0tA 1tB", table.concat(said, " "))
  end)

  it("of a completion is told apart as well", function()
    local body = json.encode { id = "c", object = "text_completion",
      choices = json.array { { index = 0, text = "<think>a</think>b", finish_reason = "stop" } } }
    local f = server.shared():script({ { { status = 200, body = body } } }, { repeat_last = true })
    local result = assert(client_of(f).completions:create { prompt = "x", model = "m" })
    assert.same({ "b", "a" }, { result.output_text, result.reasoning_text })
    local stream = assert(client_of(f).completions:create { prompt = "x", model = "m", stream = true })
    assert.same({ "b", "a", "reasoning text finish" }, { told(stream) })
  end)

  it("is taken the quick way as soon as it has begun", function()
    local gather = require("marea.gather.chat").new(1)
    think.attach(gather, { "think" })
    local function add(content)
      return gather:add(json.decode(server.chunk_json { content = content }), {})
    end
    assert.is_nil(add "<think>")
    assert.is_nil(add "a</think>")
    assert.is_not_nil(rawget(gather, "add"))
    assert.is_nil(add "Four")
    assert.is_nil(rawget(gather, "add"))
    assert.equal("text", add(" more").type)
  end)

  it("of a model that is to be handed on as it is, is", function()
    for _, model in ipairs { "phala/deepseek", "phala/x:online" } do
      local result = whole({ role = "assistant", content = CONTENT }, nil, model)
      assert.same({ CONTENT, nil }, { result.output_text, result.reasoning_text })
      local stream = stream_of({ "<think>a</think>", "b" }, nil, model)
      assert.same({ "<think>a</think>b", "", "text finish" }, { told(stream) })
      assert.equal("<think>a</think>b", stream:result().output_text)
    end
    assert.equal(TEXT, whole({ role = "assistant", content = CONTENT }, nil, "not/phala/x").output_text)
  end)

  it("may leave the first tag out, where the preset says that it does", function()
    local opened = preset { reasoning = { tags = { "think", opened = true } } }
    assert.is_true(opened.reasoning.tags.opened)
    assert.same({ "Four", "Two", "reasoning text finish" },
      { told(stream_of({ "Tw", "o\n", "\n</think>\n", "\nFour" }, opened)) })
    assert.equal("Two", whole({ role = "assistant", content = "Two\n</think>\nFour" }, opened).reasoning_text)
  end)
end)

describe("an answer of a provider whose preset names no tags", function()
  it("is as it came", function()
    for _, name in ipairs { "openai", "nan" } do
      local provider = marea.provider { extends = name, limits = false }
      local result = whole({ role = "assistant", content = CONTENT }, provider)
      assert.same({ CONTENT, nil }, { result.output_text, result.reasoning_text })
      assert.same({ "<think>a</think>b", "", "text finish" },
        { told(stream_of({ "<think>a</th", "ink>b" }, provider)) })
    end
  end)

  it("loads nothing that knows of tags, of named options, or of what a preset requires", function()
    local child, body = require("spec.support.child"), completion { role = "assistant", content = "a" }
    for _, name in ipairs { "openai", "nan" } do
      local f = server.shared():script({ { { status = 200, body = body } } })
      local output = child.code([[
        local marea = require "marea"
        local name, base_url = ...
        print(marea.client({ provider = name, base_url = base_url, api_key = "k", model = "m" }):ask "x")
        print(package.loaded["marea.think"], package.loaded["marea.options"], package.loaded["marea.bounds"])
      ]], { name, f.base_url })
      assert.equal("a\nnil\tnil\tnil\n", output)
    end
  end)
end)
