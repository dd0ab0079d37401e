-- SPDX-License-Identifier: MIT
-- What a client may be told, what it sends because of it, and how it says that
-- it was told wrongly.

local uv = require("luv")
local marea = require("marea")
local json = require("marea.json")
local server = require("spec.support.server")
local leaks = require("spec.support.leaks")

local OK = { { status = 200, body = '{"choices":[{"message":{"role":"assistant","content":"ok"}}]}' } }
local HI = { { role = "user", content = "Hi" } }

local function script(replies, options)
  return server.shared():script(replies or { OK }, options or { repeat_last = true })
end

local function client_of(f, options)
  local all = { base_url = f.base_url, model = "m", max_retries = 0 }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea.client(all)
end

-- Headers of a recorded request: lower-case name -> list of values.
local function headers_of(request)
  local out = {}
  for _, pair in ipairs(request.headers) do
    local name = pair[1]:lower()
    out[name] = out[name] or {}
    table.insert(out[name], pair[2])
  end
  return out
end

local function last(f)
  local requests = f.requests()
  return requests[#requests]
end

local function last_headers(f)
  return headers_of(last(f))
end

local function body_of(f)
  return json.decode(last(f).body)
end

-- f must raise at a line of this file, naming all of the words.
local function wrong(f, ...)
  local ok, err = pcall(f)
  assert.is_false(ok, "raised nothing")
  assert.is_string(err)
  local line = debug.getinfo(f, "S").linedefined
  local said = tonumber(err:match("^[^\n]-client_spec%.lua:(%d+): "))
  assert.is_truthy(said, err)
  assert.is_true(said >= line and said <= debug.getinfo(f, "S").lastlinedefined, err)
  for _, word in ipairs({ ... }) do assert.truthy(err:find(word, 1, true), ("%s: %q missing"):format(err, word)) end
end

describe("a wrong option of marea.client raises at the caller's line", function()
  local cases = {
    { "unknown", { bse_url = "x" }, "bse_url", "base_url" },
    { "provider", { provider = 3 }, "provider", "string", "table" },
    { "an unknown provider", { provider = "nann" }, "nann", "known" },
    { "api_key", { api_key = 3 }, "api_key", "string" },
    { "base_url", { base_url = 3 }, "base_url", "string" },
    { "a base_url without a scheme", { base_url = "localhost:80/v1" }, "base" },
    { "a base_url of another scheme", { base_url = "ftp://x/v1" }, "base" },
    { "a preset's header of the key", { provider = { auth = { header = "a b" } } }, "auth", "a b" },
    { "another such", { provider = { auth = { header = "X", alternatives = { { header = "a b" } } } } },
      "auth", "a b" },
    { "model", { model = 3 }, "model", "string" },
    { "a model by kind", { model = { chat = 3 } }, "model, chat", "string" },
    { "an empty model", { model = "" }, "model", "non-empty string" },
    { "a model of an unknown kind", { model = { chatt = "x" } }, "model", "chatt", "chat" },
    { "an empty model by kind", { model = { chat = "" } }, "model, chat", "non-empty string" },
    { "headers", { headers = "x" }, "headers", "table" },
    { "a header's value", { headers = { ["X-A"] = 3 } }, "headers", "X-A" },
    { "a header's line feed", { headers = { ["X-A"] = "a\r\nB: c" } }, "headers", "X-A" },
    { "a header's name", { headers = { ["X A"] = "a" } }, "headers" },
    { "timeout", { timeout = "x" }, "timeout", "number", "table" },
    { "a timeout of 0", { timeout = 0 }, "timeout" },
    { "a negative clock", { timeout = { idle = -1 } }, "timeout", "idle" },
    { "an unknown clock", { timeout = { idel = 1 } }, "timeout", "idel" },
    { "max_retries", { max_retries = 1.5 }, "max_retries", "1.5" },
    { "negative max_retries", { max_retries = -1 }, "max_retries", "-1" },
    { "limits", { limits = 3 }, "limits", "table" },
    { "an unknown limit", { limits = { rpm = 3 } }, "limits", "rpm" },
    { "a limit of 0", { limits = { concurrent = 0 } }, "concurrent" },
    { "proxy", { proxy = 3 }, "proxy" },
    { "a ca_file that is not there", { ca_file = "/nowhere/x.pem" }, "ca_file", "/nowhere/x.pem" },
    { "a ca_file that is a directory", { ca_file = "/tmp" }, "ca_file", "/tmp" },
    { "verify", { verify = "no" }, "verify", "boolean" },
    { "verify = false without a base_url", { verify = false }, "verify", "base_url" },
    { "on", { on = 3 }, "on" },
    { "an unknown hook", { on = { reqest = print } }, "reqest" },
    { "a hook", { on = { request = 3 } }, "request", "function" },
    { "max_event_size", { max_event_size = 0 }, "max_event_size" },
    { "a key over http to a host that is not near", { base_url = "http://example.com/v1", api_key = "k" }, "https" },
  }
  for _, case in ipairs(cases) do
    it(case[1], function()
      wrong(function() marea.client(case[2]) end, (table.unpack or unpack)(case, 3))
    end)
  end

  it("no table at all", function()
    wrong(function() marea.client("nan") end, "table", "string")
  end)

  it("and so of client:with", function()
    local client = client_of(script())
    wrong(function() client:with({ tiemout = 3 }) end, "tiemout")
    wrong(function() client:with("x") end, "table")
    wrong(function() client:with() end, "table")
    wrong(function() client:with({ headers = { ["X-A"] = 1 } }) end, "X-A")
  end)
end)

describe("a wrong call raises at the caller's line, and sends nothing", function()
  local f, client
  setup(function()
    f = script()
    client = client_of(f)
  end)
  teardown(function() assert.equal(0, #f.requests()) end)

  local CREATE = "client.chat.completions:create"

  it("messages that are missing, no list, or empty", function()
    wrong(function() client.chat.completions:create({}) end, CREATE, "messages", "list", "nil")
    wrong(function() client.chat.completions:create({ messages = "Hi" }) end, "messages", "string")
    wrong(function() client.chat.completions:create({ messages = {} }) end, "messages", "list")
    wrong(function() client.chat.completions:create({ messages = { role = "user" } }) end, "messages")
    wrong(function() client.chat.completions:create({ messages = { "Hi" } }) end, "messages[1]", "table", "string")
  end)

  it("a path that names a host", function()
    wrong(function() client:request({ path = "//evil.example/x" }) end, "path", "relative")
    wrong(function() client:request({ path = "http://evil.example/x" }) end, "path", "relative")
  end)

  it("parameters that are no table, or absent", function()
    wrong(function() client.chat.completions:create("Hi") end, CREATE, "table", "string")
    wrong(function() client.chat.completions:create() end, CREATE, "table", "nil")
    wrong(function() client.responses:create() end, "client.responses:create")
    wrong(function() client.completions:create(3) end, "client.completions:create")
  end)

  it("a prompt or an input that is missing", function()
    wrong(function() client.completions:create({}) end, "prompt")
    wrong(function() client.responses:create({ input = 3 }) end, "input", "3")
  end)

  it("stream that is no boolean", function()
    wrong(function() client.chat.completions:create({ messages = HI, stream = "yes" }) end, "stream", "boolean")
    wrong(function() client:ask("Hi", { stream = "yes" }) end, "stream", "boolean")
  end)

  it("what can't be JSON, naming where it stands", function()
    wrong(function() client.chat.completions:create({ messages = HI, temperature = 0 / 0 }) end, "temperature")
    wrong(function() client.chat.completions:create({ messages = HI, tools = { { f = print } } }) end, "tools[1].f")
    wrong(function() client:request({ path = "x", body = { f = print } }) end, "f")
    wrong(function() client:ask("x", { seed = print }) end, "seed")
  end)

  it("a call with a dot", function()
    wrong(function() client.chat.completions.create({ messages = HI }) end, "colon", CREATE)
    wrong(function() client.models.list() end, "colon", "client.models:list")
    wrong(function() client.models.retrieve("m") end, "colon", "client.models:retrieve")
    wrong(function() client.responses.create({ input = "x" }) end, "colon")
    wrong(function() client.ask("x") end, "colon", "client:ask")
    wrong(function() client.request({ path = "x" }) end, "colon", "client:request")
    wrong(function() client.with({}) end, "colon", "client:with")
  end)

  it("an option of the call that is unknown or wrong", function()
    wrong(function() client.chat.completions:create({ messages = HI }, { tiemout = 3 }) end, CREATE, "tiemout")
    wrong(function() client.chat.completions:create({ messages = HI }, "x") end, CREATE, "options", "string")
    wrong(function() client.chat.completions:create({ messages = HI }, { timeout = { idle = "x" } }) end, "idle")
    wrong(function() client.chat.completions:create({ messages = HI }, { headers = { ["A\n"] = "b" } }) end, "headers")
    wrong(function() client.models:list({}, { max_retries = -1 }) end, "client.models:list", "max_retries")
    wrong(function() client:ask("x", {}, { query = 3 }) end, "query", "table")
  end)

  it("ask without a text, or with parameters that are no table", function()
    wrong(function() client:ask() end, "client:ask", "string", "nil")
    wrong(function() client:ask("") end, "client:ask")
    wrong(function() client:ask({}) end, "client:ask", "table")
    wrong(function() client:ask("x", "y") end, "client:ask", "table")
  end)

  it("request with what it doesn't know, or without a path", function()
    wrong(function() client:request({ pth = "x" }) end, "client:request", "pth", "path")
    wrong(function() client:request({}) end, "client:request", "path")
    wrong(function() client:request() end, "client:request", "table")
    wrong(function() client:request({ path = "x", method = "GE T" }) end, "method")
    wrong(function() client:request({ path = "x", method = 3 }) end, "method")
    wrong(function() client:request({ path = "x", body = 3 }) end, "body")
    wrong(function() client:request({ path = "x", stream = 1 }) end, "stream")
  end)

  it("a path that would leave base_url", function()
    for _, path in ipairs({ "http://example.com/x", "../x", "a/../../x", "x y", "a\r\nb", "a#b" }) do
      wrong(function() client:request({ path = path }) end, "path")
    end
  end)

  it("a query that can't be one, in either table", function()
    local bad = { query = { q = print } }
    wrong(function() client:ask("x", nil, bad) end, "query", "q")
    wrong(function() client.embeddings:create({ input = "a" }, bad) end, "query", "q")
    wrong(function() client.models:list({ q = { {} } }) end, "query", "q")
    wrong(function() client.audio.transcriptions:create({ file = { data = "x" } }, bad) end, "query", "q")
    wrong(function() client:request({ path = "a", query = bad.query }) end, "query", "q")
    wrong(function() client:request({ path = "../a", query = { q = 1 } }) end, "path")
  end)

  it("a model's id that is no string, empty, or would leave its place", function()
    wrong(function() client.models:retrieve() end, "client.models:retrieve")
    wrong(function() client.models:retrieve("") end, "client.models:retrieve")
    wrong(function() client.models:retrieve("..") end, "client.models:retrieve")
  end)

  it("no model where none is known", function()
    local bare = marea.client({ base_url = f.base_url })
    wrong(function() bare.chat.completions:create({ messages = HI }) end, CREATE, "model")
    wrong(function() bare:ask("x") end, "model")
    local kinds = marea.client({ base_url = f.base_url, model = { embeddings = "e" } })
    wrong(function() kinds.responses:create({ input = "x" }) end, "model", "responses")
  end)
end)

describe("what is sent", function()
  it("is the parameters as they are, unknown ones too, and the model where none is named", function()
    local f = script()
    local client = client_of(f)
    assert(client.chat.completions:create({ messages = HI, options = { a = marea.null, b = marea.array({}) }, top_p = 1,
      stop = { "a" } }))
    assert.equal('{"messages":[{"content":"Hi","role":"user"}],"model":"m","options":{"a":null,"b":[]},"stop":["a"],'
      .. '"top_p":1}', json.encode(body_of(f), { sort = true }))
    assert(client.chat.completions:create({ messages = HI, model = "other" }))
    assert.equal("other", body_of(f).model)
  end)

  it("leaves the caller's tables as they were", function()
    local f = script()
    local params, options = { messages = HI }, { headers = { ["X-A"] = "1" }, query = { a = 1 } }
    assert(client_of(f).chat.completions:create(params, options))
    assert.same({ messages = { { role = "user", content = "Hi" } } }, params)
    assert.same({ headers = { ["X-A"] = "1" }, query = { a = 1 } }, options)
  end)

  it("by ask is one user message, and what else was given", function()
    local f = script()
    local r = assert(client_of(f):ask("Hola", { temperature = 0.5 }))
    assert.equal("ok", tostring(r))
    assert.equal("POST", last(f).method)
    assert.truthy(last(f).target:find("/v1/chat/completions$"))
    assert.equal('{"messages":[{"content":"Hola","role":"user"}],"model":"m","temperature":0.5}',
      json.encode(body_of(f), { sort = true }))
  end)

  it("names the model of the kind of call", function()
    local f = script()
    local client = client_of(f, { model = { chat = "c", embeddings = "e" } })
    assert(client:ask("x"))
    assert.equal("c", body_of(f).model)
  end)

  it("holds what a preset requires, and no more of its defaults", function()
    local f = script()
    local client = marea.client({ provider = "saptiva", base_url = f.base_url, api_key = "k" })
    assert(client:ask("x"))
    assert.equal('{"max_tokens":256,"messages":[{"content":"x","role":"user"}],"model":"Saptiva Turbo",'
      .. '"temperature":0.7,"top_p":0.95}', json.encode(body_of(f), { sort = true }))
    assert(client:ask("x", { max_tokens = 5 }))
    assert.equal(5, body_of(f).max_tokens)
  end)

  it("goes under base_url, with or without a slash, with a path, with a query", function()
    local f = script()
    for base, target in pairs({ [f.base_url] = "/v1/models", [f.base_url .. "/"] = "/v1/models",
        [f.base_url .. "//"] = "/v1/models", [f.url] = "/models", [f.url .. "/a/b/"] = "/a/b/models",
        [f.base_url .. "?api-version=1"] = "/v1/models?api-version=1" }) do
      assert(marea.client({ base_url = base }):request({ path = "models" }))
      assert.equal("/s/" .. f.id .. target, last(f).target)
    end
  end)

  it("joins the base's query and the call's", function()
    local f = script()
    local client = client_of(f, { base_url = f.base_url .. "?v=1" })
    assert(client.chat.completions:create({ messages = HI }, { query = { a = "b c&" } }))
    assert.truthy(last(f).target:find("/v1/chat/completions?", 1, true))
    assert.truthy(last(f).target:find("v=1", 1, true))
    assert.truthy(last(f).target:find("a=b%20c%26", 1, true))
  end)

  it("has the parameters of a GET as its query", function()
    local f = script()
    assert(client_of(f).models:list({ detailed = true, n = 3 }))
    assert.equal("GET", last(f).method)
    assert.truthy(last(f).target:find("detailed=true", 1, true))
    assert.truthy(last(f).target:find("n=3", 1, true))
    assert.equal("", last(f).body)
  end)

  it("keeps a model's id in its place, whatever is in it", function()
    local f = script()
    assert(client_of(f).models:retrieve("org/model:7b ?"))
    assert.truthy(last(f).target:find("/v1/models/org%2Fmodel:7b%20%3F", 1, true), last(f).target)
  end)
end)

describe("client:request", function()
  it("reaches any endpoint: POST with a body, else GET, or as told", function()
    local f = script()
    local client = client_of(f)
    assert.equal("ok", assert(client:request({ path = "a/b", body = { x = 1 } })).output_text)
    assert.equal("POST", last(f).method)
    assert.equal('{"x":1}', last(f).body)
    assert.equal("application/json", last_headers(f)["content-type"][1])
    assert(client:request({ path = "/a" , query = { q = 1 } }))
    assert.equal("GET", last(f).method)
    assert.truthy(last(f).target:find("/v1/a?q=1", 1, true))
    assert.is_nil(last_headers(f)["content-type"])
    assert(client:request({ path = "a", query = { q = 1, r = 1 } }, { query = { q = 2 } }))
    assert.truthy(last(f).target:find("/v1/a?q=2&r=1", 1, true), last(f).target)
    assert(client:request({ path = "a", method = "delete" }))
    assert.equal("DELETE", last(f).method)
  end)

  it("gives back JSON, text, or nothing", function()
    local f = script({ { { status = 200, body = "[1,2]" } }, { { status = 204 } }, { { status = 200, body = "" } },
      { { status = 200, body = "plain", headers = { ["content-type"] = "text/plain" } } },
      { { status = 200, body = '"s"', headers = { ["content-type"] = "application/json" } } } })
    local client = client_of(f)
    assert.equal(2, client:request({ path = "a" }).data[2])
    assert.equal(204, client:request({ path = "a" }).response.status)
    assert.equal(200, assert(client:request({ path = "a" })).response.status)
    local text = assert(client:request({ path = "a" }))
    assert.equal("plain", text.data)
    assert.equal("text/plain", text.content_type)
    assert.equal("s", client:request({ path = "a" }).data)
  end)

  local function typed(body, kind)
    return { { status = 200, body = body, headers = { ["content-type"] = kind } } }
  end

  -- Files of a batch are lines of JSON, under the one name or the other.
  local lines = { ['{"id":1,"error":null}\n{"id":2,"error":{"message":"of that line"}}\n'] = "application/octet-stream",
    ['{"id":1,"error":{"message":"of the line"}}\n'] = "application/octet-stream",
    ['{"id":1}\n{"id":2}\n'] = "application/x-ndjson", ['{"id":3}\n{"id":4}\n'] = "application/jsonl",
    ["[section]\nname = 1\n"] = "text/plain", ["{not JSON} in a log"] = "text/plain; charset=utf-8" }

  for body, kind in pairs(lines) do
    it(("takes as it is what isn't said to be JSON: %s, %q"):format(kind, body:sub(1, 12)), function()
      local f = script({ typed(body, kind) })
      local result = assert(client_of(f):request({ path = "files/f/content" }))
      assert.equal(body, result.data)
      assert.equal(kind:match("^[^;]+"), result.content_type)
      local stream = assert(client_of(f):request({ path = "files/f/content", stream = true }))
      local pieces = {}
      for piece in stream:bytes() do pieces[#pieces + 1] = piece end
      assert.equal(body, table.concat(pieces))
    end)
  end

  it("decodes what is said to be JSON, by whatever name", function()
    for _, kind in ipairs({ "application/json", "text/json", "application/hal+json; charset=utf-8" }) do
      local f = script({ typed('{"a":1}', kind) })
      assert.equal(1, assert(client_of(f):request({ path = "a" })).a, kind)
      assert.equal(1, assert(client_of(f):request({ path = "a", stream = true })):result().a, kind)
    end
  end)

  local function stream_of(...)
    return assert(client_of(script({ { { sse = { ... } } } })):request({ path = "a", stream = true }))
  end

  it("takes for an error only what says that it is one", function()
    for _, body in ipairs({ '{"message":"queued","code":"QUEUED"}', '{"detail":"low","price":3}' }) do
      local result = assert(client_of(script({ typed(body, "application/json") })):request({ path = "a" }))
      assert.same(json.decode(body), json.decode(json.encode(result)))
      local seen = 0
      for _ in stream_of(body, '{"type":"end"}'):chunks() do seen = seen + 1 end
      assert.equal(2, seen)
    end
    for _, says in ipairs({ '"error":{"code":1}', '"object":"error"', '"type":"error"' }) do
      local body = "{" .. says .. ',"message":"no"}'
      local _, err = client_of(script({ typed(body, "application/json") })):request({ path = "a" })
      assert.equal("server", err.kind)
      local _, broken = stream_of(body):result()
      assert.equal("stream", broken.kind)
      assert.equal("no", broken.message)
    end
  end)

  it("takes for an error, in a stream of choices, what is one there", function()
    local _, err = stream_of(server.chunk_json({ content = "a" }), '{"message":"no","code":500}'):result()
    assert.equal("stream", err.kind)
  end)

  it("streams any events", function()
    local f = script({ { { sse = { '{"a":1}', '{"b":2}' } } } })
    local seen = {}
    for chunk in assert(client_of(f):request({ path = "a", body = {}, stream = true })):chunks() do
      seen[#seen + 1] = json.encode(chunk)
    end
    assert.same({ '{"a":1}', '{"b":2}' }, seen)
  end)
end)

describe("models", function()
  it("are listed and retrieved", function()
    local client = marea.client({ base_url = server.shared().base_url })
    local list = assert(client.models:list())
    assert.equal("bundled-echo", list.data[1].id)
    assert.equal("bundled-echo", assert(client.models:retrieve("bundled-echo")).id)
    local none, err = client.models:retrieve("does-not-exist")
    assert.is_nil(none)
    assert.equal("not_found", err.kind)
  end)

  it("that come as a bare array are in data all the same", function()
    local client = client_of(script({ { { status = 200, body = '[{"id":"a"}]' } } }))
    assert.equal("a", client.models:list().data[1].id)
  end)
end)

describe("the key", function()
  local function authorization(f)
    local list = last_headers(f).authorization
    assert.is_true(list == nil or #list == 1)
    return list and list[1]
  end

  after_each(function() uv.os_unsetenv("NAN_API_KEY") end)

  it("is the option's, and goes as a bearer", function()
    local f = script()
    assert(client_of(f, { api_key = "k1" }):ask("x"))
    assert.equal("Bearer k1", authorization(f))
  end)

  it("is what a function returns, asked anew for each call", function()
    local f, n = script(), 0
    local client = client_of(f, { api_key = function()
      n = n + 1
      return "k" .. n
    end })
    assert(client:ask("x"))
    assert(client:ask("x"))
    assert.equal("Bearer k2", authorization(f))
  end)

  it("of a function that returns none is `authentication`; what one raises is raised", function()
    local f = script()
    local client = client_of(f, { limits = { concurrent = 1 } })
    local r, err = client:ask("x", {}, { api_key = function() end })
    assert.is_nil(r)
    assert.equal("authentication", err.kind)
    local ok, why = pcall(client.ask, client, "x", {}, { api_key = function() error("vault shut", 0) end })
    assert.is_false(ok)
    assert.equal("vault shut", why)
    assert.equal(0, client.limits.running)
    assert.equal(0, #f.requests())
    assert(client:ask("x"))
  end)

  it("of one call may be another", function()
    local f = script()
    local client = client_of(f, { api_key = "k1" })
    assert(client:ask("x", {}, { api_key = "k2" }))
    assert.equal("Bearer k2", authorization(f))
    assert(client:ask("x"))
    assert.equal("Bearer k1", authorization(f))
  end)

  it("is the preset's environment variable's, but for an option", function()
    local f = script()
    local function ask(options)
      options.provider, options.base_url = "nan", f.base_url
      return marea.client(options):ask("x")
    end
    uv.os_setenv("NAN_API_KEY", "env-key")
    assert(ask({}))
    assert.equal("Bearer env-key", authorization(f))
    assert(ask({ api_key = "mine" }))
    assert.equal("Bearer mine", authorization(f))
    uv.os_setenv("NAN_API_KEY", "  env-key\n")
    assert(ask({}))
    assert.equal("Bearer env-key", authorization(f))
  end)

  it("that is missing, or blank, is `authentication`, naming the variable: nothing is sent", function()
    local f = script()
    for _, value in ipairs({ false, "", "  ", "\n" }) do
      if value then uv.os_setenv("NAN_API_KEY", value) else uv.os_unsetenv("NAN_API_KEY") end
      local client = marea.client({ provider = "nan", base_url = f.base_url })
      for _, call in ipairs({ function() return client:ask("x") end, function() return client.models:list() end,
          function() return client:ask("x", { stream = true }) end }) do
        local r, err = call()
        assert.is_nil(r)
        assert.equal("authentication", err.kind)
        assert.truthy(err.message:find("NAN_API_KEY", 1, true))
        assert.equal("nan", err.provider)
      end
    end
    assert.equal(0, #f.requests())
  end)

  it("is not needed with a base_url alone, and no header is sent, whatever is in the environment", function()
    uv.os_setenv("OPENAI_API_KEY", "env-openai")
    local f = script()
    assert(client_of(f):ask("x"))
    uv.os_unsetenv("OPENAI_API_KEY")
    assert.is_nil(authorization(f))
  end)

  it("that can't be one is `authentication`, and is not shown", function()
    local r, err = client_of(script(), { api_key = "se\ncret" }):ask("x")
    assert.is_nil(r)
    assert.equal("authentication", err.kind)
    assert.is_nil(tostring(err):find("cret", 1, true))
  end)
end)

describe("headers", function()
  it("are marea's own, and no others", function()
    local f = script()
    assert(client_of(f):ask("x"))
    local h = last_headers(f)
    assert.same({ "application/json" }, h["content-type"])
    assert.same({ "application/json" }, h.accept)
    assert.truthy(h["user-agent"][1]:find("^marea/"))
    assert.is_nil(h.expect)
    local known = { host = 1, accept = 1, ["accept-encoding"] = 1, ["content-type"] = 1, ["content-length"] = 1,
      ["user-agent"] = 1 }
    for name in pairs(h) do assert.equal(1, known[name], name) end
  end)

  it("ask for events where a stream was asked for", function()
    local f = script({ { { sse = { '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}' } } } })
    assert(client_of(f):ask("x", { stream = true })):result()
    assert.same({ "text/event-stream" }, last_headers(f).accept)
  end)

  it("are added by client and call, the call's winning, whatever the case", function()
    local f = script()
    local client = client_of(f, { headers = { ["X-One"] = "1", ["X-Two"] = "1" } })
    assert(client:ask("x", {}, { headers = { ["x-one"] = "2" } }))
    assert.same({ "2" }, last_headers(f)["x-one"])
    assert.same({ "1" }, last_headers(f)["x-two"])
    assert(client:ask("x"))
    assert.same({ "1" }, last_headers(f)["x-one"])
  end)

  it("replace marea's own, whatever the case", function()
    local f = script()
    assert(client_of(f, { api_key = "k", headers = { ["user-agent"] = "mine", authorization = "Basic x",
      ["CONTENT-TYPE"] = "application/json; v=2" } }):ask("x"))
    local h = last_headers(f)
    assert.same({ "mine" }, h["user-agent"])
    assert.same({ "Basic x" }, h.authorization)
    assert.same({ "application/json; v=2" }, h["content-type"])
  end)

  it("are removed by false: marea's, the key's, those of the client", function()
    local f = script()
    local client = client_of(f, { api_key = "k", headers = { ["X-One"] = "1", ["user-agent"] = false } })
    assert(client:ask("x", {}, { headers = { Authorization = false, ["x-ONE"] = false, Accept = false,
      ["Content-Type"] = false } }))
    local h = last_headers(f)
    for _, name in ipairs({ "authorization", "x-one", "user-agent", "accept", "content-type" }) do
      assert.is_nil(h[name], name)
    end
  end)

  it("may be empty", function()
    local f = script()
    assert(client_of(f, { headers = { ["X-Empty"] = "" } }):ask("x"))
    assert.same({ "" }, last_headers(f)["x-empty"])
  end)

  it("are not the client's any more when the caller changes his table", function()
    local f, mine = script(), { ["X-One"] = "1" }
    local client = client_of(f, { headers = mine })
    mine["X-One"], mine["X-Two"] = "2\r\nX-Evil: 1", "2"
    assert(client:ask("x"))
    assert.same({ "1" }, last_headers(f)["x-one"])
    assert.is_nil(last_headers(f)["x-two"])
    assert.is_nil(last_headers(f)["x-evil"])
  end)
end)

describe("client:with, going elsewhere", function()
  local KEY, TOKEN = "sk-of-the-old-place", "token-of-the-old-place"
  local old, other

  -- A server of another origin: scripts that go by path share theirs.
  local function elsewhere()
    local actions = { { wait_request = true }, OK[1], { fin = true } }
    return server.shared():port_script({ actions }, { repeat_last = true })
  end

  local function provider_of(f)
    return { name = "two", base_url = f.base_url, models = {}, default_model = { chat = "m2" }, key_optional = true,
      auth = { header = "Authorization", prefix = "Bearer " } }
  end

  local function first(options)
    local all = { api_key = KEY, model = "old-model", headers = { ["X-Auth-Token"] = TOKEN, ["X-Plain"] = "1" } }
    for name, value in pairs(options or {}) do all[name] = value end
    return client_of(old, all)
  end

  before_each(function() old, other = script(), elsewhere() end)
  after_each(function() other.forget() end)

  local function sent_no_secret(f)
    assert.equal(1, #f.requests())
    local head = last(f).head
    assert.is_nil(head:find(KEY, 1, true))
    assert.is_nil(head:find(TOKEN, 1, true))
    assert.is_nil(last_headers(f).authorization)
    assert.is_nil(last_headers(f)["x-auth-token"])
    assert.same({ "1" }, last_headers(f)["x-plain"])
  end

  it("to another provider, takes neither address, key, model nor secret headers along", function()
    assert(first():with({ provider = provider_of(other) }):ask("x"))
    assert.equal(0, #old.requests())
    sent_no_secret(other)
    assert.equal("m2", body_of(other).model)
  end)

  it("to another provider, sends what is given with it", function()
    assert(first():with({ provider = provider_of(other), api_key = "k2", model = "m3",
      headers = { ["X-Auth-Token"] = "t2" } }):ask("x"))
    assert.same({ "Bearer k2" }, last_headers(other).authorization)
    assert.same({ "t2" }, last_headers(other)["x-auth-token"])
    assert.equal("m3", body_of(other).model)
  end)

  it("to another origin, takes neither key nor secret headers along", function()
    assert(first():with({ base_url = other.base_url }):ask("x"))
    assert.equal(0, #old.requests())
    sent_no_secret(other)
    assert.equal("old-model", body_of(other).model)
  end)

  it("to another origin, leaves behind the key of the provider's variable", function()
    uv.os_setenv("MAREA_SPEC_KEY", KEY)
    finally(function() uv.os_unsetenv("MAREA_SPEC_KEY") end)
    local preset = provider_of(old)
    preset.api_key_env = "MAREA_SPEC_KEY"
    local client = marea.client({ provider = preset, max_retries = 0, headers = { ["X-Plain"] = "1" } })
    assert(client:ask("x"))
    assert.same({ "Bearer " .. KEY }, last_headers(old).authorization)
    assert(client:with({ base_url = other.base_url }):ask("x"))
    sent_no_secret(other)
  end)

  it("to another path of the same origin, keeps the key and all headers", function()
    local path = script()
    assert(first():with({ base_url = path.base_url }):ask("x"))
    assert.equal(0, #old.requests())
    assert.same({ "Bearer " .. KEY }, last_headers(path).authorization)
    assert.same({ TOKEN }, last_headers(path)["x-auth-token"])
    assert.same({ "1" }, last_headers(path)["x-plain"])
    assert.equal("old-model", body_of(path).model)
  end)

  it("nowhere, keeps all of it", function()
    assert(first():with({ timeout = 5 }):ask("x"))
    assert.same({ "Bearer " .. KEY }, last_headers(old).authorization)
    assert.same({ TOKEN }, last_headers(old)["x-auth-token"])
    assert.same({ "1" }, last_headers(old)["x-plain"])
    assert.equal("old-model", body_of(old).model)
    assert.equal(0, #other.requests())
  end)
end)

describe("client:with", function()
  it("gives a client with other settings, and leaves the first as it was", function()
    local f = script()
    local first = client_of(f, { api_key = "k1", headers = { ["X-One"] = "1" } })
    local second = first:with({ model = "m2", api_key = "k2", headers = { ["x-one"] = "2", ["X-Two"] = "2" } })
    assert(second:ask("x"))
    assert.equal("m2", body_of(f).model)
    local h = last_headers(f)
    assert.same({ "Bearer k2" }, h.authorization)
    assert.same({ "2" }, h["x-one"])
    assert.same({ "2" }, h["x-two"])
    assert(first:ask("x"))
    assert.equal("m", body_of(f).model)
    assert.same({ "Bearer k1" }, last_headers(f).authorization)
    assert.same({ "1" }, last_headers(f)["x-one"])
    assert.is_nil(last_headers(f)["x-two"])
  end)

  it("replaces headers whatever the case, however many there are", function()
    local f, first, second = script(), {}, {}
    for i = 1, 20 do first["X-H" .. i], second["x-h" .. i] = "1", "2" end
    assert(client_of(f, { headers = first }):with({ headers = second }):ask("x"))
    for i = 1, 20 do assert.same({ "2" }, last_headers(f)["x-h" .. i]) end
  end)

  it("removes by false a header that the first added", function()
    local f = script()
    assert(client_of(f, { headers = { ["X-One"] = "1" } }):with({ headers = { ["x-one"] = false } }):ask("x"))
    assert.is_nil(last_headers(f)["x-one"])
  end)

  it("keeps clocks that it isn't told", function()
    local f = script({ { { sleep = 0.3 }, OK[1] } }, { repeat_last = true })
    local client = client_of(f, { timeout = { first_byte = 0.1 } }):with({ timeout = { idle = 5 } })
    assert.equal("first_byte", select(2, client:ask("x")).phase)
    assert(client:with({ timeout = { first_byte = false } }):ask("x"))
    assert(client:ask("x", {}, { timeout = { first_byte = false } }))
  end)

  it("shares limits, unless given others, or another provider", function()
    local first = client_of(script(), { limits = { concurrent = 1 } })
    assert.equal(first.limits, first:with({ model = "x" }).limits)
    assert.equal(first.limits, first:with({}):with({ timeout = 3 }).limits)
    assert.not_equal(first.limits, first:with({ limits = { concurrent = 2 } }).limits)
    assert.not_equal(first.limits, first:with({ provider = "openai" }).limits)
    local preset = marea.client({ provider = "nan" })
    assert.equal(preset.limits, preset:with({ model = "gemma4" }).limits)
  end)

  it("shares connections", function()
    local f = script()
    local first = client_of(f)
    assert(first:ask("x"))
    assert(first:with({ model = "y" }):ask("x"))
    local requests = f.requests()
    assert.equal(requests[1].connection, requests[2].connection)
  end)

  it("makes nothing of what the caller does to his table later", function()
    local f, mine = script(), { base_url = script().base_url, model = "m" }
    mine.base_url = f.base_url
    local first = marea.client(mine)
    mine.model = "changed"
    assert(first:with({}):ask("x"))
    assert.equal("m", body_of(f).model)
  end)
end)

describe("a client", function()
  local function dump(value, seen, out)
    if seen[value] then return out end
    out[#out + 1] = tostring(value)
    if type(value) == "table" then
      seen[value] = true
      for k, v in pairs(value) do
        dump(k, seen, out)
        dump(v, seen, out)
      end
      if getmetatable(value) and type(getmetatable(value)) == "table" then dump(getmetatable(value), seen, out) end
    end
    return out
  end

  it("holds no key where anybody looks: tostring, dumps, streams, results, errors", function()
    local f = script({ { { sse = { '{"choices":[{"delta":{"content":"a"},"finish_reason":"stop"}]}' } } }, OK,
      { { status = 500, body = '{"error":{"message":"bad key sk-canary-1"}}' } } })
    local client = client_of(f, { api_key = "sk-canary-1", headers = { ["X-Api-Key"] = "sk-canary-2" } })
    local stream = assert(client:ask("x", { stream = true }))
    local things = { client, client:with({}), stream, stream:result(), assert(client:ask("x")),
      (select(2, client:ask("x"))) }
    assert.equal(6, #things)
    for _, thing in ipairs(things) do
      assert.is_nil(table.concat(dump(thing, {}, {}), "\n"):find("canary", 1, true))
    end
  end)

  it("names its provider, or where it goes, in tostring", function()
    assert.equal("marea.client (nan)", tostring(marea.client({ provider = "nan" })))
    assert.equal("marea.client (http://127.0.0.1:8080)",
      tostring(marea.client({ base_url = "http://user:secret@127.0.0.1:8080/v1?key=x" })))
  end)

  it("is collected when nobody holds it", function()
    local weak = setmetatable({}, { __mode = "k" })
    local f = script()
    for _ = 1, 5 do
      local client = client_of(f)
      assert(client:ask("x"))
      weak[client], weak[client.chat.completions] = true, true
    end
    leaks.collect()
    assert.is_nil(next(weak))
  end)

  it("is kept by what belongs to it: an endpoint alone goes on working", function()
    local f = script()
    local completions = client_of(f).chat.completions
    leaks.collect()
    assert.equal("ok", tostring(assert(completions:create({ messages = HI }))))
  end)
end)

describe("errors of a call", function()
  it("come back as nil, err, for ask, create, list and a stream alike", function()
    local f = script({ { { status = 401, body = '{"error":{"message":"no","type":"t","param":"p","code":"c"}}',
      headers = { ["x-request-id"] = "req_7" } } } }, { repeat_last = true })
    local client = client_of(f)
    for _, call in ipairs({ function() return client:ask("x") end, function() return client.models:list() end,
        function() return client.chat.completions:create({ messages = HI, stream = true }) end,
        function() return client:request({ path = "x", stream = true }) end }) do
      local r, err = call()
      assert.is_nil(r)
      assert.is_true(marea.is_error(err))
      assert.same({ "authentication", 401, "no", "t", "p", "c", "req_7" },
        { err.kind, err.status, err.message, err.type, err.param, err.code, err.request_id })
    end
  end)

  it("have a kind for each status", function()
    for status, kind in pairs({ [400] = "bad_request", [401] = "authentication", [402] = "billing",
        [403] = "permission", [404] = "not_found", [408] = "timeout", [409] = "bad_request", [413] = "too_large",
        [418] = "bad_request", [422] = "bad_request", [429] = "rate_limit", [500] = "server", [503] = "server",
        [524] = "server" }) do
      local f = script({ { { status = status, body = '{"error":{"message":"x","code":7,"param":null}}' } } })
      local _, err = client_of(f):ask("x")
      assert.equal(kind, err.kind, status)
      assert.equal(status, err.status)
      assert.equal(7, err.code)
      assert.is_nil(err.param)
    end
  end)
end)
