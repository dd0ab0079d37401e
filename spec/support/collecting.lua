-- SPDX-License-Identifier: MIT
-- A program of its own for spec/collector_spec.lua: makes calls of every kind
-- and writes what came of each, a line for each. Its argument is JSON: the
-- `base_url` of the bundled provider, scripts by name, streams to read; and
-- whether the collector runs all the time.

-- luacheck: ignore 512 (leaving a loop at once is the matter here)

local marea = require "marea"
local json = require "marea.json"
local on_collect = require("marea.compat").on_collect

local plan = assert(json.decode((...)))

local function client_of(place, options)
  local all = { base_url = plan[place] or place, model = "bundled-echo", max_retries = 0 }
  for key, value in pairs(options or {}) do all[key] = value end
  return marea.client(all)
end

local client = client_of "base_url"

local function open(place)
  return assert(client_of(place or "base_url").chat.completions:create {
    messages = { { role = "user", content = "uno dos tres" } }, stream = true })
end

local function kind_of(value)
  return marea.is_error(value) and value.kind or tostring(value):match("[^:]*$")
end

local scenarios = {}

function scenarios.answers()
  local texts = {}
  for i = 1, 5 do texts[i] = assert(client:ask("n " .. i)).output_text end
  return texts
end

for _, reader in ipairs { "text", "events", "chunks" } do
  scenarios["read by " .. reader] = function()
    local stream, n = open(), 0
    for _ in stream[reader](stream) do n = n + 1 end
    return { n, stream:result().output_text }
  end
end

function scenarios.errors()
  local _, missing = client.models:retrieve "nope"
  local _, cut = open("cutting"):result()
  local ok, raised = pcall(function() for _ in open("cutting"):text() do end end)
  return { missing.kind, cut.kind, cut.partial.output_text, ok, raised.kind }
end

function scenarios.retries()
  local waits = {}
  local tries = client_of("refusing", { max_retries = 2, on = { retry = function(e) waits[#waits + 1] = e.wait end } })
  local _, err = tries:ask "x"
  return { err.kind, #err.attempts, waits }
end

function scenarios.tasks()
  return marea.run(function()
    local both = marea.all {
      function() return client:ask("a").output_text end,
      function() return open():result().output_text end,
    }
    local first = marea.race { function() return "first" end, function() marea.sleep(5) end }
    local mapped = marea.map({ 1, 2, 3, 4 }, function(n)
      marea.sleep(0)
      return n * 2
    end, { concurrency = 2 })
    local _, late = marea.timeout(0.01, marea.sleep, 5)
    return { both[1], both[2], first, mapped[1], mapped[4], late.kind }
  end)
end

function scenarios.cancelled()
  return marea.run(function()
    local seen
    local pieces = marea.queue()
    local task = marea.spawn(function()
      local ok, err = pcall(function()
        for text in open("stalling"):text() do pieces:put(text) end
      end)
      seen = { ok, kind_of(err), err.partial and err.partial.output_text }
      error(err, 0)
    end)
    for _ = 1, 2 do pieces:get() end
    task:cancel()
    return { seen, task.status }
  end)
end

function scenarios.generators()
  local generator = coroutine.wrap(function()
    for text in open():text() do coroutine.yield(text) end
  end)
  local texts = {}
  for text in generator do texts[#texts + 1] = text end
  return table.concat(texts)
end

function scenarios.left()
  local ways = {
    function(s) for _ in s:text() do break end end,
    function(s) for _ in s:events() do return end end,
    function(s) pcall(function() for _ in s:chunks() do error "mine" end end) end,
    function(s) for _ in s:text() do s:close() end end,
    function(s) s:next() end,
  }
  for _, leave in ipairs(ways) do
    local stream = open("stalling")
    leave(stream)
    stream:close()
  end
  return #ways
end

-- Streams that only the collector ends, also from a finalizer; but LuaJIT itself
-- hangs in finalizers that use `pairs` where that has been compiled.
local may_finalize = plan.no_jit or not rawget(_G, "jit")

function scenarios.abandoned()
  for i = 1, 5 do
    local stream = open("stalling")
    stream:next()
    if may_finalize and i % 2 == 0 then on_collect(function() stream:close() end) end
  end
  return "done"
end

function scenarios.vectors()
  local result = assert(client.embeddings:create { input = { "a", "b" }, encoding_format = "base64",
    model = "bundled-embed" })
  return { #result.data, #result.data[1].embedding, result.data[1].embedding:dot(result.data[1].embedding) > 0 }
end

function scenarios.streams()
  local out = {}
  for i = 1, #plan.streams, plan.stride do
    local wanted = plan.streams[i]
    local place = client_of(wanted.base_url)
    place = wanted.endpoint == "chat" and place.chat.completions or place[wanted.endpoint]
    local stream, err = place:create {
      messages = { { role = "user", content = "x" } },
      prompt = "x", input = "x", n = wanted.n, stream = true }
    local events = {}
    while stream do
      local event
      event, err = stream:next()
      if not event then break end
      events[#events + 1] = event
    end
    out[#out + 1] = { events, err and err.kind or 0, err and err.partial or stream and stream:result() or 0 }
  end
  return out
end

-- At every allocation; but compiled code of LuaJIT never gets past a collector
-- that never rests.
local function force()
  local jit = rawget(_G, "jit")
  if _VERSION >= "Lua 5.4" then collectgarbage("incremental", 100, 1000, 40)
  else collectgarbage("setstepmul", jit and not plan.no_jit and 2000 or 1000000) end
  collectgarbage("setpause", 0)
  collectgarbage()
end

local names = {}
for name in pairs(scenarios) do names[#names + 1] = name end
table.sort(names)

if plan.no_jit then rawget(_G, "jit").off() end
if plan.force then force() end
for _, name in ipairs(names) do
  local text = json.encode({ scenarios[name]() }, { sort = true })
  io.write(name, "\t", (text:gsub("call_%x%x%x%x%x%x+", "made"):gsub('"[%w]+%-%x+"', '"ID"')), "\n")
end
collectgarbage()
collectgarbage()
local stats = require("marea.loop").engine():stats()
io.write("still there\t", stats.transfers + stats.timers, "\n")
