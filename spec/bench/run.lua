-- SPDX-License-Identifier: MIT
-- lua5.4 spec/bench/run.lua [--quick] [--repeat N] [--only NAME]
--
-- Measures marea against bare libcurl, in one run on one machine, alternately,
-- and takes medians: a ratio travels between machines, a time doesn't. CPU is
-- user and system time of the client's process alone. A client that saw other
-- data than it should fails the run; a slow one doesn't. Run from the root of
-- the repository, with the programs built:
--   cc -std=c99 -D_GNU_SOURCE -O2 -o build/bench/server  spec/bench/server.c
--   cc -std=c99 -D_GNU_SOURCE -O2 -o build/bench/measure spec/bench/measure.c
--   cc -std=c99 -D_GNU_SOURCE -O2 -o build/bench/floor   spec/bench/floor.c -lcurl -luv

local HERE = arg[0]:match("^(.*/)") or "./"
package.path = HERE .. "?.lua;" .. package.path

local flat = require "flat"
local workloads = require "workloads"

local OUT = "build/bench/"
local TIME_LIMIT = 300
local LUA_PATH = "./lua/?.lua;./lua/?/init.lua;./?.lua;;"
local RAISE = "ulimit -n 65536 2>/dev/null || ulimit -n $(ulimit -Hn); "

local function lua(name, label, command, version)
  return {
    name = name, label = label, core = ("build/%s/marea/core.so"):format(version),
    command = ("env LUA_PATH='%s' LUA_CPATH='./build/%s/?.so;;' %s")
      :format(LUA_PATH, version, command),
  }
end

local MAREA = {
  lua("lua54", "Lua 5.4", "lua5.4", "5.4"),
  lua("luajit", "LuaJIT", "luajit", "5.1"),
}

local PROBE = [[require "cjson" if not pcall(require, "cURL") then require "curl" end]]

local PEERS = {
  {
    name = "lua_curl", label = "Lua-cURL + cjson, Lua 5.4",
    probe = "lua5.4 -e '" .. PROBE .. "'",
    command = ("env LUA_PATH='%s' lua5.4 %speers/lua_curl.lua"):format(LUA_PATH, HERE),
  },
  {
    name = "lua_curl_jit", label = "Lua-cURL + cjson, LuaJIT",
    probe = "luajit -e '" .. PROBE .. "'",
    command = ("env LUA_PATH='%s' luajit %speers/lua_curl.lua"):format(LUA_PATH, HERE),
  },
  {
    name = "openai_node", label = "openai, Node",
    probe = "node -e 'require(\"openai\")'",
    command = "node " .. HERE .. "peers/openai.cjs",
  },
}

local measures = {}

function measures.cpu_us(run, workload)
  return (run.user + run.sys) * 1e6 / workload.units
end

function measures.wall_ms(run)
  return run.wall * 1e3
end

function measures.peak_mb(run)
  return run.maxrss_kb / 1024
end

function measures.peak_kib(run, workload)
  return run.maxrss_kb / workload.units
end

function measures.median_us(run)
  return run.median_us
end

local against = {}

function against.ratio(value, floor)
  return value / floor
end

function against.above(value, floor)
  return value - floor
end

function against.value(value)
  return value
end

local function read_file(path)
  local file = io.open(path)
  if not file then return "" end
  local text = file:read("a")
  file:close()
  return text
end

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

local function built(client)
  return exists(client.core) and exists("lua/marea/init.lua")
end

local function median(list)
  table.sort(list)
  local middle = #list // 2
  if #list % 2 == 1 then return list[middle + 1] end
  return (list[middle] + list[middle + 1]) / 2
end

local function capture(command)
  local pipe = assert(io.popen(command))
  local text = pipe:read("a")
  return text, pipe:close()
end

-- The server ends by itself when this end of its stdout closes.
local function start_server()
  local pipe = assert(io.popen(RAISE .. "exec " .. OUT .. "server 0"))
  local line = pipe:read("l") or ""
  local port = line:match("listening (%d+)")
  if not port then error("the server didn't start", 0) end
  return "http://127.0.0.1:" .. port, pipe
end

--- One run of a command: what it cost and what it printed, or nil and why.
local function run_once(command)
  local text, ok = capture(("%s export no_proxy=127.0.0.1; exec timeout -k 5 %d %smeasure %s"
    .. " 2>%sstderr 3>%scost"):format(RAISE, TIME_LIMIT, OUT, command, OUT, OUT))
  if not ok then
    local line = read_file(OUT .. "stderr"):match("[^\n]+")
    return nil, line or "failed without a word, or took too long"
  end
  local run = flat.decode(text)
  for name, value in pairs(flat.decode(read_file(OUT .. "cost"))) do
    run[name] = value
  end
  return run
