-- SPDX-License-Identifier: MIT
-- Many tasks against servers that do anything at any time, for as long as wanted:
--   lua spec/soak/run.lua SECONDS SEED
-- What comes of each call must be among what may come of it. In between all is
-- let go, and then nothing may have grown: memory, descriptors, the registry, the
-- engine's own counts. The same seed makes the same plan.

local daemon = require("spec.support.daemon")
local leaks = require("spec.support.leaks")
local loop = require("marea.loop")
local marea = require("marea")
local random = require("spec.support.random")
local server = require("spec.support.server")
local world = require("spec.soak.world")

local SECONDS, SEED = tonumber(arg[1]) or 600, tonumber(arg[2]) or os.time() % 100000 + 1
local TASKS, PLACES, ROUND = 80, 50, 3
local SLACK_KB, RSS_SLACK_KB = 1500, 12 * 1024

local choose = random(SEED)
local s = server.start()
local dir = daemon.directory()
local tally, calls, broken = {}, 0, {}

-- A call that is silenced must give up soon; one that goes well may take its
-- time on a busy machine.
local function clocks_of(place)
  if place.allowed.timeout then return { connect = 5, first_byte = 0.3, idle = 0.3 } end
  return { connect = 5, first_byte = 20, idle = 20 }
end

local function client_of(place)
  return marea.client { base_url = place.base_url, model = "m", max_retries = choose(3) - 1,
    timeout = clocks_of(place) }
end

local function note(place, action, outcome)
  calls = calls + 1
  tally[outcome] = (tally[outcome] or 0) + 1
  if place.allowed[outcome] then return end
  if #broken < 20 then broken[#broken + 1] = ("%s, %s: %s"):format(place.name, action, outcome) end
end

