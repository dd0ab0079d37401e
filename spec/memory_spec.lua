-- SPDX-License-Identifier: MIT
-- What an agent remembers: recalled in the request alone, found by likeness, kept
-- in SQLite or in a file; documents in pieces that can be cited.

local agents = require("spec.support.agents")
local calls = require("spec.support.calls")
local form = require("spec.support.form")
local marea = require("marea")
local server = require("spec.support.server")

-- A client whose vectors count letters: what is like in letters is like.
local function counting(size)
  local function vector_of(text)
    local out = {}
    for i = 1, size or 26 do out[i] = 0 end
    for letter in text:lower():gmatch "%l" do
      local at = letter:byte() - 96
      if out[at] then out[at] = out[at] + 1 end
    end
    return marea.array(out)
  end
  local function answer(params)
    local data = marea.array {}
    for i, text in ipairs(params.input) do data[i] = { index = i - 1, embedding = vector_of(text) } end
    return { object = "list", data = data }
  end
  local replies = {}
  for i = 1, 50 do replies[i] = answer end
  return agents.client(replies)
end

local function texts(list)
  local out = {}
  for i, item in ipairs(list) do out[i] = item.text end
  return out
end

local has_sqlite = pcall(require, "luasql.sqlite3")

describe("a vector memory", function()
  it("gives what is nearest, best first, as copies", function()
    local memory = assert(marea.memory.vector { client = counting(), top_k = 2 })
    assert(memory:add { "aaa", { text = "bbb", source = "b.md" }, "aab" })
    local list = assert(memory:query "aa")
    assert.same({ "aaa", "aab" }, texts(list))
    assert.is_true(list[1].score > list[2].score)
    list = assert(memory:query("b", 1))
    assert.equal("b.md", list[1].source)
    list[1].text = "changed"
    assert.equal("bbb", assert(memory:query("b", 1))[1].text)
    assert.equal(3, memory:len())
    assert(memory:clear())
    assert.same({}, memory:query "a")
  end)

  it("asks once for a list, and nothing for nothing", function()
    local client = counting()
    local memory = marea.memory.vector { client = client, model = "m", params = { dimensions = 3 } }
    assert(memory:add { "a", "b" })
    assert(memory:add {})
    assert.same({}, memory:query "  ")
    assert.equal(1, #client.requests)
    assert.same({ "m", 3, 2 }, { client.requests[1].model, client.requests[1].dimensions, #client.requests[1].input })
  end)

  it("leaves out what is less like than min_score", function()
    local memory = marea.memory.vector { client = counting(), min_score = 0.9 }
    assert(memory:add { "aaa", "bbb" })
    assert.same({ "aaa" }, texts(memory:query "a"))
  end)

  it("holds so much, and says so; what fails adds nothing", function()
    local memory = marea.memory.vector { client = counting(), max = 1 }
    assert(memory:add "a")
    local none, err = memory:add "b"
    assert.is_nil(none)
    assert.equal("too_large", err.kind)
    local failing = marea.memory.vector { client = agents.client { { error = "server" } } }
    none, err = failing:add "x"
    assert.is_nil(none)
    assert.equal("server", err.kind)
    assert.equal(0, failing:len())
  end)

  for _, store in ipairs { "file", has_sqlite and "sqlite" or nil } do
    describe("kept in " .. store, function()
      local dir, path
      before_each(function()
        dir = form.directory()
        path = dir.file "memory"
      end)
      after_each(function() dir.remove() end)

      local function open(size)
        return marea.memory.vector { client = counting(size), path = path, store = not size and store or nil }
      end

      it("is there in the next process, whatever the text", function()
        local memory = open()
        local odd = "it's \"quoted\"; drop table x; -- \0 \n\r é"
        assert(memory:add { odd, { text = "bbb", source = "b", page = 3 } })
        assert.equal(store, memory:kept_in())
        memory:close()
        memory = marea.memory.vector { client = counting(), path = path }       -- what it is is found out
        assert.equal(store, memory:kept_in())
        assert.same({ "bbb", 3 }, { memory:query("b", 1)[1].text, memory:query("b", 1)[1].page })
        assert.equal(odd, memory:query("quoted", 1)[1].text)
        assert(memory:clear())
        memory:close()
        assert.equal(0, open():len())
      end)

      it("says what is wrong where another model is asked", function()
        assert(open():add "abc")
        local memory = open(3)
        for _, f in ipairs { function() return memory:query "a" end, function() return memory:add "a" end } do
          local none, err = f()
          assert.is_nil(none)
          assert.equal("validation", err.kind)
          assert.is_truthy(err.message:find("26 numbers", 1, true))
        end
      end)

      it("is an error where it can't be written to or read", function()
        local none, err = marea.memory.vector { client = counting(), path = dir.file "no/such/place", store = store }
        if none then none, err = none:add "x" end
        assert.is_nil(none)
        assert.equal("decode", err.kind)
        none, err = marea.memory.vector { client = counting(), path = dir.write("other", '{"a":1}\n{}\n') }
        assert.is_nil(none)
        assert.equal("decode", err.kind)
      end)
    end)
  end

  it("in a file passes over what a process that died left of its last line", function()
    local dir = form.directory()
    local path = dir.file "memory"
    assert(marea.memory.vector { client = counting(), path = path, store = "file" }:add { "a", "b" })
    local whole = dir.read "memory"
    dir.write("memory", whole:sub(1, -9))
    local memory = assert(marea.memory.vector { client = counting(), path = path })
    assert.equal(1, memory:len())
    assert(memory:add "c")
    assert.same({ "a", "c" }, texts(assert(marea.memory.vector { client = counting(), path = path }:query "a")))
    dir.remove()
  end)

  it("asks a real server", function()
    local memory = marea.memory.vector { client = calls.client_of(server.shared()), model = "bundled-embedding" }
    assert(memory:add { "one", "two", "three" })
    assert.equal("two", assert(memory:query "two")[1].text)
  end)

  local wrong = {
    { function() marea.memory.vector {} end, "client: expected a table" },
    { function() marea.memory.vector { client = {}, store = "x" } end, 'expected "sqlite" or "file"' },
    { function() marea.memory.vector { client = counting() }:add { 3 } end, "item 1: expected a text" },
    { function() marea.memory.vector { client = counting() }:add "" end, "item 1.text: expected a non-empty" },
    { function() marea.memory.chunk(3) end, "marea.memory.chunk: expected a string" },
    { function() marea.memory.chunk("x", { size = 0 }) end, "size: expected" },
  }
  for _, case in ipairs(wrong) do
    it("written wrongly raises at the caller's line: " .. case[2], function()
      local ok, message = pcall(case[1])
      assert.is_false(ok)
      assert.is_truthy(message:find(case[2], 1, true), message)
      assert.is_truthy(message:find("memory_spec.lua", 1, true), message)
    end)
  end
end)

describe("recall", function()
  it("is in the request alone, once with each call, and never in the history", function()
    local memory = marea.memory.vector { client = counting(), top_k = 1 }
    assert(memory:add { { text = "The tide turns at six.", source = "tides.md:1" }, "zzz" })
    local client = agents.client { "at six", "yes" }
    local agent = marea.agent { client = client, memory = memory, instructions = "Be brief." }
    assert(agent:run "when does the tide turn?")
    assert(agent:run "the tide, sure?")
    for i, request in ipairs(client.requests) do
      local system = request.messages[1].content
      assert.equal("Be brief.\n\nWhat you remember:\n- [tides.md:1] The tide turns at six.", system)
      assert.equal(2 * i, #request.messages)
    end
    assert.equal("user assistant user assistant", agents.roles(agent.messages))
  end)

  -- A memory that notes what it is asked, and says it again.
  local function echo(asked)
    return { query = function(_, text)
      asked[#asked + 1] = text
      return { "asked of " .. text }
    end }
  end

  it("is still there where a run goes on after a person decided, in another process too", function()
    local rm, asked = agents.tool("rm", nil, { approve = true }), {}
    local function agent_of(replies)
      return marea.agent { client = agents.client(replies), tools = { rm }, memory = echo(asked) }
    end
    local result = assert(agent_of { agents.calling { { "rm" } } }:run "tides")
    local data = marea.json.decode(marea.json.encode(result))
    local other = agent_of { "done" }
    assert(other:resume(data, { [data.pending[1].id] = true }))
    assert.equal("What you remember:\n- asked of tides", other.client.requests[1].messages[1].content)
    assert.same({ "tides" }, asked)
  end)

  it("of a run without words is of what the user said last", function()
    local f, asked = agents.tool("f"), {}
    local client = agents.client { agents.calling { { "f" } }, { error = "server" }, "done" }
    local agent = marea.agent { client = client, tools = { f }, memory = echo(asked) }
    agent:run "tides"
    assert.equal("done", assert(agent:run()).output_text)
    assert.same({ "tides", "tides" }, asked)
  end)

  it("that fails is the run's error, and leaves no question behind", function()
    local memory = marea.memory.vector { client = agents.client { function(params)
      return { object = "list", data = marea.array { { index = 0, embedding = marea.array { #params.input } } } }
    end, { error = "server" } } }
    assert(memory:add "x")
    local agent = marea.agent { client = agents.client {}, memory = memory }
    local none, err = agent:run "hello"
    assert.is_nil(none)
    assert.equal("server", err.kind)
    assert.same({}, agent.messages)
  end)

  local wrong = { { "words", "the memory gave no list, but a string" },
    { { {} }, "the memory gave an item without a text (item 1)" },
    { { "x", { source = "a.md", text = {} } }, "the memory gave an item without a text (item 2)" } }
  for _, case in ipairs(wrong) do
    it("of one's own that gives what is none is the run's error: " .. case[2], function()
      local agent = marea.agent { client = agents.client {}, memory = { query = function() return case[1] end } }
      local none, err = agent:run "hello"
      assert.is_nil(none)
      assert.same({ "validation", case[2] }, { err.kind, err.message })
      assert.same({}, agent.messages)
    end)
  end
end)

describe("a document in pieces", function()
  local function all_of(text, options)
    local list = {}
    for i, one in ipairs(marea.memory.chunk(text, options)) do list[i] = one.text end
    return list
  end

  it("ends where a paragraph does, else a line, a sentence, a word", function()
    assert.same({ "one two", "three four" }, all_of("one two\n\nthree four", { size = 12, overlap = 0 }))
    assert.same({ "one two", "three four" }, all_of("one two\nthree four", { size = 12, overlap = 0 }))
    assert.same({ "One two.", "Three four" }, all_of("One two. Three four", { size = 12, overlap = 0 }))
    assert.same({ "one two", "three" }, all_of("one two three", { size = 9, overlap = 0 }))
    assert.same({ "abcde", "fgh" }, all_of("abcdefgh", { size = 5, overlap = 0 }))
    assert.same({}, all_of(" \n "))
  end)

  it("overlaps by words", function()
    assert.same({ "one two three", "three four" }, all_of("one two three four", { size = 14, overlap = 6 }))
  end)

  it("says where each begins", function()
    local list = marea.memory.chunk("a\nb\n\nc d e f g\n\nh", { size = 6, overlap = 0, source = "x.md" })
    assert.same({ "x.md:1", "x.md:4", "x.md:4", 3 }, { list[1].source, list[2].source, list[3].source, #list })
  end)

  it("loses nothing, is never longer than it may be, and never parts a character, at any size", function()
    local text = ("uno dos tres cuatro ñandú 漢字かな. "):rep(6) .. "\n\n" .. ("ü"):rep(40)
    for size = 4, 90 do
      for _, overlap in ipairs { 0, 3, 30 } do
        local list = all_of(text, { size = size, overlap = overlap })
        local joined = table.concat(list)
        for _, one in ipairs(list) do
          assert.is_true(#one <= size)
          assert.is_nil(one:find "^[\128-\191]")
        end
        if overlap == 0 then assert.equal((text:gsub("%s", "")), (joined:gsub("%s", ""))) end
      end
    end
  end)

  it("is made in linear time", function()
    local function seconds(n)
      local text, from = ("x"):rep(n), os.clock()
      marea.memory.chunk(text, { size = 1000 })
      return os.clock() - from
    end
    seconds(10000)
    assert.is_true(seconds(800000) < 60 * seconds(100000) + 0.5)
  end)
end)
