-- SPDX-License-Identifier: MIT
-- marea.on: what is told of calls and tries, when, and what it costs who
-- doesn't listen: nothing.

local calls = require("spec.support.calls")
local marea = require("marea")
local request = require("marea.request")
local server = require("spec.support.server")

local function collect(name)
  local seen = {}
  local off = marea.on(name, function(event) seen[#seen + 1] = event end)
  return seen, off
end

local function stream_of(client)
  return assert(client.chat.completions:create { messages = calls.MESSAGES, stream = true })
end

describe("marea.on", function()
  local s
  local offs

  local function listen(name)
    local seen, off = collect(name)
    offs[#offs + 1] = off
    return seen
  end

  setup(function() s = server.shared() end)
  before_each(function() offs = {} end)
  after_each(function()
    for _, off in ipairs(offs) do off() end
  end)

  local function client_of(options)
    local all = { base_url = s.base_url, model = "bundled-echo" }
    for key, value in pairs(options or {}) do all[key] = value end
    return marea.client(all)
  end

  it("tells of a call: what was asked, what came, how long it took", function()
    local seen = listen("llm.call")
    local result = assert(client_of():ask("Hola", { temperature = 0 }))
    assert.equal(1, #seen)
    local event = seen[1]
    assert.equal("chat/completions", event.endpoint)
    assert.equal("bundled-echo", event.model)
    assert.equal(0, event.request.temperature)
    assert.equal(result, event.result)
    assert.equal(result.usage, event.usage)
    assert.equal("stop", event.finish_reason)
    assert.is_false(event.stream)
    assert.is_true(event.seconds > 0 and event.seconds < 10)
    assert.equal(event.seconds, event.first)
  end)

  it("tells of a stream once it has ended, with the time of its first event", function()
    local seen = listen("llm.call")
    local stream = stream_of(client_of())
    assert.equal(0, #seen)
    local text = {}
    for piece in stream:text() do text[#text + 1] = piece end
    assert.equal(1, #seen)
    assert.is_true(seen[1].stream)
    assert.is_true(seen[1].first > 0 and seen[1].first <= seen[1].seconds)
    assert.equal(table.concat(text), seen[1].result.output_text)
    assert.is_nil(seen[1].error)
  end)

  it("tells of a stream that was closed, or broke, with what had come", function()
    local seen = listen("llm.call")
    local stream = stream_of(client_of())
    stream:next()
    stream:close()
    assert.equal("cancelled", seen[1].error.kind)
    local f = s:script { { { sse = { server.chunk_json { content = "uno" } } } } }
    stream = stream_of(marea.client { base_url = f.base_url, model = "m" })
    stream:result()
    assert.equal("truncated", seen[2].error.kind)
    assert.equal("uno", seen[2].result.output_text)
  end)

  it("tells of an answer that was no stream, though one was asked for", function()
    local seen = listen("llm.call")
    stream_of(calls.client_of(calls.replying()))
    assert.equal("hola", seen[1].result.output_text)
  end)

  it("tells of every try, with its status, and once of the call", function()
    local tries, told = listen("llm.attempt"), listen("llm.call")
    local f = s:script { { { status = 503, headers = { ["retry-after-ms"] = "1" } } },
      { { status = 200, body = calls.REPLY } } }
    assert(calls.client_of(f):ask("x"))
    assert.same({ 503, 200 }, { tries[1].status, tries[2].status })
    assert.same({ 1, 2 }, { tries[1].attempt, tries[2].attempt })
    assert.equal("server", tries[1].error.kind)
    assert.equal(1, #told)
  end)

  it("tells once of embeddings that are several requests, with all of their result", function()
    local tries, told = listen("llm.attempt"), listen("llm.call")
    local client = marea.client { model = "bundled-embedding",
      provider = marea.provider { base_url = s.base_url, max_inputs = 2 } }
    local result = assert(client.embeddings:create { input = { "a", "b", "c" } })
    assert.same({ 2, 1 }, { #tries, #told })
    assert.equal("embeddings", told[1].endpoint)
    assert.equal(3, #told[1].request.input)
    assert.equal(result, told[1].result)
    assert.equal(result.usage, told[1].usage)
    for _, query in ipairs { print, { print } } do
      local err = calls.failure(function()
        client.embeddings:create({ input = { "a", "b", "c" } }, { query = { q = query } })
      end)
      assert.is_truthy(err:find("^spec/observe_spec.lua:%d+: query parameter"), err)
    end
  end)

  it("tells of a call that raised, and lets its error through as it was", function()
    local seen = listen("llm.call")
    local silent = calls.client_of(calls.silent())
    marea.run(function()
      local t = marea.spawn(function() return silent:ask("x") end)
      marea.sleep(0.05)
      t:cancel()
    end)
    assert.equal("cancelled", seen[1].error.kind)
    local err = calls.failure(function() client_of():ask("x", { f = print }) end)
    assert.is_truthy(err:find("^spec/observe_spec.lua:%d+: "), err)
  end)

  it("ends with the function it returned, and costs nothing then", function()
    local client = client_of()
    local seen, off = collect("llm.call")
    assert(client:ask("x"))
    off()
    off()
    assert(client:ask("x"))
    assert.equal(1, #seen)
    -- nothing stands around a call any more: its stream is watched by nobody
    local watched = false
    local module = require("marea.stream")
    local watch = module.watch
    module.watch = function(...) watched = true return watch(...) end
    stream_of(client):close()
    module.watch = watch
    assert.is_false(watched)
  end)

  it("drops a listener that fails, and says so, and harms nothing", function()
    local io, written = _G.io, {}
    local stderr = io.stderr
    io.stderr = { write = function(_, ...) written[#written + 1] = table.concat { ... } end }
    local off = marea.on("llm.call", function() error("boom") end)
    local seen = listen("llm.call")
    local ok, result = pcall(function()
      local client = client_of()
      client:ask("x")
      return client:ask("x").output_text
    end)
    io.stderr = stderr
    off()
    assert.is_true(ok, result)
    assert.equal(2, #seen)
    assert.equal(1, #written)
    assert.is_truthy(written[1]:find("a listener of llm.call failed, and is dropped: .*boom"))
  end)

  it("knows its events", function()
    local err = calls.failure(function() marea.on("llm.calls", print) end)
    assert.is_truthy(err:find('no event is called "llm.calls"', 1, true))
  end)

  it("leaves the loop of tries untold where nobody listens", function()
    local told = false
    request.tell(function() told = true end)
    request.tell(nil)
    assert(client_of():ask("x"))
    assert.is_false(told)
  end)
end)

describe("an agent's events", function()
  it("are told: steps, tools, handoffs, and whose call of the model it was", function()
    local agents = require("spec.support.agents")
    local offs, seen = {}, {}
    for _, name in ipairs { "llm.call", "step", "tool", "handoff" } do
      offs[#offs + 1] = marea.on(name, function(event) seen[#seen + 1] = { name, event } end)
    end
    local f = agents.tool("f")
    local other = marea.agent { client = agents.client { "done" }, name = "other" }
    local first = agents.client { agents.calling { { "f", { x = 1 } }, { "transfer_to_other" } } }
    local agent = marea.agent { name = "a", client = first, tools = { f }, handoffs = { other } }
    local result = assert(agent:run "go")
    for _, off in ipairs(offs) do off() end
    local names = {}
    for i, item in ipairs(seen) do names[i] = item[1] .. ":" .. item[2].agent end
    assert.same({ "llm.call:a", "step:a", "tool:a", "handoff:a", "llm.call:other", "step:other" }, names)
    assert.equal("ok", seen[3][2].result)
    assert.is_number(seen[3][2].seconds)
    assert.equal("other", seen[4][2].to)
    assert.equal(2, seen[5][2].step)
    for i = 2, #seen do assert.equal(seen[1][2].run, seen[i][2].run) end
    assert.equal("done", result.output_text)
  end)
end)
