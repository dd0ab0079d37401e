-- SPDX-License-Identifier: MIT
-- What a client prepared once and uses again: header lines, and libcurl's
-- handles as they were set up. Nothing of a request, nor of how it ended, may
-- show in the next one.

local faults = require("spec.support.faults")
local leaks = require("spec.support.leaks")
local marea = require("marea")
local server = require("spec.support.server")

local SANITIZED = os.getenv("MAREA_SANITIZED")
local STRIDE = SANITIZED and 5 or 1     -- all of them with each other take their time
local LARGE = ('"%s"'):format(("x"):rep(100 * 1024))
local SMALL, EMPTY = '{"a":1}', ""

local s = server.shared()
local guard = faults.guard()

local function arm()
  guard.arm()
  guard.pooled = 3     -- connections are kept; all else goes
end

-- Sends it, and returns what the server saw.
local function sent(client, f, fields)
  local before = #f.requests()
  local all = { path = "/things" }
  for name, value in pairs(fields) do all[name] = value end
  local result, err = client:request(all)
  assert.is_nil(err)
  assert.equal(200, result.response.status)
  local requests = f.requests()
  assert.equal(before + 1, #requests)
  return requests[#requests]
end

-- All of it but for which connection it came by, and when.
local function told(request)
  local lines = {}
  for _, header in ipairs(request.headers) do
    lines[#lines + 1] = table.concat(header, ": "):gsub("boundary=.*", "boundary")
  end
  return { request.method, request.target, request.body_bytes, table.concat(lines, "\n") }
end

local function form() return { file = { data = "hola", filename = "a.txt" } } end

-- Requests that differ in as little as a method, or whether there is a body.
local kinds = {
  { method = "GET" }, { method = "DELETE" }, { method = "HEAD" }, { method = "OPTIONS" },
  { method = "POST" }, { method = "PUT" }, { method = "POST", body = SMALL }, { method = "POST", body = LARGE },
  { method = "POST", body = EMPTY }, { method = "PUT", body = SMALL }, { method = "PUT", body = LARGE },
  { method = "PATCH", body = SMALL }, { method = "GET", body = SMALL }, { method = "DELETE", body = SMALL },
  { method = "POST", form = form() }, { method = "PUT", form = form() },
}

describe("a client's next request", function()
  before_each(arm)
  after_each(guard.check)

  for _, kind in ipairs(kinds) do
    local size = kind.body and #kind.body .. " bytes" or kind.form and "a form" or "no body"
    it(("is a %s with %s, whatever came before"):format(kind.method, size), function()
      local f = s:script({ { status = 200 } }, { repeat_last = true, keep_body = 10 })
      local client = faults.client(f)
      local first = sent(faults.client(f), f, kind)
      assert.equal(kind.method, first.method)
      if kind.body then assert.equal(#kind.body, first.body_bytes) end
      assert.equal(kind.form ~= nil, first.body_bytes > 0 and not kind.body)
      for i = 1, #kinds, STRIDE do
        sent(client, f, kinds[i])
        assert.same(told(first), told(sent(client, f, kind)))
      end
      f.forget()
    end)
  end

  it("has no body where the method is HEAD", function()
    local client = faults.client({ base_url = s.base_url })
    for _, field in ipairs { "body", "form", "file" } do
      local fields = { method = "head", path = "/x", [field] = field == "form" and form() or { data = "x" } }
      local ok, message = pcall(client.request, client, fields)
      assert.is_false(ok)
      assert.truthy(message:find("a HEAD request has no " .. field, 1, true))
    end
  end)

  it("carries the credentials of its URL", function()
    local f = s:script({ { status = 200 } }, { repeat_last = true })
    local client = faults.client({ base_url = f.base_url:gsub("//", "//user:word@") })
    for _ = 1, 3 do
      assert(client:request { path = "/things" })
      local requests = f.requests()
      assert.truthy(requests[#requests].head:find("Authorization: Basic dXNlcjp3b3Jk\r", 1, true))
    end
    f.forget()
  end)

  -- With headers of its own a request shares nothing: its URL is read anew.
  it("names the place that its URL does, however that is written", function()
    local f = s:script({ { status = 200 } }, { repeat_last = true })
    local place, rest = f.base_url:match("^http://[^:/]*(:%d+)(.*)$")
    local function head_of(request)
      return request.head:gsub("\r\nX%-Own: 1", "")
    end
    for _, host in ipairs { "127.0.0.1", "localhost", "LocalHost", "user:w%C3%B1@127.0.0.1" } do
      for _, query in ipairs { "", "?", "?k=a%20b&e=", "?x=[1]" } do
        local client = faults.client({ base_url = "http://" .. host .. place .. rest .. query })
        for _, path in ipairs { "/a", "/a%20b/%C3%B1", "/a:b@c;d=1,2", "/a.b/c.d" } do
          assert(client:request({ path = path, body = SMALL }, { headers = { ["X-Own"] = "1" } }))
          local requests = f.requests()
          local alone = requests[#requests]
          assert.equal(rest .. path, alone.target:match("^[^?]*"))
          if #query > 1 then assert.equal(query, alone.target:match("%?.*")) end
          for _ = 1, 2 do
            assert.equal(head_of(alone), head_of(sent(client, f, { path = path, body = SMALL })))
          end
        end
      end
    end
    f.forget()
  end)

  it("carries the key of its time", function()
    local f, key = s:script({ { status = 200 } }, { repeat_last = true }), nil
    local client = faults.client(f, { api_key = function() return key end })
    for i = 1, 6 do
      key = "key-" .. i % 2
      local own = i % 3 == 0 and "own-" .. i or nil
      assert(client:request({ path = "/things" }, { api_key = own }))
      assert(client:request { path = "/things", body = SMALL })
      local requests = f.requests()
      assert.truthy(requests[#requests - 1].head:find("Bearer " .. (own or key) .. "\r", 1, true))
      assert.truthy(requests[#requests].head:find("Bearer " .. key .. "\r", 1, true))
    end
    f.forget()
  end)

  it("goes where it was to go, though the one before was sent elsewhere", function()
    local f
    f = s:script({ { status = 302, headers = { location = "there" } }, { status = 200 } }, {})
    local client = faults.client(f)
    assert(client:request { path = "/here" })
    local g = s:script({ { status = 200 } }, { repeat_last = true })
    assert(client:with({ base_url = g.base_url }):request { path = "/here" })
    local targets = {}
    for _, request in ipairs(f.requests()) do targets[#targets + 1] = request.target:match("[^/]*$") end
    assert.same({ "here", "there" }, targets)
    assert.truthy(g.requests()[1].target:find("/here$"))
    f.forget()
    g.forget()
  end)

  it("has no status, and no answer, of the one before", function()
    local last = { status = 200, body = faults.COMPLETION, headers = { connection = "close" } }
    local f = s:script({ { last, { fin = true } }, { { fin = true } } }, { repeat_last = true })
    local client = faults.client(f)
    assert.equal("hecho", assert(faults.ask(client)).output_text)
    local result, err = faults.ask(client)
    assert.is_nil(result)
    assert.same({ "connection" }, { err.kind, err.status, err.request_id, err.body })
    f.forget()
  end)
end)

-- A sanitizer keeps what was freed.
if not SANITIZED then
  describe("what was set up for one request alone", function()
    before_each(arm)
    after_each(guard.check)

    -- Handles are libcurl's memory, of which Lua's collector knows nothing.
    it("does not wait for the collector", function()
      local f = s:script({ faults.good() }, { repeat_last = true })
      local client = faults.client(f)
      local ways = {
        function(i) return { headers = { ["x-number"] = tostring(i) } } end,
        function(i) return { api_key = "key-" .. i } end,
        function(i) return { timeout = { idle = 50 + i } } end,
        function(i) return { query = { i = i } } end,
      }
      local function ask(times)
        for i = 1, times do assert(faults.ask(client, ways[i % #ways + 1](i))) end
      end
      ask(100)
      collectgarbage()
      collectgarbage("stop")
      local resident, lua = leaks.rss_kb(), collectgarbage("count")
      ask(800)
      resident, lua = leaks.rss_kb() - resident, collectgarbage("count") - lua
      collectgarbage("restart")
      assert.is_true(resident - lua < 2000, ("%.0f KiB, of which %.0f are Lua's"):format(resident, lua))
      f.forget()
    end)
  end)
end

describe("a connection that dies under a request", function()
  before_each(arm)
  after_each(guard.check)

  it("is mended, however many died under its handle before", function()
    local f = s:port_script({
      { { wait_request = true }, faults.good(), { wait_head = true }, { fin = true } } }, { repeat_last = true })
    local client = faults.client(f)
    for i = 1, 12 do
      local result, err = faults.ask(client)
      assert.is_nil(err, i)
      assert.equal("hecho", result.output_text)
    end
    assert.equal(12 + 11, #f.requests())
    f.forget()
  end)
end)

describe("a request that was cancelled", function()
  before_each(arm)
  after_each(guard.check)

  local STALL = { keep_open = true }
  local UNREAD = faults.text(("x"):rep(8000)):rep(100)
  -- where it is cancelled -> what the server had done, and what was sent
  local phases = {
    ["in its upload"] = { reply = { { early = true }, { stop_reading = true }, STALL },
      text = ("x"):rep(16 * 1024 * 1024) },
    ["before the head"] = { reply = { STALL } },
    ["inside the head"] = { reply = { { send = "HTTP/1.1 200 OK\r\ncontent-ty" }, STALL } },
    ["after the head"] = { reply = { { send = "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n" }, STALL } },
    ["inside the body"] = { reply = { { send = faults.SSE_HEAD .. faults.text("uno") }, STALL } },
    ["unread"] = { reply = { { send = faults.SSE_HEAD .. UNREAD }, STALL } },
  }

  local function ask(client, text, stream)
    local messages = { { role = "user", content = text } }
    return client.chat.completions:create { messages = messages, stream = stream }
  end

  -- Once the server has seen that many requests, and a little more.
  local function begin_and_cancel(f, count, send)
    marea.run(function()
      local task = marea.spawn(send)
      repeat marea.sleep(0.02) until #f.requests() == count
      marea.sleep(0.03)
      assert.is_true(task:cancel())
      assert.equal("cancelled", task.status)
    end)
  end

  for name, phase in pairs(phases) do
    it("leaves nothing behind for the next: " .. name, function()
      local replies = {}
      for i = 1, 8, 2 do replies[i], replies[i + 1] = phase.reply, faults.good() end
      local f = s:script(replies, { keep_body = 100 })
      local client = faults.client(f)
      for i = 1, 4 do
        local stream = i % 2 == 0
        begin_and_cancel(f, i * 2 - 1, function()
          assert(ask(client, phase.text or "Hola", stream))
          marea.sleep(100)
        end)
        local result = assert(ask(client, "Hola", stream))
        if stream then result = assert(result:result()) end
        assert.equal("hecho", result.output_text)
      end
      local requests = f.requests()
      assert.equal(8, #requests)
      for i = 2, 8, 2 do assert.truthy(requests[i].body:find("Hola", 1, true)) end
      f.forget()
    end)
  end

  -- Only what is alone begins at once.
  it("leaves nothing behind for the next: before it began", function()
    local f = s:script({ { { keep_open = true } }, faults.good() }, { repeat_last = true })
    local client = faults.client(f)
    marea.run(function()
      local first = marea.spawn(function() return faults.ask(client) end)
      while #f.requests() == 0 do marea.sleep(0.01) end
      for _ = 1, 3 do
        local task = marea.spawn(function() return faults.ask(client) end)
        marea.sleep(0)
        assert.is_true(task:cancel())
        assert.equal("hecho", assert(faults.ask(client)).output_text)
      end
      first:cancel()
    end)
    f.forget()
  end)
end)

describe("a client that is collected", function()
  before_each(arm)
  after_each(guard.check)

  it("lets a stream of its own be read to its end", function()
    local f = s:script({ { { send = faults.SSE_HEAD .. faults.text("uno ") }, { wait_signal = "go" },
      { send = faults.text("dos", "stop") .. faults.DONE .. "0\r\n\r\n" } } })
    local seen = setmetatable({}, { __mode = "v" })
    local function open()
      seen[1] = faults.client(f)
      return assert(seen[1].chat.completions:create { messages = faults.messages, stream = true })
    end
    local stream = open()
    collectgarbage()
    collectgarbage()
    assert.is_nil(seen[1])
    assert.equal("uno ", stream:next().text)
    f.signal("go")
    assert.equal("uno dos", assert(stream:result()).output_text)
    f.forget()
  end)
end)
