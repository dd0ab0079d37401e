-- SPDX-License-Identifier: MIT
-- Servers of the Model Context Protocol over HTTP: what is sent, and what comes
-- of each thing a server may answer.

local cjson = require("cjson")
local core = require("marea.core")
local marea = require("marea")
local server = require("spec.support.server")

local SESSION = { ["mcp-session-id"] = "s-1", ["content-type"] = "application/json" }
local JSON = { ["content-type"] = "application/json" }

local function answer(id, result) return ('{"jsonrpc":"2.0","id":%d,"result":%s}'):format(id, result) end

local HELLO = { { status = 200, headers = SESSION, body = answer(1,
  '{"protocolVersion":"2025-06-18","capabilities":{"tools":{}},"serverInfo":{"name":"spec","version":"1"}}') } }
local TAKEN = { { status = 202, body = "" } }
local NO_STREAM = { { status = 405, body = "" } }

local function text(id, what) return answer(id, ('{"content":[{"type":"text","text":"%s"}]}'):format(what)) end

-- A server whose stream was asked for before anything else is.
local function connect(listening, replies, options)
  local all = { HELLO, TAKEN, listening }
  for _, reply in ipairs(replies) do all[#all + 1] = reply end
  local script = server.shared():script(all)
  local given = { url = script.url .. "/mcp" }
  for name, value in pairs(options or {}) do given[name] = value end
  local one = assert(marea.mcp(given))
  local over = core.now() + 5
  while #script.requests() < 3 and core.now() < over do marea.sleep(0.005) end
  return one, script
end

local function header(request, name)
  for _, pair in ipairs(request.headers) do
    if pair[1]:lower() == name then return pair[2] end
  end
end

describe("a server over HTTP", function()
  it("is told the session, the revision and the key, and goodbye", function()
    local one, script = connect(NO_STREAM, { { { status = 200, headers = JSON, body = text(2, "hola") } },
      { { status = 200, body = "" } } }, { api_key = "sk-1", headers = { ["X-Mine"] = "yes" } })
    assert.equal("2025-06-18", one.version)
    assert.equal("hola", assert(one:call("echo", {})).content[1].text)
    one:close()
    local methods = {}
    for i, request in ipairs(script.requests()) do
      methods[i] = request.method
      assert.equal("Bearer sk-1", header(request, "authorization"))
      assert.equal("yes", header(request, "x-mine"))
      local told = { header(request, "mcp-session-id"), header(request, "mcp-protocol-version") }
      assert.same(i > 1 and { "s-1", "2025-06-18" } or {}, told)
      assert.is_truthy(request.target:find("/mcp$"))
    end
    assert.equal("POST POST GET POST DELETE", table.concat(methods, " "))
    assert.equal("application/json, text/event-stream", header(script.requests()[1], "accept"))
    assert.equal("tools/call", cjson.decode(script.requests()[4].body).method)
  end)

  it("may answer by a stream, with what it tells before", function()
    local progress = '{"jsonrpc":"2.0","method":"notifications/progress","params":{"progressToken":2,"progress":1}}'
    local one = connect(NO_STREAM, { { { sse = { progress, text(2, "streamed") }, done = false } }, TAKEN })
    marea.run(function()
      local seen = 0
      local result = assert(one:call("echo", {}, { progress = function(p) seen = seen + p.progress end }))
      assert.equal("streamed", result.content[1].text)
      assert.equal(1, seen)
    end)
    one:close()
  end)

  it("may tell things unasked, by a stream of its own", function()
    local logged
    local line = '{"jsonrpc":"2.0","method":"notifications/message","params":{"level":"info","data":"by itself"}}'
    local one = connect({ { sse = { line }, open = true }, { keep_open = true } }, { TAKEN },
      { on = { log = function(params) logged = params.data end } })
    local over = core.now() + 5
    while not logged and core.now() < over do marea.sleep(0.005) end
    assert.equal("by itself", logged)
    one:close()
  end)

  local faults = {
    { "an answer that holds nothing", { { status = 202, body = "" } }, "truncated" },
    { "a stream without an answer", { { sse = {}, done = false } }, "truncated" },
    { "an error in words", { { status = 200, headers = JSON,
      body = '{"jsonrpc":"2.0","id":2,"error":{"code":-32602,"message":"no such tool"}}' } }, "bad_request" },
    { "what is not JSON", { { status = 200, headers = JSON, body = "Welcome!" } }, "decode" },
    { "500", { { status = 500, body = "oops" } }, "server" },
    { "401", { { status = 401, body = "" } }, "authentication" },
    { "404, since the session is over", { { status = 404, body = "" } }, "not_found" },
    { "half an answer", { { send = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{" },
      { fin = true } }, "truncated" },
  }
  for _, case in ipairs(faults) do
    it("that answers with " .. case[1] .. " is an error", function()
      local one, script = connect(NO_STREAM, { case[2], TAKEN })
      local result, err = one:call("echo", {})
      assert.is_nil(result)
      assert.equal(case[3], err.kind, tostring(err))
      local calls = 0
      for _, request in ipairs(script.requests()) do
        if request.body:find("tools/call", 1, true) then calls = calls + 1 end
      end
      assert.equal(1, calls)                -- what may have been done is not asked for again
      one:close()
    end)
  end

  it("ends with its session, and is connected to anew", function()
    local ended
    local one = connect(NO_STREAM, { { { status = 404, body = "" } }, HELLO },
      { on = { ended = function(err) ended = err.kind end } })
    one:call("echo", {})
    marea.sleep(0.02)
    assert.equal("not_found", ended)
    assert.equal("not_found", select(2, one:call("echo", {})).kind)
  end)

  it("is told of a call that is given up, whose connection is closed", function()
    local one, script = connect(NO_STREAM, { { { keep_open = true } }, TAKEN, TAKEN })
    assert.equal("timeout", select(2, one:call("echo", {}, { timeout = 0.05 })).kind)
    local over, told = core.now() + 5, nil
    while not told and core.now() < over do
      marea.sleep(0.01)
      local last = script.requests()[5]
      told = last and last.whole and last.body
    end
    assert.equal("notifications/cancelled", cjson.decode(told).method)
    one:close()
  end)

  it("that can't be reached is an error at once", function()
    local one, err = marea.mcp { url = "http://127.0.0.1:9/mcp" }
    assert.is_nil(one)
    assert.equal("connection", err.kind)
  end)
end)
