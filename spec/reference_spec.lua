-- SPDX-License-Identifier: MIT
-- What is public is documented, for the editor and for `make doc`: every name a
-- user can come to has a type, every function says what it does, what it takes
-- and gives. Names are compared with what is really there.

local annotations = require("spec.doc.annotations")
local daemon = require("spec.support.daemon")
local exports = require("spec.doc.exports")
local html = require("spec.doc.html")
local marea = require("marea")
local server = require("spec.support.server")

local model = annotations.tree(annotations.paths())
local functions = exports.functions(model)

-- Fields and methods of a class, those of its parents too.
local function names_of(class)
  local names = {}
  while class do
    for _, field in ipairs(class.fields) do names[field.name] = field end
    for _, method in ipairs(class.methods) do names[method.name] = method end
    class = class.parent and model.classes[class.parent]
  end
  return names
end

local function sorted(set)
  local list = {}
  for name in pairs(set) do list[#list + 1] = name end
  table.sort(list)
  return list
end

-- What is wrong with how a function is documented.
local function faults_of(f)
  local where, faults, annotated = ("%s:%d, %s"):format(f.file, f.line, f.name), {}, {}
  local function fault(what) faults[#faults + 1] = where .. ": " .. what end
  if f.said == "" then fault "says nothing" end
  for _, param in ipairs(f.params) do annotated[param.name] = true end
  local taken = {}
  for _, name in ipairs(f.names) do
    taken[name] = true
    if not annotated[name] and name ~= "..." and name ~= "self" then fault("no type for " .. name) end
  end
  for name in pairs(annotated) do
    if not taken[name] and name ~= "..." then fault("takes no " .. name) end
  end
  return faults
end

-- The names in a table of the source, such as the options a function takes.
local function table_in(path, name)
  local body = ("\n" .. daemon.read(path)):match("[\n ]" .. name .. " = (%b{})")
  assert(body, path .. " has no " .. name)
  local names = {}
  for key in body:gsub("%b()", ""):gmatch("([%w_]+) = [%w\"]") do names[key] = true end
  return names
end

describe("the reference", function()
  local reached, unknown = annotations.public(model)

  it("knows every type that is named", function()
    local list = {}
    for name, from in pairs(unknown) do list[#list + 1] = name .. ", named in " .. from end
    assert.same({}, list)
    assert.is_true(#reached > 80, #reached .. " reached")
  end)

  it("has every name of the library, and no other", function()
    local documented, present = {}, exports.names()
    for _, field in ipairs(model.classes.marea.fields) do documented[field.name] = true end
    present._VERSION = true
    assert.same(sorted(present), sorted(documented))
    for name in pairs(present) do assert.is_not_nil(marea[name], "marea." .. name) end
  end)

  it("says of every function of the library what it does, takes and gives", function()
    local all = {}
    for name, where in pairs(exports.names()) do
      local f = functions[name]
      if where.name and type(marea[name]) == "function" and not f then all[#all + 1] = name .. ": not found" end
      for _, fault in ipairs(f and faults_of(f) or {}) do all[#all + 1] = fault end
    end
    assert.same({}, all)
  end)

  it("says it of every method of what they give", function()
    local all, n = {}, 0
    for _, name in ipairs(reached) do
      for _, method in ipairs(model.classes[name] and model.classes[name].methods or {}) do
        if method.name:sub(1, 2) ~= "__" then
          n = n + 1
          for _, fault in ipairs(faults_of(method)) do all[#all + 1] = fault end
        end
      end
    end
    assert.same({}, all)
    assert.is_true(n > 50, n .. " methods")
  end)

  it("has every function of the modules", function()
    for name, where in pairs(exports.names()) do
      local class = not where.name and name ~= "providers" and model.classes["marea." .. name]
      if class then
        local known = names_of(class)
        for key, value in pairs(type(marea[name]) == "table" and marea[name] or {}) do
          if type(value) == "function" and key:sub(1, 2) ~= "__" then
            assert.is_truthy(known[key], ("marea.%s.%s"):format(name, key))
          end
        end
      end
    end
  end)

  it("has every endpoint", function()
    local client = marea.client { base_url = "http://127.0.0.1:1/v1" }
    local n = 0
    local function walk(node, class, path)
      local known = names_of(class)
      for name, value in pairs(node) do
        local field = known[name]
        assert.is_truthy(field, path .. "." .. name)
        if type(value) == "table" then
          walk(value, assert(model.classes[field.type], field.type), path .. "." .. name)
        else n = n + 1 end
      end
    end
    walk(client, model.classes["marea.Client"], "client")
    assert.is_true(n >= 12, n .. " endpoints")
    for _, name in ipairs { "ask", "request", "with" } do
      assert.is_truthy(names_of(model.classes["marea.Client"])[name])
    end
  end)

  -- what functions look at -> the class that says so
  local options = {
    { "lua/marea/settings.lua", "client_options", "marea.ClientOptions", same = true },
    { "lua/marea/option_checks.lua", "call_options", "marea.CallOptions" },
    { "lua/marea/option_checks.lua", "clocks", "marea.Timeout", same = true },
    { "lua/marea/option_checks.lua", "hooks", "marea.Hooks", same = true },
    { "lua/marea/option_checks.lua", "limit_options", "marea.LimitOptions", same = true },
    { "lua/marea/agent.lua", "fields", "marea.AgentOptions", same = true },
    { "lua/marea/agent/limits.lua", "fields", "marea.UsageLimits", same = true },
    { "lua/marea/agent.lua", "hook_fields", "marea.AgentHooks", same = true },
    { "lua/marea/agent.lua", "guard_fields", "marea.Guardrails", same = true },
    { "lua/marea/agent.lua", "price_fields", "marea.Prices", same = true },
    { "lua/marea/tool.lua", "fields", "marea.ToolOptions", same = true },
    { "lua/marea/console.lua", "fields", "marea.ConsoleOptions", same = true },
    { "lua/marea/any_endpoint.lua", "request_fields", "marea.RequestParams", same = true },
    { "lua/marea/agent.lua", "run_fields", "marea.RunOptions", same = true },
    { "lua/marea/agent/holder.lua", "tool_fields", "marea.AsToolOptions", same = true },
    { "lua/marea/team/new.lua", "run_fields", "marea.TeamRunOptions", same = true },
    { "lua/marea/team/new.lua", "hook_fields", "marea.TeamHooks", same = true },
    { "lua/marea/team/new.lua", "team.fields", "marea.TeamOptions" },
    { "lua/marea/team/selector.lua", "fields", "marea.SelectorOptions" },
    { "lua/marea/team/graph.lua", "fields", "marea.GraphOptions" },
    { "lua/marea/team/orchestrator.lua", "fields", "marea.OrchestratorOptions" },
    { "lua/marea/pattern/reflect.lua", "fields", "marea.ReflectOptions" },
    { "lua/marea/user_proxy.lua", "fields", "marea.UserProxyOptions", same = true },
    { "lua/marea/mcp.lua", "fields", "marea.McpOptions", same = true },
    { "lua/marea/mcp.lua", "clocks", "marea.McpTimeout", same = true },
    { "lua/marea/mcp.lua", "hooks", "marea.McpHooks", same = true },
    { "lua/marea/mcp.lua", "request_fields", "marea.McpRequestOptions", same = true },
    { "lua/marea/otel.lua", "fields", "marea.OtelOptions", same = true },
    { "lua/marea/runtime.lua", "fields", "marea.RuntimeOptions", same = true },
    { "lua/marea/runtime.lua", "hook_fields", "marea.RuntimeHooks", same = true },
    { "lua/marea/runtime.lua", "type_fields", "marea.RegisterOptions", same = true },
    { "lua/marea/context.lua", "token_options", "marea.TokensOptions", same = true },
    { "lua/marea/context.lua", "summary_options", "marea.SummariseOptions", same = true },
    { "lua/marea/memory.lua", "options_form", "marea.MemoryListOptions", same = true },
    { "lua/marea/memory/vector.lua", "fields", "marea.VectorMemoryOptions", same = true },
    { "lua/marea/memory/chunk.lua", "fields", "marea.ChunkOptions", same = true },
    { "lua/marea/task.lua", "map_options", "marea.MapOptions", same = true },
    { "lua/marea/parts.lua", "image_form", "marea.ImageSource", same = true },
    { "lua/marea/parts.lua", "audio_form", "marea.AudioSource", same = true },
    { "lua/marea/testing/reply.lua", "fields", "marea.testing.Reply", same = true },
  }
  for _, case in ipairs(options) do
    it("has every option of " .. case[3], function()
      local taken, known = table_in(case[1], case[2]), names_of(assert(model.classes[case[3]], case[3]))
      for name in pairs(taken) do assert.is_truthy(known[name], name) end
      if case.same then assert.same(sorted(taken), sorted(known)) end
    end)
  end

  it("is compared with every table of options there is", function()
    local compared, missed = { ["lua/marea/option_checks.lua, model_kinds"] = true }, {}     -- in ClientOptions.model
    for _, case in ipairs(options) do compared[case[1] .. ", " .. case[2]] = true end
    for _, path in ipairs(annotations.paths()) do
      for call in daemon.read(path):gmatch "\n[^\n]*[^.]check%.fields(%b())" do
        local form = call:gsub('"[^"]*"', ""):match "^%([^,]*,[^,]*,[^,]*, ([%w_]+)" or call
        local name = path .. ", " .. form
        if form ~= "form" and not compared[name] then missed[#missed + 1] = name end     -- "form" is another's
      end
    end
    assert.same({}, missed)
  end)

  it("has every named option, parameter and field of the presets", function()
    local classes = { ["chat/completions"] = "ChatParams", embeddings = "EmbeddingsParams" }
    local missed = {}
    local function known(name, class, of)
      if not names_of(model.classes["marea." .. class])[name] then missed[#missed + 1] = of .. ": " .. name end
    end
    for _, name in ipairs(marea.providers.names()) do
      local preset = marea.providers[name]
      for field in pairs(preset) do known(field, "preset", name) end
      for option in pairs(preset.options or {}) do known(option, "CallOptions", name) end
      for path, parameters in pairs(preset.extra_parameters or {}) do
        for _, parameter in ipairs(parameters) do known(parameter, assert(classes[path], path), name) end
      end
    end
    assert.same({}, missed)
  end)

  it("has what only some errors, servers and runs have", function()
    for class, names in pairs { ["marea.error"] = { "earlier", "location", "phase" },
      ["marea.McpServer"] = { "pid", "stderr" }, ["marea.ResumeOptions"] = { "stream", "max_steps" },
      ["marea.TeamResumeOptions"] = { "stream", "max_turns" } } do
      for _, name in ipairs(names) do
        assert.is_truthy(names_of(assert(model.classes[class], class))[name], class .. "." .. name)
      end
    end
  end)

  it("has every kind of a call's parameters that are looked at", function()
    for name, required in pairs { ChatParams = "messages", CompletionParams = "prompt", ResponsesParams = "input",
      EmbeddingsParams = "input", SpeechParams = "input", TranscriptionParams = "file", ImageParams = "prompt",
      ImageEditParams = "image", ImageVariationParams = "image" } do
      local field = names_of(model.classes["marea." .. name])[required]
      assert.is_truthy(field, name)
      assert.is_false(field.optional, name)
    end
  end)
end)

describe("the reference's fields", function()
  local client
  setup(function() client = marea.client { base_url = server.shared().base_url, model = "m" } end)

  local function all_known(value, class, seen_at)
    local known = names_of(assert(model.classes[class], class))
    for name in pairs(value) do
      if type(name) == "string" then assert.is_truthy(known[name], seen_at .. "." .. name) end
    end
  end

  local tools = { { type = "function", ["function"] = { name = "get_weather",
    parameters = { type = "object", properties = { city = { type = "string" } } } } } }

  local function ask(text, more)
    local params = { messages = { { role = "user", content = text } } }
    for name, value in pairs(more or {}) do params[name] = value end
    return assert(client.chat.completions:create(params))
  end

  it("are those of completions", function()
    for _, completion in ipairs { ask "Hola", ask("The weather in Lugo?", { tools = tools }) } do
      all_known(completion, "marea.Completion", "completion")
      all_known(completion.choices[1], "marea.Choice", "choice")
      all_known(completion.choices[1].message, "marea.AnswerMessage", "message")
      all_known(completion.usage, "marea.WireUsage", "usage")
      all_known(completion.response, "marea.Response", "response")
      for _, call in ipairs(completion.tool_calls) do all_known(call, "marea.ToolCall", "tool call") end
    end
  end)

  it("are those of chunks", function()
    for chunk in ask("Hola", { stream = true, stream_options = { include_usage = true } }):chunks() do
      all_known(chunk, "marea.Chunk", "chunk")
    end
  end)

  it("are those of every event of a stream", function()
    local classes = { text = "TextEvent", reasoning = "TextEvent", refusal = "TextEvent",
      ["tool_call.delta"] = "ToolCallDelta", tool_call = "ToolCallEvent", finish = "FinishEvent", usage = "UsageEvent" }
    local seen = {}
    local function read_all(stream)
      for event in stream:events() do
        seen[event.type] = true
        all_known(event, "marea." .. assert(classes[event.type], event.type), event.type)
      end
    end
    read_all(ask("Hola", { stream = true, stream_options = { include_usage = true } }))
    read_all(ask("The weather in Lugo?", { stream = true, tools = tools }))
    local f = server.shared():script { { { sse = {
      server.chunk_json { reasoning_content = "hm" }, server.chunk_json { refusal = "no" },
      server.chunk_json { content = "", finish = "stop" }, "[DONE]" } } } }
    read_all(assert(marea.client { base_url = f.base_url, model = "m" }.chat.completions:create {
      messages = { { role = "user", content = "x" } }, stream = true }))
    assert.same(sorted(classes), sorted(seen))
  end)

  it("are those of responses, embeddings, models and transcripts", function()
    local response = assert(client.responses:create { input = "Hola" })
    all_known(response, "marea.ResponseResult", "response")
    local list = assert(client.embeddings:create { input = "Hola" })
    all_known(list, "marea.EmbeddingList", "list")
    all_known(list.data[1], "marea.Embedding", "embedding")
    local models = assert(client.models:list())
    all_known(models, "marea.ModelList", "models")
    all_known(models.data[1], "marea.Model", "model")
    local transcript = assert(client.audio.transcriptions:create { file = { data = "RIFF", filename = "a.wav" } })
    all_known(transcript, "marea.Transcript", "transcript")
  end)

  it("are those of errors", function()
    local _, err = client:ask("Hola", { model = "does-not-exist" })
    all_known(err, "marea.error", "error")
    local kinds = {}
    for _, kind in ipairs(require("marea.error").kinds) do kinds[kind] = true end
    assert.is_true(kinds[err.kind])
  end)

  it("are those of an agent's events and result", function()
    local weather = marea.tool { name = "get_weather", parameters = { city = "string" },
      run = function() return "sunny" end }
    local agent = marea.agent { client = client, tools = { weather } }
    local classes = { step = "StepEvent", ["tool.start"] = "ToolRunEvent", ["tool.end"] = "ToolRunEvent",
      done = "DoneEvent" }
    local seen, stream = {}, agent:stream "The weather in Lugo?"
    for event in stream do
      local class = classes[event.type]
      if class then
        seen[event.type] = true
        all_known(event, "marea." .. class, event.type)
      end
    end
    assert.same(sorted(classes), sorted(seen))
    all_known(assert(stream:result()), "marea.AgentResult", "result")
  end)
end)

describe("make doc's page", function()
  local page = html.page(model, functions, marea._VERSION)

  it("has every public name, and leads nowhere that isn't there", function()
    local anchors = {}
    for id in page:gmatch('id="([^"]+)"') do anchors[id] = true end
    for target in page:gmatch('href="#([^"]+)"') do assert.is_true(anchors[target], target) end
    for _, name in ipairs((annotations.public(model))) do assert.is_true(anchors[(name:gsub("[^%w]", "-"))], name) end
    for name in pairs(exports.names()) do
      assert.is_truthy(page:find("<code>marea." .. name .. "[(<]"), name)
    end
  end)

  it("shows values as values, and functions with what they take", function()
    for _, shown in ipairs { "marea.null", "json.null", "json.array_mt", "json.decode(text, options)",
      "json.encode(value, options)", "marea.step(budget)" } do
      assert.is_truthy(page:find("<h4><code>" .. shown .. "</code></h4>", 1, true), shown)
    end
  end)

  it("shows nothing that is the library's own business", function()
    assert.is_truthy(page:find("<h4><code>marea.provider(t)</code></h4>", 1, true))
    assert.is_truthy(page:find("<h3 id=\"marea-Limits\"", 1, true))
    assert.is_nil(page:find("Limits:enter", 1, true))
  end)

  it("takes what is said of a field from its line alone", function()
    assert.equal("", model.classes["marea.preset"].said)
  end)

  it("is the same each time", function()
    local again = annotations.tree(annotations.paths())
    assert.equal(page, html.page(again, exports.functions(again), marea._VERSION))
  end)
end)
