-- SPDX-License-Identifier: MIT
-- Things planted in every kind of call, and every way a call can fail: what is
-- said of the failure holds no key and no secret header, wherever one looks; and
-- its words, its traceback and what hooks are told hold neither what was asked
-- nor what was answered, unless the server itself says so in an error.

local certs = require("spec.support.certs")
local daemon = require("spec.support.daemon")
local faults = require("spec.support.faults")
local marea = require("marea")
local nginx = require("spec.support.nginx")
local server = require("spec.support.server")

local KEY, HEADER = "sk-planted-key-4711", "planted-header-4711"
local PROMPT, REPLY, BYTES = "planted-prompt-4711", "planted-reply-4711", "planted-bytes-4711"

-- Where `text` stands in what can be reached from a value as a dump reaches it.
local function find(value, text, path, seen)
  if type(value) == "string" then return value:find(text, 1, true) and path end
  if type(value) ~= "table" or seen[value] then return nil end
  seen[value] = true
  for key, item in next, value do
    local here = path .. "." .. tostring(key)
    local found = find(key, text, here, seen) or find(item, text, here, seen)
    if found then return found end
  end
  return find(debug.getmetatable(value), text, path .. "<mt>", seen)
end

local messages = { { role = "user", content = PROMPT } }

local calls = {
  ask = function(client) return client:ask(PROMPT) end,
  completions = function(client) return client.completions:create { prompt = PROMPT } end,
  responses = function(client) return client.responses:create { input = PROMPT } end,
  embeddings = function(client) return client.embeddings:create { input = PROMPT } end,
  speech = function(client) return client.audio.speech:create { input = PROMPT, voice = "alba" } end,
  images = function(client) return client.images:generate { prompt = PROMPT } end,
  transcription = function(client)
    return client.audio.transcriptions:create { file = { data = BYTES, filename = "a.wav" }, prompt = PROMPT }
  end,
  request = function(client) return client:request { path = "x", body = { a = PROMPT } } end,
  stream = function(client)
    local stream, err = client.chat.completions:create { messages = messages, stream = true }
    if not stream then return nil, err end
    return stream:result()
  end,
  iterated = function(client)
    return pcall(function()
      local stream, err = client.chat.completions:create { messages = messages, stream = true }
      if not stream then error(err, 0) end
      for _ in stream:text() do end     -- luacheck: ignore
    end)
  end,
  agent = function(client) return marea.agent { client = client, name = "a" }:run(PROMPT) end,
}

local HEAD = "HTTP/1.1 200 OK\r\n"
local CUT = HEAD .. "content-type: %s\r\ncontent-length: 9000\r\n\r\n%s"

-- As a reply of the scripted server.
local ways = {
  ["400"] = { status = 400, body = '{"error":{"message":"no"}}' },
  ["401"] = { status = 401, body = '{"error":{"message":"no"}}' },
  ["500"] = { status = 500, body = '{"error":{"message":"no"}}', headers = { ["retry-after-ms"] = "2" } },
  ["a page"] = { status = 200, body = "<html>" .. REPLY, headers = { ["content-type"] = "text/html" } },
  ["no JSON"] = { status = 200, body = '{"choices":[' .. REPLY, headers = { ["content-type"] = "application/json" } },
  ["other JSON"] = { status = 200, body = '["' .. REPLY .. '"]' },
  ["a cut"] = { { send = CUT:format("application/json", '{"choices":[{"message":{"content":"' .. REPLY) },
    { fin = true } },
  ["a cut stream"] = { { send = faults.SSE_HEAD .. faults.text(REPLY) }, { fin = true } },
  ["an event that is no JSON"] = { { send = faults.SSE_HEAD .. faults.text("a")
    .. faults.chunk("data: {" .. REPLY .. "\n\n") .. "0\r\n\r\n" } },
  ["no HTTP"] = { { send = REPLY .. "\r\n" }, { fin = true } },
  ["a broken header"] = { { send = HEAD .. REPLY .. "\r\n\r\n" }, { fin = true } },
  ["silence"] = { { keep_open = true } },
  ["a reset"] = { { rst = true } },
}

-- After these some calls have what they want: a list, or the text of it.
local any = { ["other JSON"] = true, ["an event that is no JSON"] = true }

