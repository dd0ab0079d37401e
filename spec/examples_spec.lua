-- SPDX-License-Identifier: MIT
-- The examples do what they say, as a user would run them: each in a process of
-- its own, against the bundled provider.

local child = require("spec.support.child")
local form = require("spec.support.form")
local hosts = require("spec.support.hosts")
local server = require("spec.support.server")

local function run(name, arguments, variables)
  return child.file("examples/" .. name .. ".lua", arguments, hosts.bare(variables))
end

local function says(output, text)
  assert.is_truthy(output:find(text, 1, true), ("no %q in:\n%s"):format(text, output))
end

describe("the examples", function()
  local s, here
  setup(function()
    s = server.shared()
    here = { MAREA_BASE_URL = s.base_url }
  end)

  it("chat asks and prints the answer and the usage", function()
    local output, status = run("chat", { "Why?" }, here)
    assert.equal(0, status, output)
    says(output, 'You said: "Why?"\n')
    assert.is_truthy(output:find("%(%d+ tokens in, %d+ out%)"))
  end)

  it("stream prints the answer and why it ended", function()
    local output, status = run("stream", { "Uno dos" }, here)
    assert.equal(0, status, output)
    says(output, 'You said: "Uno dos"\n(ended by: stop)\n')
  end)

  it("parallel answers in the order of the questions", function()
    local output, status = run("parallel", { "one", "two", "three" }, here)
    assert.equal(0, status, output)
    assert.is_truthy(output:find('> one\n.-"one"\n> two\n.-"two"\n> three\n.-"three"\n$'), output)
  end)

  it("tools calls the function and answers from its result", function()
    local output, status = run("tools", { "What is the weather in Lugo?" }, here)
    assert.equal(0, status, output)
    says(output, 'get_weather({"city":"Lugo"}) -> ')
    says(output, "A script, not a model: get_weather returned")
  end)

  it("agent_weather runs its tool twice and answers", function()
    local output, status = run("agent_weather", {}, here)
    assert.equal(0, status, output)
    says(output, 'get_weather(city: "Madrid")\n')
    says(output, 'get_weather(city: "Lugo")\n')
    says(output, "A script, not a model: get_weather returned")
    says(output, "2 steps, 2 tool calls")
  end)

  it("agent_extract gives a table that fits", function()
    local output, status = run("agent_extract", {}, here)
    assert.equal(0, status, output)
    says(output, '{"count":3,"name":"Ada"}\n(3 for Ada')
  end)

  it("agent_desk hands over, and the conversation stays there", function()
    local output, status = run("agent_desk", {}, here)
    assert.equal(0, status, output)
    says(output, "billing\n")
    says(output, '"amount":80')
    assert.equal(2, select(2, output:gsub("%[billing answered%]", "")))
  end)

  it("team_travel goes along its graph, with two side by side", function()
    local output, status = run("team_travel", {}, here)
    assert.equal(0, status, output)
    for name in ("planner guide linguist writer budget"):gmatch "%a+" do says(output, "[" .. name .. "]\n") end
    says(output, 'price_of(what: "train")')
    says(output, "[done after 5 turns, 6 model calls]\nThe plan, ")
  end)

  it("team_company has the program compute, and both findings in the report", function()
    local output, status = run("team_company", {}, here)
    assert.equal(0, status, output)
    says(output, "Faro loses its largest customer")
    says(output, '"change_percent":-5')
    says(output, "[analyst]\n")
    says(output, "[done: 3 turns, 2 tool calls]")
  end)

  it("team_review cites what is in the catalogue, and is not accepted otherwise", function()
    local output, status = run("team_review", {}, here)
    assert.equal(0, status, output)
    says(output, "search_papers(")
    says(output, "[rounds after 4 turns; cited: ")
  end)

  for _, name in ipairs { "concurrent", "sequential", "handoffs", "mixture", "debate", "reflection" } do
    it("patterns shows " .. name, function()
      local output, status = run("patterns", { name, "Is it?" }, here)
      assert.equal(0, status, output)
      assert.is_truthy(output:find("\n?" .. name .. ": %a+, %S"), output)
    end)
  end

  it("agent_library answers from a folder, with citations of what it looked up", function()
    local dir = form.directory()
    for _ = 1, 2 do          -- the second time from what was kept
      local output, status = run("agent_library",
        { "examples/library", "Look up the gate of the basin.", dir.file "store" }, here)
      assert.equal(0, status, output)
      says(output, "pieces of text\n")
      says(output, "look_up(about: ")
      assert.is_truthy(output:find("\nSources:\n  %w+%.md:%d+  %S"), output)
    end
    dir.remove()
  end)

  it("mcp starts a server, has an agent use it, and tells a collector", function()
    local script = s:script({ { { status = 200, body = "{}" } } }, { repeat_last = true, keep_body = 1024 * 1024 })
    local output, status = run("mcp", {}, { MAREA_BASE_URL = s.base_url, OTEL_EXPORTER_OTLP_ENDPOINT = script.url })
    assert.equal(0, status, output)
    says(output, "notes offers 2 tools:")
    says(output, 'add_note(text: "milk and bread")')
    says(output, "\nmilk and bread\n")
    says(script.requests()[1].body, "tools/call add_note")
  end)

  describe("agent_files", function()
    local directory, path
    before_each(function()
      directory = os.tmpname()
      os.remove(directory)
      os.execute("mkdir " .. directory)
      path = directory .. "/notes"
    end)
    after_each(function() os.execute("rm -r " .. directory) end)

    local function contents()
      local file = io.open(path)
      local text = file and file:read("*a")
      if file then file:close() end
      return text
    end

    -- a question, what a person answers, what is in the file then
    local cases = {
      { 'Write the file name=notes text="hello"', "y\n", "hello", "5 bytes written" },
      { 'Write the file name=notes text="hello"', "n not that one\n", nil, "Rejected: not that one" },
      { 'Write the file name=notes text="hello"', "", nil, "Rejected by a person" },
      { 'Write the file name=notes text="hello"', "what?\n", nil, "Rejected by a person" },
    }
    for _, case in ipairs(cases) do
      it(("writes only when told to: %q"):format(case[2]), function()
        local output, status = child.file("examples/agent_files.lua", { directory, case[1] }, hosts.bare(here), case[2])
        assert.equal(0, status, output)
        says(output, 'write_file({"name":"notes","text":"hello"}): do it? [y/n]')
        says(output, case[4])
        assert.equal(case[3], contents())
      end)
    end
  end)

  it("agent_spec passes: an agent tested offline", function()
    local output, status = child.file("/usr/bin/busted", { "-o", "TAP", "examples/agent_spec.lua" }, hosts.bare())
    assert.equal(0, status, output)
    says(output, "\nok 4 - ")
  end)

  it("cancel stops in each of its ways", function()
    local output, status = run("cancel", {}, { MAREA_BASE_URL = s.base_url .. "?delay_ms=20" })      -- time to stop it
    assert.equal(0, status, output)
    says(output, "closed after a first event of type text")
    says(output, "the task is cancelled")
    says(output, "the third: timeout: ")
    says(output, 'the quickest said: A script, not a model, answers. You said: "Hola"')
  end)

  it("speech writes a file that can be played", function()
    local dir = form.directory()
    for _, voice in ipairs { {}, { "nova" } } do
      local output, status = run("speech", { "Uno dos", dir.file("a.wav"), voice[1] }, here)
      assert.equal(0, status, output)
      says(output, "a.wav: 1644 bytes of audio/wav\n")
      assert.matches("^RIFF....WAVE", dir.read("a.wav"))
    end
    dir.remove()
  end)

  it("transcribe prints segments with their times, and the text", function()
    local dir = form.directory()
    local output, status = run("transcribe", { dir.write("a.wav", "RIFF"), "es" }, here)
    assert.equal(0, status, output)
    assert.is_truthy(output:find("^   0.00 %- +%d.%d%d  A script heard 4 bytes of a.wav.\n"), output)
    says(output, "\nA script heard 4 bytes of a.wav.\n")
    dir.remove()
  end)

  it("images writes the picture", function()
    local dir = form.directory()
    local output, status = run("images", { "A ship", dir.file("a.gif") }, here)
    assert.equal(0, status, output)
    says(output, "wrote " .. dir.file("a.gif"))
    assert.matches("^GIF89a", dir.read("a.gif"))
    dir.remove()
  end)

  it("vision shows a picture from a file, and says what is wrong with one", function()
    local dir = form.directory()
    local f = s:script({}, { serve = true })
    local output, status = run("vision", { dir.write("a.gif", "GIF89a") }, { MAREA_BASE_URL = f.base_url })
    assert.equal(0, status, output)
    says(output, "What is in this picture?")
    says(f.requests()[1].body, "data:image/gif;base64,R0lGODlh")
    output, status = run("vision", { dir.file("none.gif") }, here)
    assert.equal(1, status)
    says(output, "not_found: can't read " .. dir.file("none.gif"))
    dir.remove()
  end)

  it("embeddings ranks the texts by likeness", function()
    local output, status = run("embeddings", {}, here)
    assert.equal(0, status, output)
    local scores = {}
    for place, score in output:gmatch("(%d)%. +(%-?%d%.%d+) %u") do scores[tonumber(place)] = tonumber(score) end
    assert.is_true(#scores == 3 and scores[1] >= scores[2] and scores[2] >= scores[3], output)
  end)

  it("responses prints the answer and what it cost", function()
    local output, status = run("responses", { "Uno" }, here)
    assert.equal(0, status, output)
    assert.is_truthy(output:find('"Uno"\n%(completed, %d+ tokens%)\n$'), output)
  end)

  it("completions goes on with a text", function()
    local output, status = run("completions", { "Uno" }, here)
    assert.equal(0, status, output)
    says(output, "(ended by: stop)")
  end)

  it("models lists them, or shows one", function()
    local output, status = run("models", {}, here)
    assert.equal(0, status, output)
    says(output, "bundled-echo\n")
    output, status = run("models", { "bundled-echo" }, here)
    assert.equal(0, status, output)
    says(output, "id: bundled-echo\n")
  end)

  it("fail with one line and status 1 when the server can't be reached", function()
    local output, status = run("chat", {}, { MAREA_BASE_URL = "http://127.0.0.1:1/v1" })
    assert.equal(1, status)
    assert.is_truthy(output:find("^connection: [^\n]*\n$"), output)
  end)

  it("say what to set when the environment names no provider", function()
    local output, status = run("chat")
    assert.equal(2, status)
    says(output, "MAREA_BASE_URL")
  end)

  it("say that a model is missing where a key is there whose provider has none of its own", function()
    local output, status = run("chat", {}, { OPENAI_API_KEY = "k", GROQ_API_KEY = "k" })
    assert.equal(2, status)
    assert.equal("OPENAI_API_KEY is set, but no model: set MAREA_MODEL.\n", output)
    output, status = run("demo", {}, { OPENROUTER_API_KEY = "k" })
    assert.equal(0, status, output)
    says(output, "OPENROUTER_API_KEY is set, but no model: set MAREA_MODEL.\nTalking to the bundled provider")
  end)

  it("name the variable of a key that is missing, and send nothing", function()
    local output, status = run("chat", {}, { MAREA_PROVIDER = "nan" })
    assert.equal(1, status)
    says(output, "NAN_API_KEY")
  end)

  it("print a model's words without their terminal escapes", function()
    local text = "safe\\u001b]0;title\\u0007\\u009b2Jend\\u00c3\\u00a9"
    local f = s:script {
      { { sse = { '{"id":"c","choices":[{"index":0,"delta":{"content":"' .. text
        .. '"},"finish_reason":"stop"}]}', "[DONE]" } } },
    }
    local output, status = run("stream", {}, { MAREA_BASE_URL = f.base_url })
    assert.equal(0, status, output)
    says(output, "safe2Jend\195\131\194\169\n")
    assert.is_nil(output:find("[%z\1-\8\11-\31\127]"))
  end)
end)

describe("the demo", function()
  it("needs nothing from the environment: it starts the bundled provider and says so", function()
    local output, status = run("demo")
    assert.equal(0, status, output)
    says(output, "a script (no model)")
    says(output, "\nA script, not a model, answers.")
    says(output, 'get_weather(city: "Madrid")')
    says(output, "A script, not a model: get_weather returned")
  end)

  it("says to who is not root what it wants installed, each once, and nothing of another Lua", function()
    local dir = form.directory()
    for name, line in pairs { ["apt-get"] = "exit 1", ["dpkg-query"] = "exit 1", id = "echo 1000" } do
      os.execute("chmod +x " .. dir.write(name, "#!/bin/sh\n" .. line .. "\n"))
    end
    local output, status = child.command(".ci/deps build demo demo",
      { PATH = dir.path .. ":" .. os.getenv("PATH") })
    dir.remove()
    assert.equal(1, status)
    local seen = {}
    for name in assert(output:match("^marea needs: sudo apt%-get install (.*)\n$"), output):gmatch("%S+") do
      assert.is_nil(seen[name], name)
      seen[name] = true
    end
    assert.is_true(seen["ca-certificates"] and seen["lua-luv"])
    assert.is_nil(seen.luajit)
  end)

  it("leaves no provider behind", function()
    local output = run("demo")
    local port = tonumber(output:match("127%.0%.0%.1:(%d+)"))
    local socket = require("socket")
    local deadline, alive = socket.gettime() + 2, true
    while alive and socket.gettime() < deadline do
      alive = socket.connect("127.0.0.1", port)
      if alive then alive:close() end
      socket.sleep(0.02)
    end
    assert.is_falsy(alive)
  end)

  it("talks to the provider the environment names", function()
    local s = server.shared()
    local f = s:script({}, { serve = true })
    local output, status = run("demo", {}, { MAREA_BASE_URL = f.base_url })
    assert.equal(0, status, output)
    says(output, "Talking to " .. f.base_url)
    assert.equal(3, #f.requests())
  end)

  it("ends with status 1 and the reason when something fails", function()
    local s = server.shared()
    local f = s:script({ { { status = 400, body = '{"error":{"message":"no such luck"}}' } } })
    local output, status = run("demo", {}, { MAREA_BASE_URL = f.base_url })
    assert.equal(1, status)
    says(output, "the demo failed: ")
    says(output, "no such luck")
  end)
end)
