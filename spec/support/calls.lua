-- SPDX-License-Identifier: MIT
-- What the specs of tasks share: servers that answer, don't, or stop half way,
-- and ways to look at errors.

local assert = require("luassert")
local core = require("marea.core")
local marea = require("marea")
local server = require("spec.support.server")

local calls = {}

calls.REPLY = '{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
  .. '"message":{"role":"assistant","content":"hola"},"finish_reason":"stop"}]}'

function calls.client_of(script, options)
  options = options or {}
  options.base_url, options.model = script.base_url, "m"
  return marea.client(options)
end

function calls.replying()
  return server.shared():script({ { { status = 200, body = calls.REPLY } } }, { repeat_last = true })
end

-- A server that takes the request and says nothing.
function calls.silent()
  return server.shared():script({ { { keep_open = true } } }, { repeat_last = true })
end

-- One that sends a piece of text and then nothing.
function calls.stalling()
  local piece = server.chunk_json({ content = "uno" })
  return server.shared():script({ { { sse = { piece }, open = true }, { keep_open = true } } },
    { repeat_last = true })
end

calls.MESSAGES = { { role = "user", content = "hola" } }

function calls.failure(f, ...)
  local ok, err = pcall(f, ...)
  assert.is_false(ok, "no error was raised")
  return err
end

-- The same, for an error that must not let itself be waited for.
function calls.quick_failure(f, ...)
  local started = core.now()
  local err = calls.failure(f, ...)
  assert.is_true(core.now() - started < 2, "it took too long")
  return err
end

function calls.is_cancelled(err)
  return marea.is_error(err) and err.kind == "cancelled"
end

-- f with a full collection every few instructions, in every coroutine it makes.
-- LuaJIT looks at hooks only where it interprets.
function calls.collecting(f)
  local jit, coroutines = rawget(_G, "jit"), _G.coroutine
  local create = coroutines.create
  local collections = 0
  local function hook()
    collections = collections + 1
    collectgarbage()
  end
  if jit then jit.off() end
  coroutines.create = function(body)
    local co = create(body)
    debug.sethook(co, hook, "", 100)
    return co
  end
  debug.sethook(hook, "", 100)
  local ok, err = pcall(f)
  debug.sethook()
  coroutines.create = create
  if jit then jit.on() end
  if not ok then error(err, 0) end
  assert.is_true(collections > 10, "hardly any collection: " .. collections)
end

return calls
