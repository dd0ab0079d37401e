-- SPDX-License-Identifier: MIT
-- Secrets planted in every door, failures of every kind: nothing that is
-- raised, returned, told to a hook or dumped may hold them. And nothing that
-- could break out of a header, a path or a URL gets as far as the network.

local faults = require("spec.support.faults")
local daemon = require("spec.support.daemon")
local marea = require("marea")
local server = require("spec.support.server")
local uv = require("luv")

local KEY = "sk-canary-key-4711"
local HEADER = "canary-header-4711"
local COOKIE = "canary-cookie-4711"
local PROXY = "canary-proxy-4711"
local USERINFO = "canary-userinfo-4711"
local QUERY = "canary-query-4711"
local MARK = "canary"

-- Every string that can be reached from a value, through fields, keys and
-- metatables; functions by their upvalues are not what a dump shows.
local function find_canary(value, path, seen)
  if type(value) == "string" then return value:find(MARK, 1, true) and path end
  if type(value) ~= "table" or seen[value] then return nil end
  seen[value] = true
  for key, item in next, value do
    local here = path .. "." .. tostring(key)
    local found = find_canary(key, here, seen) or find_canary(item, here, seen)
    if found then return found end
  end
  return find_canary(debug.getmetatable(value), path .. "<mt>", seen)
end

local function assert_clean(value, what)
  assert.is_nil(find_canary(value, what, {}))
  assert.is_nil(tostring(value):find(MARK, 1, true), what .. ": " .. tostring(value):gsub(MARK, "CANARY"))
end

-- What a server says that knows the request: it echoes all of it.
local ECHO = ('{"error":{"message":"Incorrect API key provided: %s","code":"%s","param":"%s","details":{"%s":["%s"]}}}')
  :format(KEY, HEADER, KEY, KEY, COOKIE)

local function clear_environment()
  for _, name in ipairs { "http_proxy", "HTTPS_PROXY", "https_proxy", "HOME" } do uv.os_unsetenv(name) end
end

