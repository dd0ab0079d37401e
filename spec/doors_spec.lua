-- SPDX-License-Identifier: MIT
-- Every door by which a caller's text gets into the head of a request: each is
-- shut to what could end a header, a path or a form's part there, before any
-- byte is sent, and what is said about it shows neither the text nor a control
-- character. Where a text is let in, it is encoded and ends nothing.

local child = require("spec.support.child")
local faults = require("spec.support.faults")
local form = require("spec.support.form")
local marea = require("marea")
local server = require("spec.support.server")

local SECRET = "sekret4711"

local nasty = { ["CR LF"] = "\r\nx-injected: 1", CR = "\rx", LF = "\nx", NUL = "\0x", ESC = "\27[31m", DEL = "\127x",
  VT = "\11x", BEL = "\7x" }

describe("a door", function()
  local s, f, client

  setup(function()
    s = server.shared()
    f = s:script({ faults.good() }, { repeat_last = true, keep_body = 65536 })
    client = faults.client(f)
  end)

  local function client_of(options)
    return function(text)
      local all = { base_url = f.base_url, model = "m", max_retries = 0 }
      for name, make in pairs(options) do all[name] = type(make) == "function" and make(text) or make end
      return faults.ask(marea.client(all))
    end
  end

  local function call_with(options)
    return function(text)
      local all = {}
      for name, make in pairs(options) do all[name] = make(text) end
      return faults.ask(client, all)
    end
  end

  local function value_of(name)
    return function(text) return { [name] = text } end
  end

  local function name_of(text)
    return { [text] = "x" }
  end

  local function preset_of(make)
    return function(text) return { base_url = f.base_url, models = {}, auth = make(text) } end
  end

  local function same(text) return text end
  local function later(text) return function() return text end end
  local function sent(field)
    return function(text)
      return client:request { path = "x", form = { a = { [field] = text, data = field ~= "path" and "d" or nil } } }
    end
  end

  -- Those that are shut.
  local shut = {
    ["headers of a client"] = client_of { headers = value_of "x-mine" },
    ["names of a client's headers"] = client_of { headers = name_of },
    ["the user agent"] = client_of { headers = value_of "User-Agent" },
    ["the organisation"] = client_of { headers = value_of "OpenAI-Organization" },
    ["cookies"] = client_of { headers = value_of "Cookie" },
    ["the content type"] = client_of { headers = value_of "Content-Type" },
    ["the host"] = client_of { headers = value_of "Host" },
    ["headers of a call"] = call_with { headers = value_of "x-mine" },
    ["names of a call's headers"] = call_with { headers = name_of },
    ["the key of a client"] = client_of { api_key = same },
    ["the key of a client that is a function"] = client_of { api_key = later },
    ["the key of a call"] = call_with { api_key = same },
    ["the header for a key"] = client_of { api_key = "k", auth = same },
    ["a preset's header for the key"] = client_of { api_key = "k",
      provider = preset_of(function(text) return { header = text } end) },
    ["a preset's prefix of the key"] = client_of { api_key = "k",
      provider = preset_of(function(text) return { header = "x-key", prefix = text } end) },
    ["a preset's other header for the key"] = client_of { api_key = "k", provider = preset_of(function(text)
      return { header = "x-key", alternatives = { { header = "x-other", prefix = text } } }
    end) },
    ["a provider's named option"] = function(text)
      return marea.client { provider = "openrouter", base_url = f.base_url, api_key = "k", title = text }:ask("hola")
    end,
    ["base_url"] = client_of { base_url = function(text) return f.base_url .. text end },
    ["proxy"] = client_of { proxy = function(text) return "http://127.0.0.1:1/" .. text end },
    ["the method"] = function(text) return client:request { path = "x", method = "GET" .. text } end,
    ["the path"] = function(text) return client:request { path = "x" .. text } end,
    ["a file's content type"] = sent "content_type",
    ["a file's content type, after its parameters"] = function(text)
      return client:request { path = "x", form = { a = { data = "d", content_type = "a/b; c=" .. text } } }
    end,
  }

  for door, open in pairs(shut) do
    for name, bytes in pairs(nasty) do
      it(("of %s is shut to %s"):format(door, name), function()
        local before = #f.requests()
        local ok, result, err = pcall(open, SECRET .. bytes)
        if ok then      -- a key is a matter of run time
          assert.is_nil(result)
          assert.equal("authentication", err.kind)
        end
        local message = ok and tostring(err) or tostring(result)
        assert.is_nil(message:find("%c"), message)
        if not door:find("^names of") and not door:find("header for") then
          assert.is_nil(message:find(SECRET, 1, true), message)
        end
        assert.equal(before, #f.requests())
      end)
    end
  end

  -- Those a NUL would cut short.
  local cut = {
    ["ca_file"] = client_of { ca_file = function(text) return "/etc/hostname" .. text end },
    ["a file's path"] = sent "path",
    ["a file's name"] = sent "filename",
    ["a form's field"] = function(text) return client:request { path = "x", form = { [text] = "1" } } end,
    ["a place to save to"] = function(text)
      return client.audio.speech:create({ input = "a", voice = "b" }, { to = "/tmp/x" .. text })
    end,
    ["an image"] = function(text) return marea.image("/etc/hostname" .. text) end,
    ["a model's name in a path"] = function(text) return client.models:retrieve(text) end,
    ["the query"] = function(text) return client.models:list({ q = text }) end,
    ["the query's names"] = function(text) return client.models:list({ [text] = "q" }) end,
  }

  for door, open in pairs(cut) do
    it("of " .. door .. " is shut to what a NUL would cut short", function()
      local before = #f.requests()
      local ok, message = pcall(open, "\0.png")
      assert.is_false(ok)
      assert.is_nil(message:find("%c"), message)
      assert.equal(before, #f.requests())
    end)
  end

  -- Those where a text is encoded.
  local encoded = {
    ["a model's name in a path"] = function(text) return client.models:retrieve("m" .. text) end,
    ["the query"] = function(text) return client.models:list({ q = text }) end,
    ["the query's names"] = function(text) return client.models:list({ ["q" .. text] = "1" }) end,
    ["a call's query"] = function(text) return faults.ask(client, { query = { q = text } }) end,
  }

  for door, open in pairs(encoded) do
    it("of " .. door .. " encodes what could end it", function()
      for name, bytes in pairs(nasty) do
        if name ~= "NUL" then
          open(bytes .. " /?#&=%2e\195\161")
          local requests = f.requests()
          local request = requests[#requests]
          assert.truthy(request.target:find("^/s/[%w%%/?=&:._~-]+$"), request.target)
          assert.is_nil(request.head:find("\n[^\r\n]*x%-injected"))
        end
      end
    end)
  end

  it("of a form's names encodes what could end them, and sends its texts as they are", function()
    for name, bytes in pairs(nasty) do
      if name ~= "NUL" then
        client:request { path = "x", form = { ["n" .. bytes] = "v" .. bytes,
          f = { data = "d" .. bytes, filename = "f" .. bytes .. '"' } } }
        local requests = f.requests()
        local parts = assert(form.parts(requests[#requests]))
        assert.equal(2, #parts)
        assert.equal("v" .. bytes, parts[1].data)
        assert.equal("d" .. bytes, parts[2].data)
        assert.is_nil(parts[1].name:find('[\r\n"]'))
        assert.is_nil(parts[2].filename:find('[\r\n"]'))
      end
    end
  end)

  it("of a form's texts lets everything in, what looks like its boundary too", function()
    local seen, last = {}, ""
    for _ = 1, 20 do
      client:request { path = "x", form = { a = "\r\n--" .. last .. "--\r\n", b = "2" } }
      local requests = f.requests()
      local request = requests[#requests]
      last = assert(form.header(request, "content-type"):match("boundary=(%S+)$"))
      assert.is_nil(seen[last], "a boundary came twice")
      assert.is_true(#last:gsub("^%-+", "") >= 16, last)
      seen[last] = true
      assert.equal(2, #assert(form.parts(request)))
    end
  end)

  it("of a body lets everything in, as JSON", function()
    for _, bytes in pairs(nasty) do
      assert(faults.ask(client, nil, { messages = { { role = "user", content = bytes } } }))
      local requests = f.requests()
      local request = requests[#requests]
      assert.equal(bytes, marea.json.decode(request.body).messages[1].content)
      assert.is_nil(request.head:find("injected", 1, true))
    end
  end)
end)

describe("by default", function()
  it("everything that is received has a limit", function()
    local options
    local loop = require("marea.loop")
    local engine = loop.engine()
    local seen = setmetatable({}, { __index = function(_, name)
      return function(self, ...)
        local found = ...
        if name == "template" then options = found end
        return engine[name](self == nil and engine or engine, ...)
      end
    end })
    local before = loop.engine
    loop.engine = function() return seen end
    local f = server.shared():script({ faults.good() })
    pcall(faults.ask, faults.client(f))
    loop.engine = before
    assert.is_table(options, "no template was made")
    assert.is_true(options.max_body > 0 and options.max_body <= 2 ^ 30)
    assert.is_true(options.max_event > 0 and options.max_event <= 2 ^ 30)
    assert.is_true(options.connect > 0 and options.first_byte > 0 and options.idle > 0)
    assert.is_falsy(options.insecure)
  end)
end)

describe("what is said", function()
  it("by servers and models is never run", function()
    local EVIL = "os.execute('touch evil') return 1"
    local call = ('{"choices":[{"index":0,"finish_reason":"tool_calls","message":{"role":"assistant",'
      .. '"content":"%s","tool_calls":['
      .. '{"id":"c1","type":"function","function":{"name":"add","arguments":"{\\"code\\":\\"%s\\"}"}},'
      .. '{"id":"c2","type":"function","function":{"name":"%s","arguments":"%s"}}]}}]}'):format(EVIL, EVIL, EVIL, EVIL)
    local f = server.shared():script({ { status = 200, body = call }, faults.good(), { status = 400, body = EVIL },
      { { send = faults.SSE_HEAD .. faults.chunk("data: " .. EVIL .. "\n\n") .. "0\r\n\r\n" } } })
    local output, status = child.code([[
      for _, name in ipairs { "load", "loadstring", "loadfile", "dofile" } do
        if _G[name] then _G[name] = function() io.write "RUN" os.exit(1) end end
      end
      os.execute, io.popen = nil, nil
      local marea = require "marea"
      local client = marea.client { base_url = ..., model = "m", max_retries = 0 }
      local got
      local add = marea.tool { name = "add", description = "adds", parameters = { code = "string" },
        run = function(args) got = args.code return args.code end }
      local agent = marea.agent { client = client, name = "a", tools = { add } }
      local result = assert(agent:run "go")
      assert(got:find("os.execute", 1, true))
      marea.load(marea.json.decode(marea.json.encode(marea.dump(result))))
      assert(not client:ask "x")
      local stream = client.chat.completions:create { messages = { { role = "user", content = "x" } }, stream = true }
      assert(not stream:result())
      io.write "done"
    ]], { f.base_url })
    assert.equal("done", output)
    assert.equal(0, status)
  end)
end)
