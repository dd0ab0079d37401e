-- SPDX-License-Identifier: MIT
-- What is done while something fails, and what may come of it: all went well all
-- the same, or an error that says what there was not enough of. Then the same is
-- done again, in the same state, and must go well: a failure passes and leaves
-- nothing behind. `arm`, `disarm` and `mode` are the host's.

local arm, disarm, mode = arm, disarm, mode        -- luacheck: ignore

local URL, TLS_URL = os.getenv("MAREA_TORTURE_URL"), os.getenv("MAREA_TORTURE_TLS_URL")
local DIR = os.getenv("MAREA_TORTURE_DIR")

local messages = { { role = "user", content = "Hola" } }

-- Short clocks: one that runs out shows that something was waited for in vain.
local clocks = { connect = 2, first_byte = 3, idle = 3 }

local function marea()
  return require "marea"
end

local function client_of(options)
  local all = { base_url = URL .. "/v1", model = "bundled-echo", max_retries = 0, timeout = clocks }
  for name, value in pairs(options or {}) do all[name] = value end
  return marea().client(all)
end

local function open_stream(client)
  local stream, err = client.chat.completions:create { messages = messages, stream = true }
  if not stream then error(err, 0) end
  return stream
end

local scenarios = {}

function scenarios.codec()
  local json = require "marea.json"
  local list = {}
  for i = 1, 200 do list[i] = { name = "n\195\169\n" .. i, value = i / 7, list = { i, true, json.null } } end
  local text = json.encode(list, { sort = true })
  local value = assert(json.decode(text))
  return json.encode(value, { sort = true }) == text
end

function scenarios.vectors()
  local vector = require "marea.vector"
  local v = marea().vector { 1, 2, 3, 4.5 }
  local again = assert(vector.from_base64(v:base64()))
  return again:dot(v) == v:dot(v) and #again:totable() == 4
end

function scenarios.client()
  local client = client_of { headers = { ["x-mine"] = "1" }, api_key = "sk-1" }
  return tostring(client:with { max_retries = 1 }):find("127.0.0.1", 1, true) ~= nil
end

function scenarios.ask()
  local answer, err = client_of():ask("Hola")
  if not answer then return nil, err end
  return answer.output_text ~= ""
end

function scenarios.list()
  local client = client_of()
  local models, err = client.models:list()
  if not models then return nil, err end
  return #models.data > 0
end