describe("a secret", function()
  local s, told, home
  local guard = faults.guard()

  setup(function()
    home = os.getenv("HOME")
    s = server.shared()
    local f = s:script({ faults.good() })
    assert(faults.ask(faults.client(f)))
  end)

  before_each(function()
    told = {}
    guard.arm()
    guard.pooled = 2
  end)

  after_each(function()
    clear_environment()
    if home then uv.os_setenv("HOME", home) end
    guard.check()
  end)

  local function keep(list)
    return function(event)
      list[#list + 1] = event
      list[#list + 1] = tostring(event.error)
    end
  end

  local function client_of(place, options)
    local base = place.base_url:gsub("//", "//user:" .. USERINFO .. "@") .. "?api_key=" .. QUERY
    local all = { base_url = base, api_key = KEY,
      headers = { ["x-api-key"] = HEADER, Cookie = COOKIE, ["X-Auth-Token"] = HEADER },
      on = { request = keep(told), response = keep(told), retry = keep(told) } }
    for name, value in pairs(options or {}) do all[name] = value end
    return faults.client({ base_url = base }, all)
  end

  local function echo(status)
    return { status = status, body = ECHO, headers = { ["retry-after-ms"] = "5", ["x-echo"] = KEY,
      ["set-cookie"] = COOKIE, ["x-request-id"] = "req-" .. KEY,
      location = "http://u:" .. USERINFO .. "@h/?key=" .. QUERY } }
  end

  local ways = {
    ["400"] = { echo(400) }, ["401"] = { echo(401) }, ["429"] = { echo(429) }, ["500"] = { echo(500) },
    ["a redirect"] = { echo(302) },
    ["a page of HTML"] = { { status = 502, headers = { ["content-type"] = "text/html", ["retry-after-ms"] = "5" },
      body = "<html><title>" .. KEY .. "</title>" .. KEY } },
    ["an error in a 200"] = { { status = 200, body = ECHO } },
    ["no JSON"] = { { status = 200, body = "[" .. KEY .. "," } },
    ["JSON of no shape"] = { { status = 200, body = '"' .. KEY .. '"' } },
    ["plain text"] = { { status = 200, headers = { ["content-type"] = "text/plain" }, body = KEY } },
    ["a cut"] = { { send = "HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" .. KEY }, { fin = true } },
    ["no HTTP"] = { { send = KEY .. "\r\n" .. KEY }, { fin = true } },
    ["a broken header"] = { { send = "HTTP/1.1 200 OK\r\n" .. KEY .. "\r\n\r\n" }, { fin = true } },
    ["silence"] = { { keep_open = true } },
    ["a reset"] = { { rst = true } },
    ["an error in a stream"] = { { sse = { ECHO } } },
    ["an error event in a stream that isn't JSON"] = { { send = faults.SSE_HEAD
      .. faults.chunk("event: error\ndata: " .. KEY .. "\n\n") .. "0\r\n\r\n" } },
    ["an event that isn't JSON"] = { { send = faults.SSE_HEAD .. faults.chunk("data: {" .. KEY .. "\n\n")
      .. "0\r\n\r\n" } },
    ["an event with a key cut out of a string"] = { { send = faults.SSE_HEAD
      .. faults.chunk('data: {"a":"' .. KEY .. "\n\n") .. "0\r\n\r\n" } },
  }

  for name, reply in pairs(ways) do
    for _, streamed in ipairs { false, true } do
      it(("isn't shown after %s%s"):format(name, streamed and ", streamed" or ""), function()
        local f = s:script({ reply, reply })
        local client = client_of(f, { max_retries = 1, timeout = { first_byte = 0.15 } })
        local call = streamed and faults.read or faults.ask
        local result, err = call(client)
        assert.is_true(marea.is_error(err), tostring(result))
        assert_clean(err, "err")
        assert_clean(told, "hooks")
        assert.is_true(#told > 0)
        assert_clean(client, "client")
        local head = f.requests()[1].head
        assert.truthy(head:find(KEY, 1, true) and head:find(HEADER, 1, true))
      end)
    end
  end

  it("isn't shown where connecting fails, is refused, or a name isn't found", function()
    local full = s:port_script({}, { full = true })
    local free = { base_url = "http://127.0.0.1:" .. daemon.free_port() .. "/v1" }
    for _, place in ipairs { full, free, { base_url = "http://name/v1" } } do
      local client = client_of(place, { timeout = { connect = 0.2, total = 5 }, proxy = "",
        max_retries = 0, base_url = nil })
      local _, err = faults.ask(client)
      assert_clean(err, "err")
      assert_clean(told, "hooks")
    end
    full.forget()
  end)

  it("isn't shown where TLS fails", function()
    local f = s:port_script { { { wait_bytes = 20 }, { send = "HTTP/1.1 400 " .. KEY .. "\r\n\r\n" }, { fin = true } } }
    local client = client_of { base_url = "https://127.0.0.1:" .. f.port .. "/v1" }
    local _, err = faults.ask(client)
    assert.equal("tls", err.kind)
    assert_clean(err, "err")
    f.forget()
  end)

  it("of a proxy isn't shown, from the option or the environment, whatever fails", function()
    local port = daemon.free_port()
    local f = s:script({ echo(500), echo(500), echo(500) }, { repeat_last = true })
    local addresses = { "http://u:" .. PROXY .. "@127.0.0.1:" .. port, "u:" .. PROXY .. "@127.0.0.1:" .. port,
      "http://u:" .. PROXY .. "@127.0.0.1:777777", "x9://u:" .. PROXY .. "@h:1", "http://u:" .. PROXY .. "@" }
    for _, address in ipairs(addresses) do
      local client = client_of(f, { proxy = address })
      assert_clean({ select(2, faults.ask(client)) }, "err")
      uv.os_setenv("http_proxy", address)
      assert_clean({ select(2, faults.ask(client_of(f))) }, "err")
      uv.os_unsetenv("http_proxy")
      assert_clean(told, "hooks")
    end
  end)

  it("of a proxy that echoes it in its refusal isn't shown", function()
    local f = s:port_script { { { wait_head = true }, { status = 407, body = "who is u:" .. PROXY .. "?" } } }
    local client = client_of(f, { proxy = "http://u:" .. PROXY .. "@127.0.0.1:" .. f.port })
    local _, err = faults.ask(client)
    assert.equal(407, err.status)
    assert_clean(err, "err")
    f.forget()
  end)

  it("isn't in the error of a task, nor in its traceback", function()
    local f = s:script({ echo(401) }, { repeat_last = true })
    local client = client_of(f)
    local ok, err = pcall(marea.run, function() assert(faults.ask(client)) end)
    assert.is_false(ok)
    assert_clean(err, "err")
    local message
    ok, message = pcall(marea.run, function() error(tostring(select(2, faults.ask(client)))) end)
    assert.is_false(ok)
    assert_clean(message, "message")
  end)

  it("isn't in what programmer's mistakes raise", function()
    for _, wrong in ipairs { { nonsense = 1 }, { timeout = KEY }, { headers = { ["a b"] = KEY } },
      { headers = { a = KEY .. "\n" } }, { headers = { a = { KEY } } }, { base_url = "http://u:" .. KEY .. "@h h/" },
      { proxy = "http://u:" .. KEY .. "@h\n" }, { max_retries = KEY }, { ca_file = "/none" }, { verify = KEY } } do
      local options = { base_url = s.base_url, api_key = KEY }
      for name, value in pairs(wrong) do options[name] = value end
      local ok, message = pcall(marea.client, options)
      assert.is_false(ok)
      assert_clean(message, "message")
    end
  end)

  it("isn't in a client, a stream, a result or anything of theirs", function()
    local f = s:script({ faults.good(), { { send = faults.SSE_HEAD .. faults.text("uno", "stop") .. faults.DONE
      .. "0\r\n\r\n" } } })
    local client = client_of(f)
    local result = assert(faults.ask(client))
    local stream = assert(client.chat.completions:create { messages = faults.messages, stream = true })
    assert_clean(client, "client")
    assert_clean(client:with { max_retries = 1 }, "client")
    assert_clean(result, "result")
    assert_clean(result.response, "response")
    assert_clean(stream, "stream")
    assert(stream:result())
    assert_clean(stream, "stream")
    assert_clean(client.limits, "limits")
  end)

  it("isn't looked for in ~/.netrc", function()
    local dir = daemon.directory()
    daemon.write(dir .. "/.netrc", "machine 127.0.0.1 login someone password netrc-canary\n")
    uv.os_setenv("HOME", dir)
    local f = s:script({ faults.good() })
    assert(faults.ask(faults.client(f)))
    os.execute("rm -rf " .. dir)
    assert.is_nil(f.requests()[1].head:lower():find("authorization", 1, true))
  end)

  describe("that is a key", function()
    it("from a file, with a newline at its end, is trimmed", function()
      local f = s:script({ faults.good(), faults.good() })
      assert(faults.ask(faults.client(f, { api_key = KEY .. "\r\n" })))
      assert(faults.ask(faults.client(f, { api_key = function() return "\n" .. KEY .. "\n" end })))
      for _, request in ipairs(f.requests()) do
        assert.truthy(request.head:find("Authorization: Bearer " .. KEY .. "\r\n", 1, true))
      end
    end)

    it("with a line break, a NUL or a space inside is refused, unseen and unsent", function()
      local f = s:script({ faults.good() })
      for _, tail in ipairs { "\r\nx: y", "\nx", "\0x", " x", "\127x", "\195\161" } do
        local bad = KEY .. tail
        for _, key in ipairs { bad, function() return bad end } do
          local ok, result, err = pcall(function() return faults.ask(faults.client(f, { api_key = key })) end)
          if ok then
            assert.is_nil(result)
            assert.equal("authentication", err.kind)
            assert_clean(err, "err")
          else assert_clean(result, "message") end
        end
      end
      assert.equal(0, #f.requests())
    end)

    it("doesn't cross the internet in the clear, by whatever door it came", function()
      local public = { "http://public.invalid/v1", "http://93.184.216.34/v1", "http://[2001:db8::1]/v1",
        "http://134744072/v1", "http://0x08080808/v1" }
      for _, base in ipairs(public) do
        for _, options in ipairs { { api_key = KEY }, { headers = { Authorization = "Bearer " .. KEY } },
          { headers = { ["x-api-key"] = KEY } } } do
          options.base_url = base
          local ok, message = pcall(marea.client, options)
          assert.is_false(ok, base)
          assert.truthy(message:find("http", 1, true))
          assert_clean(message, "message")
        end
        local client = marea.client { base_url = base, model = "m", max_retries = 0 }
        local result, err = faults.ask(client, { api_key = KEY })
        assert.is_nil(result)
        assert.equal("authentication", err.kind)
        assert.is_nil(err.attempts and err.attempts[1].status)
      end
    end)

    it("may stay near: this machine, the house, names without a dot", function()
      for _, base in ipairs { "http://127.0.0.1:1/v1", "http://localhost:1/v1", "http://[::1]:1/v1",
        "http://10.1.2.3/v1", "http://192.168.1.9/v1", "http://172.16.0.1/v1", "http://ollama:11434/v1",
        "http://box.local/v1", "http://[fd00::1]/v1" } do
        assert.has_no.errors(function() marea.client { base_url = base, api_key = KEY } end)
      end
      assert.has_no.errors(function()
        marea.client { base_url = "http://public.invalid/v1", api_key = KEY, verify = false }
      end)
    end)
  end)

  describe("door", function()
    local f
    before_each(function() f = s:script({ faults.good() }, { repeat_last = true }) end)

    local nasty = { ["CR LF"] = "a\r\nx-injected: 1", ["CR"] = "a\rb", ["LF"] = "a\nb", ["NUL"] = "a\0b",
      ["ESC"] = "a\27b" }

    for name, value in pairs(nasty) do
      it("of headers is shut to " .. name .. ": it raises before any I/O", function()
        for _, headers in ipairs { { ["x-mine"] = value }, { [value] = "x" }, { ["User-Agent"] = value },
          { ["OpenAI-Organization"] = value }, { Cookie = value }, { ["Content-Type"] = value } } do
          assert.has_error(function() faults.client(f, { headers = headers }) end)
          assert.has_error(function() faults.ask(faults.client(f), { headers = headers }) end)
        end
        assert.equal(0, #f.requests())
      end)

      it("of URLs is shut to " .. name, function()
        local client = faults.client(f)
        assert.has_error(function() marea.client { base_url = s.base_url .. value } end)
        assert.has_error(function() client:request { path = "models/" .. value } end)
        assert.has_error(function() client:request { path = "models", method = "GET" .. value } end)
        assert.equal(0, #f.requests())
      end)
    end

    it("of a model's name and of the query encodes what it lets through, and raises at a NUL", function()
      local client = faults.client(f)
      for _, value in ipairs { "a\r\nx-injected: 1", "a b", "a/b", "a?b", "a#b", "../x", "%2e%2e/x", "\195\161" } do
        client.models:retrieve(value)
        client.models:list({ q = value })
      end
      for _, request in ipairs(f.requests()) do
        assert.is_nil(request.head:lower():find("\r\nx-injected", 1, true))
        assert.truthy(request.target:find("^/s/[^/]+/v1/models"))
        assert.is_nil(request.target:find("/../", 1, true))
        assert.truthy(request.target:find("^[%w/%%?=:._-]+$"), request.target)
      end
      assert.equal(16, #f.requests())
      for _, value in ipairs { "a\0b", "..", ".", "" } do
        assert.has_error(function() client.models:retrieve(value) end)
      end
      assert.has_error(function() client.models:list({ q = "a\0b" }) end)
      for _, value in ipairs { {}, true } do
        assert.has_error(function() client.models:retrieve(value) end)
      end
      assert.has_error(function() client.models:retrieve() end)
      assert.equal(16, #f.requests())
    end)

    it("of paths doesn't lead out of the base", function()
      local client = faults.client(f)
      for _, path in ipairs { "../x", "a/../../x", "//evil.example/x",
        "%2e%2e/x", "http://127.0.0.1/x", "a#b", "a\0" } do
        assert.has_error(function() client:request { path = path } end)
      end
      assert.equal(0, #f.requests())
    end)

    it("of names and spaces around values is shut too", function()
      for _, headers in ipairs { { [""] = "x" }, { ["a:b"] = "x" }, { ["a b"] = "x" }, { ["a"] = " x" },
        { ["a"] = "x " }, { ["a"] = 5 }, { [1] = "a: b" } } do
        assert.has_error(function() faults.client(f, { headers = headers }) end)
      end
      assert.equal(0, #f.requests())
    end)
  end)

  it("said by the server in the text of a stream that breaks isn't in err.partial", function()
    local f = s:script({ { { send = faults.SSE_HEAD .. faults.text("your key: " .. KEY) }, { fin = true } } })
    local text, err = faults.read(client_of(f))
    assert.truthy(text:find(KEY, 1, true))      -- what is read is as it was sent
    assert.equal("truncated", err.kind)
    assert.truthy(err.partial.output_text:find("^your key: "))
    assert_clean(err, "err")
    assert_clean(err.partial, "err.partial")
  end)

  it("of an earlier try isn't shown either, where each try has a key of its own", function()
    local tries = 0
    local body = ('{"error":{"message":"no longer valid: %s, nor %s"}}'):format(KEY .. "-1", KEY .. "-2")
    local f = s:script({ { status = 503, headers = { ["retry-after-ms"] = "5" } },
      { status = 401, body = body } })
    local _, err = faults.ask(client_of(f, { max_retries = 1, api_key = function()
      tries = tries + 1
      return KEY .. "-" .. tries
    end }))
    assert.equal(2, tries)
    assert.equal("authentication", err.kind)
    assert.truthy(err.message:find("no longer valid", 1, true))
    assert.is_nil(err.message:find("-1", 1, true), err.message)
    assert_clean(err, "err")
    assert_clean(told, "hooks")
  end)

  it("in a header that is named like one isn't shown, whatever its exact name", function()
    for _, name in ipairs { "X-Authorization", "X-Auth-Token", "Session-Id" } do
      told = {}
      local hidden = HEADER .. "-" .. name
      local f = s:script({ { status = 401, headers = { [name] = hidden .. "-back" },
        body = ('{"error":{"message":"bad: %s"}}'):format(hidden) } })
      local _, err = faults.ask(faults.client(f, { headers = { [name] = hidden },
        on = { request = keep(told), response = keep(told) } }))
      assert.truthy(f.requests()[1].head:find(hidden, 1, true))
      assert.equal("authentication", err.kind)
      assert.truthy(err.message:find("^bad: "))
      assert_clean(err, "err")
      assert.truthy(#told >= 2)
      assert_clean(told, "hooks")
    end
  end)

  -- Keys that go in the query, as Google takes them, and servers that quote them.
  describe("in a query", function()
    local odd = "canary+key/4711"
    local encoded = "canary%2Bkey%2F4711"
    local said = ('{"error":{"message":"API key %s not valid, nor %s","details":["%s"]}}'):format(QUERY, odd, encoded)
    local refusal = { status = 400, body = said, headers = { ["x-echo"] = QUERY } }

    local function keep_told()
      return { request = keep(told), response = keep(told), retry = keep(told) }
    end

    local calls = {
      ["of base_url"] = function(f)
        return faults.ask(faults.client({ base_url = f.base_url .. "?key=" .. QUERY .. "&sig=" .. encoded },
          { on = keep_told() }))
      end,
      ["of a call"] = function(f)
        return faults.ask(faults.client(f, { on = keep_told() }), { query = { key = QUERY, access_token = odd } })
      end,
      ["of a GET"] = function(f)
        return faults.client(f, { on = keep_told() }).models:list({ key = QUERY, access_token = odd })
      end,
      ["of client:request"] = function(f)
        return faults.client(f, { on = keep_told() }):request { path = "x?key=" .. QUERY, query = { token = odd } }
      end,
    }

    for name, call in pairs(calls) do
      it(name .. " isn't shown where the server says it aloud", function()
        local f = s:script({ refusal })
        local _, err = call(f)
        assert.equal("bad_request", err.kind)
        assert.equal("API key [redacted] not valid, nor [redacted]", err.message)
        assert_clean(err, "err")
        assert_clean(told, "hooks")
        assert.truthy(f.requests()[1].target:find(QUERY, 1, true))
        assert.truthy(f.requests()[1].target:find(encoded, 1, true))
      end)
    end

    it("isn't shown by where a redirect led", function()
      local f = s:script({ { status = 302, headers = { location = "other" } }, refusal })
      local _, err = faults.client(f).models:list({ key = QUERY, token = odd })
      assert.equal(2, #f.requests())
      assert.equal("bad_request", err.kind)
      assert_clean(err, "err")
    end)

    it("isn't in err.partial of a stream that breaks", function()
      local f = s:script({ { { send = faults.SSE_HEAD .. faults.text("your key: " .. QUERY) }, { fin = true } } })
      local stream = assert(faults.client(f).chat.completions:create(
        { messages = faults.messages, stream = true }, { query = { key = QUERY } }))
      local _, err = stream:result()
      assert.equal("truncated", err.kind)
      assert_clean(err, "err")
    end)
  end)

  it("or not, what a server says is cut and made harmless", function()
    local body = '{"error":{"message":"' .. ("x"):rep(5 * 1024 * 1024) .. '\\u001b[31m\\u0007"}}'
    local f = s:script({ { status = 400, body = body },
      { status = 400, body = '{"error":{"message":"a\\u001b[31mb\\r\\nc"}}' } })
    local client = faults.client(f)
    local _, err = faults.ask(client)
    assert.is_true(#err.message <= 4096)
    assert.is_true(#err.body <= 4096)
    assert.is_true(#tostring(err) <= 600)
    _, err = faults.ask(client)
    assert.is_nil(tostring(err):find("%c"))
  end)
end)