end

local truths = {}

--- What an answer holds, read slowly by the floor.
local function truth_of(url)
  if not truths[url] then
    local text, ok = capture(OUT .. "floor truth " .. url)
    if not ok then error("no answer to compare with: " .. url, 0) end
    truths[url] = flat.decode(text)
  end
  return truths[url]
end

local function check(run, truth, workload)
  local names = { "events", "bytes", table.unpack(workload.expect) }
  for _, name in ipairs(names) do
    local wanted = truth[name] * workload.times
    if run[name] and run[name] ~= wanted then
      return nil, ("saw %.17g %s, expected %.17g"):format(run[name], name, wanted)
    end
  end
  return run
end

local function expectations(truth, workload)
  local list = {}
  for i, name in ipairs(workload.expect) do
    list[i] = ("%s=%.17g"):format(name, truth[name] * workload.times)
  end
  return table.concat(list, " ")
end

local function base_of(workload, server)
  local base = server .. workload.path
  -- Streams that wait for company would wait for ever for a single reader.
  local alone = base:gsub("/gather/%d+/", "/paced/")
  return base, alone
end

--- The programs of a workload, each with its whole command line.
local function runners_of(workload, server, clients)
  local base, alone = base_of(workload, server)
  local truth = truth_of(alone .. workload.suffix)
  local url = base .. workload.suffix
  local list = { { name = "floor", label = "floor", command = workload.floor:gsub("URL", url) } }
  for i, client in ipairs(clients) do
    local script = workload.script and HERE .. "marea/" .. workload.script or ""
    list[i + 1] = {
      name = client.name, label = client.label,
      failed = client.core and not built(client) and "not built" or nil,
      command = table.concat({ client.command, script, base, workload.arguments,
        expectations(truth, workload) }, " "),
    }
  end
  return list, truth
end