function scenarios.text()
  local parts = {}
  local stream = open_stream(client_of())
  for text in stream:text() do parts[#parts + 1] = text end
  local result, err = stream:result()
  if not result then return nil, err end
  return table.concat(parts) == result.output_text
end

-- What fails while one looks at it costs nothing of what was read.
function scenarios.looked()
  local stream, parts = open_stream(client_of()), {}
  local event, err = stream:next()
  while event do
    if event.type == "text" then parts[#parts + 1] = event.text end
    if #parts == 2 or #parts == 5 then pcall(stream.snapshot, stream) end
    event, err = stream:next()
  end
  if err then return nil, err end
  local result
  result, err = stream:result()
  if not result then return nil, err end
  return table.concat(parts) == result.output_text
end

function scenarios.chunks()
  local n = 0
  for chunk in open_stream(client_of()):chunks() do
    if chunk.choices[1] then n = n + 1 end
  end
  return n > 1
end

function scenarios.closed()
  local stream = open_stream(client_of())
  local event, err = stream:next()
  stream:close()
  return event ~= nil or nil, err
end

function scenarios.abandoned()
  local event, err = open_stream(client_of()):next()
  collectgarbage()
  return event ~= nil or nil, err
end

function scenarios.cancelled()
  local client = client_of()
  return marea().run(function()
    local begun = marea().queue()
    local task = marea().spawn(function()
      local stream = open_stream(client)
      begun:put(stream:next() or false)
      marea().sleep(60)
    end)
    task.claimed = true
    local either = marea().race { function() return begun:get() end, function() return task:await() end }
    task:cancel()
    return either ~= nil
  end)
end

function scenarios.many()
  local client = client_of()
  local results = marea().run(function()
    return marea().map({ "a", "b", "c", "d" }, function(word)
      local answer, err = client:ask(word)
      if not answer then error(err, 0) end
      return answer.output_text
    end)
  end)
  return results.n == 4
end

function scenarios.timers()
  return marea().run(function()
    local task = marea().spawn(function() marea().sleep(0.002) return 1 end)
    local fast = marea().race { function() marea().sleep(0.001) return "fast" end,
      function() marea().sleep(5) end }
    local late, err = marea().timeout(0.002, function() marea().sleep(5) end)
    return task:await() == 1 and fast == "fast" and late == nil and err.kind == "timeout"
  end)
end

function scenarios.embeddings()
  local client = client_of { model = "bundled-embedding" }
  local result, err = client.embeddings:create { input = { "a", "b" }, encoding_format = "base64" }
  if not result then return nil, err end
  return #result.data == 2 and #result.data[1].embedding > 1
end

function scenarios.refused()
  local client = client_of { base_url = "http://127.0.0.1:1/v1" }
  local answer, err = client:ask("Hola")
  if answer or err.kind ~= "connection" then return nil, err end
  return true
end

function scenarios.error()
  local result, err = client_of().models:retrieve("none-such")
  if result or err.kind ~= "not_found" then return nil, err end
  return true
end

function scenarios.tls()
  local client = client_of { base_url = TLS_URL .. "/v1", ca_file = DIR .. "/ca.pem" }
  local answer, err = client:ask("Hola")
  if not answer then return nil, err end
  return answer.output_text ~= ""
end

-- More than fits the reader's bounds: libcurl is told to wait, and to go on.
function scenarios.paused()
  local client = client_of()
  local answer, err = client:request { method = "POST", path = "chat/completions", stream = true,
    body = { model = "bundled-echo", stream = true,
      messages = { { role = "user", content = ("palabra "):rep(1000) } } } }
  if not answer then return nil, err end
  local event, broken = answer:next()
  if not event then return nil, broken end
  marea().sleep(0.05)
  local result
  result, err = answer:result()
  if not result then return nil, err end
  return #result.output_text > 5000
end

function scenarios.large()
  local client = client_of()
  local answer, err = client:ask(("palabra "):rep(20000))
  if not answer then return nil, err end
  return #answer.output_text > 0
end

function scenarios.upload()
  local client = client_of { model = "bundled-whisper" }
  local result, err = client.audio.transcriptions:create { file = DIR .. "/sound.wav", language = "es" }
  if not result then return nil, err end
  return result.output_text ~= nil
end

function scenarios.upload_bytes()
  local client = client_of { model = "bundled-whisper" }
  local file = { data = ("RIFF0000WAVE"):rep(20000), filename = "a.wav" }
  local result, err = client.audio.transcriptions:create { file = file }
  if not result then return nil, err end
  return result.output_text ~= nil
end

function scenarios.speech()
  local client = client_of { model = "bundled-speech" }
  local result, err = client.audio.speech:create({ input = "Hola", voice = "alba" }, { to = DIR .. "/speech.mp3" })
  local left = io.open(DIR .. "/speech.mp3.part")
  if left then error("a half-written file was left") end
  if not result then return nil, err end
  return result.size > 0
end

function scenarios.image()
  local part, err = marea().image(DIR .. "/picture.png")
  if not part then return nil, err end
  return part.type == "image_url"
end

function scenarios.stepped()
  local client, answer, err = client_of(), nil, nil
  marea().spawn(function() answer, err = client:ask("Hola") end)
  local over = os.time() + 5
  while not answer and not err and os.time() < over do marea().step(0.002) end
  return answer ~= nil or nil, err or "it was never done"
end

---- judging ------------------------------------------------------------------

local reasons = {
  "memory", "libcurl refused", "libcurl could not be set up", "libuv gave no loop",
  "can't read", "can't be read", "can't write", "could not be read",
}

local function names_reason(err)
  local text = tostring(err)
  for _, words in ipairs(reasons) do
    if text:find(words, 1, true) then return true end
  end
  return false
end

local function judge(failed, ok, value, err)
  if ok and value then return end
  if not ok then err = value end
  if not failed then error("nothing failed, and yet: " .. tostring(err), 0) end
  if not names_reason(err) then
    error(("%s failed, and what came of it is: %s"):format(failed, tostring(err)), 0)
  end
end

local function check_nothing_left()
  local loop = require "marea.loop"
  collectgarbage()
  collectgarbage()
  loop.turn(0)
  local stats = loop.engine():stats()
  for _, name in ipairs { "transfers", "timers" } do
    if stats[name] ~= 0 then error(("%d %s are left"):format(stats[name], name), 0) end
  end
end

-- Lua's own allocations are counted once all modules are loaded.
local function run(scenario)
  if mode == "lua" then assert(scenario()) end
  collectgarbage()
  collectgarbage("stop")   -- so that the n-th is the same in every run
  arm()
  local ok, value, err = pcall(scenario)
  local failed = disarm()
  collectgarbage("restart")
  judge(failed, ok, value, err)
  local went, again, fault = pcall(scenario)
  if not (went and again) then
    error(("%s failed, and then: %s"):format(tostring(failed), tostring(fault or again)), 0)
  end
  check_nothing_left()
  return failed ~= nil
end

return function(name)
  return run(scenarios[name] or error("no scenario " .. name))
end