-- What is said must be the beginning of what was sent.
local function check_text(place, action, text, is_whole)
  local expected = place.text
  if not expected then return end
  local same = is_whole and text == expected or not is_whole and expected:sub(1, #text) == text
  if not same then broken[#broken + 1] = ("%s, %s: other text"):format(place.name, action) end
end

local function outcome_of(err)
  if marea.is_error(err) then return err.kind end
  broken[#broken + 1] = "no error of ours: " .. tostring(err):sub(1, 300)
  return "raised"
end

local actions = {}

function actions.ask(place)
  local result, err = client_of(place):ask("hola")
  if result then check_text(place, "ask", result.output_text, true) end
  return result and "ok" or outcome_of(err)
end

function actions.stream(place, client, messages)
  local stream, err = client.chat.completions:create { messages = messages, stream = true }
  if not stream then return outcome_of(err) end
  local parts, event = {}
  repeat
    event, err = stream:next()
    if event and event.type == "text" then parts[#parts + 1] = event.text end
  until not event
  check_text(place, "stream", table.concat(parts), err == nil)
  if err and err.partial then check_text(place, "partial", err.partial.output_text) end
  return err and outcome_of(err) or "ok"
end

function actions.iterated(place, client, messages)
  local text = {}
  local ok, err = pcall(function()
    local stream, fault = client.chat.completions:create { messages = messages, stream = true }
    if not stream then error(fault, 0) end
    for piece in stream:text() do text[#text + 1] = piece end
  end)
  check_text(place, "iterated", table.concat(text), ok)
  return ok and "ok" or outcome_of(err)
end

-- Left after a few events: closed, or for the collector.
function actions.left(_, client, messages)
  local stream, err = client.chat.completions:create { messages = messages, stream = true }
  if not stream then return outcome_of(err) end
  for _ = 1, choose(3) do
    local event, fault = stream:next()
    if fault then return outcome_of(fault) end
    if not event then break end
  end
  if choose(2) == 1 then stream:close() end
  return "left"
end

function actions.timed(place)
  local result, err = marea.timeout(choose(20) / 100, function()
    local answer, fault = client_of(place):ask("hola")
    return answer or fault
  end)
  if result == nil then return err and err.kind == "timeout" and "given up" or outcome_of(err) end
  return marea.is_error(result) and outcome_of(result) or "ok"
end

function actions.cancelled(place, client, messages)
  local task = marea.spawn(function() return actions.stream(place, client, messages) end)
  marea.sleep(choose(20) / 1000)
  task:cancel()
  local ok, value = pcall(task.await, task)
  if ok then return value end
  return outcome_of(value)
end

function actions.raced(place)
  local ok, err = pcall(marea.race, { function() return client_of(place):ask("hola") end,
    function() marea.sleep(choose(30) / 1000) end })
  return ok and "left" or outcome_of(err)
end

local of_any = { "timed", "raced" }
local of_streams = { "stream", "iterated", "left", "cancelled" }

local always = { left = true, ["given up"] = true, cancelled = true }

local function once(place)
  local kinds = place.wants == "stream" and of_streams or place.wants == "whole" and of_any or nil
  local name
  if kinds == of_any or not kinds and choose(2) == 1 then name = choose(3) == 1 and of_any[choose(#of_any)] or "ask"
  else name = of_streams[choose(#of_streams)] end
  local client = client_of(place)
  local outcome = actions[name](place, client, { { role = "user", content = ("hola "):rep(choose(200)) } })
  if always[outcome] then calls, tally[outcome] = calls + 1, (tally[outcome] or 0) + 1
  else note(place, name, outcome) end
end

-- Beside the faults: forms, files and speech from the bundled provider, whole.
local function files(client, number)
  local path = ("%s/%d.mp3"):format(dir, number)
  local heard = client.audio.transcriptions:create { file = { data = ("x"):rep(choose(200000)), filename = "a.wav" } }
  local spoken = client.audio.speech:create({ input = "hola", voice = "alba" }, { to = path })
  if not heard or not spoken then broken[#broken + 1] = "a file was not sent, or not saved" end
  os.remove(path)
end

local function worker(places, over, number)
  local client = marea.client { base_url = s.base_url, model = "m" }
  while os.time() < over do
    once(places[choose(#places)])
    if choose(50) == 1 then files(client, number) end
    if choose(20) == 1 then marea.sleep(choose(20) / 1000) end
  end
end

local function round()
  local places = {}
  for i = 1, PLACES do places[i] = world.open(s, choose) end
  local over = os.time() + ROUND
  marea.run(function()
    for i = 1, TASKS do marea.spawn(worker, places, over, i) end
  end)
  for _, place in ipairs(places) do place.forget() end
end

local function measure()
  leaks.collect()
  loop.turn(0)
  local now, stats = leaks.snapshot(), loop.engine():stats()
  now.rss_kb = leaks.rss_kb()
  for _, name in ipairs { "transfers", "timers" } do
    if stats[name] ~= 0 then broken[#broken + 1] = ("%d %s are left"):format(stats[name], name) end
  end
  return now
end

local function compare(before, after)
  if after.registry ~= before.registry then broken[#broken + 1] = "the registry grew" end
  if after.fds > before.fds + 8 then      -- connections kept for later come and go
    broken[#broken + 1] = ("%d descriptors, then %d"):format(before.fds, after.fds)
  end
  local lua_kb, rss_kb = after.memory_kb - before.memory_kb, after.rss_kb - before.rss_kb
  if lua_kb > SLACK_KB then broken[#broken + 1] = ("Lua's memory grew by %.0f KiB"):format(lua_kb) end
  if rss_kb > RSS_SLACK_KB and not os.getenv("MAREA_SANITIZED") then
    broken[#broken + 1] = ("the process grew by %d KiB"):format(rss_kb)
  end
end

local function show(name, m)
  print(("%-6s %8d calls, Lua %6.0f KiB, process %7d KiB, %3d descriptors, registry %d"):format(
    name, calls, m.memory_kb, m.rss_kb, m.fds, m.registry))
  io.stdout:flush()
end

print(("soak: %d s, seed %d, %d kinds of servers, %d tasks"):format(SECONDS, SEED, #world.names, TASKS))
local started = os.time()
local baseline, last
repeat
  round()
  last = measure()
  local elapsed = os.time() - started
  if not baseline and elapsed >= math.min(60, SECONDS / 4) then       -- warm by now
    baseline = last
    show(elapsed .. " s", last)
  end
until elapsed >= SECONDS or #broken > 0
show((os.time() - started) .. " s", last)
compare(baseline, last)

local kinds = {}
for name in pairs(tally) do kinds[#kinds + 1] = name end
table.sort(kinds)
for i, name in ipairs(kinds) do kinds[i] = name .. " " .. tally[name] end
print(table.concat(kinds, ", "))
s:stop()
os.execute("rm -rf " .. dir)
for _, line in ipairs(broken) do print("BROKEN: " .. line) end
os.exit(#broken == 0)