local function take_turn(runner, workload, truth)
  local run, err = run_once(runner.command)
  if run then run, err = check(run, truth, workload) end
  if not run then
    runner.failed, runner.broken = err, true
    return
  end
  runner.runs[#runner.runs + 1] = run
end

local function run_all(runners, workload, truth, repeats)
  for _, runner in ipairs(runners) do
    runner.runs = {}
  end
  for _ = 1, repeats do
    for _, runner in ipairs(runners) do
      if not runner.failed then take_turn(runner, workload, truth) end
    end
  end
end

local function median_of(runner, measure, workload)
  if runner.failed then return nil end
  local list = {}
  for i, run in ipairs(runner.runs) do
    list[i] = measure(run, workload)
  end
  return median(list)
end

--- One row of the results: flat, so that it is one line of JSON.
local function row_of(figure, workload, runners)
  local row = { workload = workload.name, figure = figure.name, unit = figure.unit,
    against = figure.against, goal = figure.goal }
  for _, runner in ipairs(runners) do
    local name = runner.name
    row[name] = median_of(runner, measures[figure.measure], workload)
    row[name .. "_peak_mb"] = median_of(runner, measures.peak_mb, workload)
    row[name .. "_note"] = runner.failed
    if row[name] and row.floor and name ~= "floor" then
      row[name .. "_against"] = against[figure.against](row[name], row.floor)
    end
  end
  return row
end

local GOALS = { ratio = "<= %gx", above = "<= floor + %g", value = "<= %g" }
local SHOWN = { ratio = "%.2fx", above = "%+.1f", value = "" }

local function cell(row, name)
  local value, compared = row[name], row[name .. "_against"]
  if not value then return row[name .. "_note"] and "-" or "" end
  local text = ("%.4g"):format(value)
  if not compared then return text end
  local over = row.goal and compared > row.goal and "!" or ""
  return text .. " " .. SHOWN[row.against]:format(compared) .. over
end

local function peak(row, name)
  local value = row[name .. "_peak_mb"]
  return value and ("%.1f"):format(value) or "-"
end

local LINE = "%-42s %-11s %10s  %-18s %-18s %-14s %s"

local function print_row(row)
  local goal = row.goal and GOALS[row.against]:format(row.goal) or ""
  local peaks = table.concat({ peak(row, "floor"), peak(row, "lua54"), peak(row, "luajit") }, " / ")
  print((LINE:format(row.figure, row.unit, cell(row, "floor"), cell(row, "lua54"),
    cell(row, "luajit"), goal, peaks)))
end

local function print_notes(runners, workload)
  for _, runner in ipairs(runners) do
    if runner.broken then
      print(("  %s, %s: %s"):format(workload.name, runner.label, runner.failed))
    end
  end
end

local function print_peers(row)
  print(("\npeers: the text firehose, %s; floor %s"):format(row.unit, cell(row, "floor")))
  for _, peer in ipairs(PEERS) do
    if row[peer.name] then
      print(("  %-28s %-18s %s MB"):format(peer.label, cell(row, peer.name), peak(row, peer.name)))
    end
  end
end

local function installed_peers()
  local list = {}
  for _, peer in ipairs(PEERS) do
    local _, ok = capture(peer.probe .. " >/dev/null 2>&1")
    if ok then list[#list + 1] = peer
    else print(("peers: %s is not installed, skipped"):format(peer.label)) end
  end
  return list
end

local function has_broken(runners)
  for _, runner in ipairs(runners) do
    if runner.broken then return true end
  end
  return false
end

local function usage()
  io.stderr:write("usage: run.lua [--quick] [--repeat N] [--only NAME]\n")
  os.exit(2)
end

local function parse(arguments)
  local options = { size = workloads.full, repeats = 5 }
  local i = 1
  while arguments[i] do
    local name, value = arguments[i], arguments[i + 1]
    if name == "--quick" then
      options.size, options.repeats = workloads.quick, 1
    elseif name == "--repeat" and math.tointeger(tonumber(value)) then
      options.repeats, i = math.max(1, math.tointeger(tonumber(value))), i + 1
    elseif name == "--only" and value then
      options.only, i = value, i + 1
    else
      usage()
    end
    i = i + 1
  end
  return options
end

-- As many streams as descriptors allow, with a few to spare for the rest.
local function fit_open(size)
  local limit = tonumber((capture(RAISE .. "ulimit -n"))) or size.open
  size.open = math.min(size.open, limit - 100)
end

local function machine()
  local cpu = read_file("/proc/cpuinfo"):match("model name%s*:%s*([^\n]+)") or "unknown"
  local curl = capture("curl --version"):match("libcurl/(%S+)") or "?"
  return ("%s, libcurl %s, %s"):format(cpu, curl, (capture("uname -sr"):gsub("%s+$", "")))
end

local function save(rows, about, repeats)
  local file = assert(io.open(OUT .. "results.json", "w"))
  local lines = {}
  for i, row in ipairs(rows) do
    lines[i] = flat.encode(row)
  end
  file:write(('{"machine":"%s","repeats":%d,"rows":[\n'):format(about:gsub('["\\]', " "), repeats),
    table.concat(lines, ",\n"), "\n]}\n")
  file:close()
end

--- Runs one workload and adds its rows; says whether every client was right.
local function measure(workload, server, clients, repeats, rows, show)
  local runners, truth = runners_of(workload, server, clients)
  run_all(runners, workload, truth, repeats)
  for _, figure in ipairs(workload.figures) do
    local row = row_of(figure, workload, runners)
    rows[#rows + 1] = row
    show(row)
  end
  print_notes(runners, workload)
  return not has_broken(runners)
end

local function measure_marea(options, server, rows)
  local fine = true
  print((LINE:format("", "unit", "floor", "marea, Lua 5.4", "marea, LuaJIT", "goal",
    "peak MB: floor / 5.4 / LuaJIT")))
  for _, workload in ipairs(workloads.list(options.size)) do
    if not options.only or options.only == workload.name then
      local repeats = math.max(options.repeats, workload.repeats or 1)
      fine = measure(workload, server, MAREA, repeats, rows, print_row) and fine
    end
  end
  return fine
end

local function measure_peers(options, server, rows)
  local peers = installed_peers()
  if #peers == 0 then return true end
  local workload = workloads.peers(options.size)
  return measure(workload, server, peers, options.repeats, rows, print_peers)
end

local function main()
  local options = parse(arg)
  local about = machine()
  print(about)
  for _, client in ipairs(MAREA) do
    if not built(client) then print(("marea for %s: not built"):format(client.label)) end
  end
  fit_open(options.size)
  local server, pipe = start_server()
  local rows = {}
  local fine = measure_marea(options, server, rows)
  if not options.only or options.only == "peers" then
    fine = measure_peers(options, server, rows) and fine
  end
  save(rows, about, options.repeats)
  pipe:close()
  os.exit(fine)
end

main()