describe("what was planted", function()
  local s, f, told, stop, web, dir, strangers

  setup(function()
    s = server.shared()
    dir = daemon.directory()
    certs.make(dir)
    strangers = s:port_script { { { serve = true } } }
    web = nginx.start(dir, { bad = { cert = "selfsigned", upstream = strangers.port } })
  end)

  teardown(function()
    web:stop()
    strangers.forget()
    os.execute("rm -rf " .. dir)
  end)

  local function keep(event) told[#told + 1] = event end

  local function listen()
    told = {}
    stop = marea.on("llm.attempt", keep)
  end

  local function client_of(base_url, options)
    local all = { base_url = base_url, model = "m", max_retries = 0, api_key = KEY,
      headers = { ["x-api-key"] = HEADER }, timeout = { first_byte = 0.1, connect = 1 + 2 * faults.LATE },
      on = { request = keep, response = keep, retry = keep } }
    for name, value in pairs(options or {}) do all[name] = value end
    return marea.client(all)
  end

  -- Runs it where an error in a task comes with a traceback; returns the error.
  local function failure(call, client)
    local ok, result, err = xpcall(function()
      return marea.run(function() return call(client) end)
    end, function(raised) return raised end)
    if not ok then return result end
    return not result and err or nil       -- some calls take any answer
  end

  local function check(err, client, own_words)
    assert.is_true(marea.is_error(err) or err == nil, tostring(err))
    for _, secret in ipairs { KEY, HEADER } do
      assert.is_nil(find(err, secret, "err", {}))
      assert.is_nil(find(told, secret, "told", {}))
      assert.is_nil(find(client, secret, "client", {}))
      assert.is_nil(tostring(err):find(secret, 1, true))
    end
    for _, text in ipairs { PROMPT, BYTES, not own_words and REPLY or nil } do
      local words = { tostring(err), err and err.message, err and err.traceback, debug.traceback(tostring(err)) }
      assert.is_nil(find(words, text, "words", {}))
      for i, event in ipairs(told) do
        assert.is_nil(find({ event.url, event.headers, tostring(event.error) }, text, "told." .. i, {}))
      end
    end
    assert.is_nil(find(err, PROMPT, "err", {}))
    assert.is_nil(find(err, BYTES, "err", {}))
  end

  for name, call in pairs(calls) do
    for way, reply in pairs(ways) do
      it(("in %s isn't told after %s"):format(name, way), function()
        listen()
        f = s:script({ reply }, { repeat_last = true })
        local client = client_of(f.base_url, { max_retries = way == "500" and 1 or 0 })
        local err = failure(call, client)
        stop()
        assert.is_true(err ~= nil or any[way] or name == "request", "it should have failed")
        check(err, client, way == "a page")      -- of which an excerpt is shown
        assert.is_true(#told > 0)
        local request = f.requests()[1]
        assert.truthy(request.head:find(KEY, 1, true) and request.head:find(HEADER, 1, true))
      end)
    end

    it(("in %s isn't told where nobody is, or the wrong one"):format(name), function()
      listen()
      local nobody = client_of("http://127.0.0.1:" .. daemon.free_port() .. "/v1", { max_retries = 0 })
      local err = failure(call, nobody)
      check(err, nobody)
      local stranger = client_of("https://127.0.0.1:" .. web.ports.bad .. "/v1", { max_retries = 0 })
      err = failure(call, stranger)
      stop()
      check(err, stranger)
      assert.equal("tls", err.kind)
      assert.equal(0, #strangers.requests())
    end)

    it(("in %s isn't told by what cancels it"):format(name), function()
      listen()
      f = s:script({ { { keep_open = true } } }, { repeat_last = true })
      local client = client_of(f.base_url, { timeout = { first_byte = false } })
      local err
      marea.run(function()
        local task = marea.spawn(function() return call(client) end)
        marea.sleep(0.02)
        task:cancel()
        local _, fault = pcall(task.await, task)
        err = fault
      end)
      stop()
      if marea.is_error(err) then check(err, client) end     -- a task may also end well: with false, err
      assert.is_nil(find(told, KEY, "told", {}))
    end)
  end

  it("in an agent isn't in what is saved of it", function()
    local client = client_of(s.base_url)
    local agent = marea.agent { client = client, name = "a" }
    local result = assert(agent:run("hola"))
    for _, thing in ipairs { marea.dump(agent, { client = client }), marea.dump(result, { client = client }),
      agent:save(), agent, result } do
      assert.is_nil(find(thing, KEY, "saved", {}))
      assert.is_nil(find(thing, HEADER, "saved", {}))
    end
  end)
end)
