-- SPDX-License-Identifier: MIT
-- lua5.4 spec/bench/run.lua [--quick] [--repeat N] [--only NAME] [--markdown]
--   [--readme]             puts tables and picture where the README shows them
--   [--from RESULTS.json]  measures nothing, shows what was measured before
--
-- Measures marea against bare libcurl, in one run on one machine, by turns, and
-- takes medians: a ratio travels between machines, a time doesn't. CPU is user
-- and system time of the client's process alone. A client that saw other data
-- than it should fails the run; a slow one doesn't. `make bench` builds what is
-- needed and runs it from the root of the tree.

local HERE = arg[0]:match("^(.*/)") or "./"
package.path = HERE .. "?.lua;" .. package.path

local clients = require "clients"
local plot = require "plot"
local process = require "process"
local results = require "results"
local rows = require "rows"
local show = require "show"
local workloads = require "workloads"

local PICTURE = process.OUT .. "results.svg"

local function exists(path)
  local file = io.open(path)
  return file and file:close()
end

---- the programs of a workload ------------------------------------------------

local function expectations(workload)
  local list = {}
  for i, name in ipairs(workload.expect) do
    list[i] = ("%s=%.17g"):format(name, workload.seen[name])
  end
  return table.concat(list, " ")
end

local function floor_of(workload, server)
  local base = server .. workload.path
  local command = workload.floor:gsub("URL", base .. workload.suffix):gsub("BASE", base)
    :gsub("SERVER", server)
  return { name = "floor", label = "floor", command = command, seen = workload.floor_seen }
end

local function marea_of(client, workload, server)
  return {
    name = client.name, label = client.label,
    failed = not exists(client.core) and "not built" or nil,
    command = table.concat({ client.command, HERE .. "marea/" .. workload.script,
      server .. workload.path, workload.arguments, expectations(workload) }, " "),
  }
end

-- What a peer isn't asked to do is no failure.
local function peer_of(peer, workload, server)
  local mode = workload.peers[peer.family]
  local able = mode and mode ~= "can't"
  return {
    name = peer.name, label = peer.label,
    failed = not able and (mode or "not measured") or peer.missing,
    command = table.concat({ peer.command, mode or "", server .. workload.path,
      workload.arguments, expectations(workload) }, " "),
  }
end

local function runners_of(workload, server)
  local list = {}
  if workload.floor then list[1] = floor_of(workload, server) end
  for _, client in ipairs(clients.marea) do
    list[#list + 1] = marea_of(client, workload, server)
  end
  for _, peer in ipairs(workload.peers and clients.peers or {}) do
    list[#list + 1] = peer_of(peer, workload, server)
  end
  return list
end

---- turns ---------------------------------------------------------------------

local function check(run, seen, workload)
  for _, name in ipairs { "events", "bytes", table.unpack(workload.expect) } do
    if run[name] and seen[name] and run[name] ~= seen[name] then
      return nil, ("saw %.17g %s, expected %.17g"):format(run[name], name, seen[name])
    end
  end
  return run
end

local function take_turn(runner, workload)
  local run, err = process.run(runner.command)
  if run then run, err = check(run, runner.seen or workload.seen, workload) end
  if run then
    runner.runs[#runner.runs + 1] = run
  else
    runner.failed, runner.broken = err, true
  end
end

local function run_all(runners, workload, turns)
  for _, runner in ipairs(runners) do runner.runs = {} end
  for _ = 1, turns do
    for _, runner in ipairs(runners) do
      if not runner.failed then take_turn(runner, workload) end
    end
  end
end

local function print_broken(runners, workload)
  local fine = true
  for _, runner in ipairs(runners) do
    if runner.broken then
      print(("  %s, %s: %s"):format(workload.name, runner.label, runner.failed))
      fine = false
    end
  end
  return fine
end

--- Runs a workload and adds its rows; says whether every client was right.
local function measure(workload, session)
  workload.seen = workload:truth(function(path)
    return session.read(session.server .. path .. workload.suffix)
  end)
  local runners = runners_of(workload, session.server)
  run_all(runners, workload, workload.turns or math.max(session.turns, workload.repeats or 1))
  for _, figure in ipairs(workload.figures) do
    local row = rows.make(figure, workload, runners, session.brief)
    session.rows[#session.rows + 1] = row
    print(show.line(row, workload.peers and show.peers or show.marea))
  end
  return print_broken(runners, workload)
end

---- the whole run -------------------------------------------------------------

local function measure_all(list, session, only)
  local fine = true
  for _, workload in ipairs(list) do
    if not only or only == workload.name or only == "peers" and workload.peers then
      fine = measure(workload, session) and fine
    end
  end
  return fine
end

--- Which peers are here; what they are, as one line.
local function find_peers()
  local found = {}
  for _, peer in ipairs(clients.peers) do
    local text, ok = process.capture(peer.probe .. " 2>/dev/null")
    if ok then found[#found + 1] = ("%s (%s)"):format(peer.label, text:match("[^\n]*"))
    else peer.missing = "not installed" end
  end
  return #found > 0 and table.concat(found, "; ") or "none installed"
end

local function machine()
  local cpu = process.read_file("/proc/cpuinfo"):match("model name%s*:%s*([^\n]+)") or "unknown"
  local cores = process.capture("nproc"):match("%d+") or "?"
  local curl = process.capture("curl --version"):match("libcurl/(%S+)") or "?"
  local system = process.capture("uname -sr"):gsub("%s+$", "")
  return ("%s, %s cores, libcurl %s, %s"):format(cpu, cores, curl, system)
end

local function usage()
  io.stderr:write("usage: run.lua [--quick] [--repeat N] [--only NAME] [--from RESULTS.json]"
    .. " [--markdown] [--readme]\n")
  os.exit(2)
end

local function parse(arguments)
  local options = { size = workloads.full, peers = workloads.peers_full, turns = 5 }
  local i = 1
  while arguments[i] do
    local name, value = arguments[i], arguments[i + 1]
    if name == "--quick" then
      options.size, options.peers, options.turns = workloads.quick, workloads.peers_quick, 1
      options.brief = true
    elseif name == "--markdown" or name == "--readme" then
      options[name:sub(3)] = true
    elseif name == "--repeat" and math.tointeger(tonumber(value)) then
      options.turns, i = math.max(1, math.tointeger(tonumber(value))), i + 1
    elseif (name == "--only" or name == "--from") and value then
      options[name:sub(3)], i = value, i + 1
    else
      usage()
    end
    i = i + 1
  end
  return options
end

local function run(options)
  local about = { machine = machine(), peers = find_peers(), turns = options.turns }
  local session = { rows = {}, turns = options.turns, brief = options.brief, read = process.reader(), pipe = nil }
  options.size.open = math.min(options.size.open, process.descriptors() - 100)
  session.server, session.pipe = process.start_server()
  print(about.machine .. "\n" .. show.head(show.marea))
  local fine = measure_all(workloads.list(options.size), session, options.only)
  print("\npeers: " .. about.peers .. "\n" .. show.head(show.peers))
  fine = measure_all(workloads.peers(options.peers), session, options.only) and fine
  session.pipe:close()
  results.save(about, session.rows)
  return about, session.rows, fine
end

local function show_saved(path)
  local about, list = results.load(path)
  print(about.machine .. "\n" .. show.head(show.marea))
  for _, row in ipairs(list) do
    print(show.line(row, row.peers and show.peers or show.marea))
  end
  return about, list, true
end

local function write_file(path, text)
  local file = assert(io.open(path, "w"))
  file:write(text)
  file:close()
end

-- The README shows what lies between its two marks, and the picture.
local function put_in_readme(about, list, picture)
  local text = process.read_file("README.md")
  local _, first = text:find("<!-- bench -->\n", 1, true)
  local last = text:find("<!-- /bench -->", 1, true)
  if not (first and last) then error("README.md has no marks for the results", 0) end
  write_file("README.md", text:sub(1, first) .. show.markdown(about, list) .. "\n" .. text:sub(last))
  write_file(HERE .. "results.svg", picture)
end

local function main()
  local options = parse(arg)
  local about, list, fine
  if options.from then about, list, fine = show_saved(options.from)
  else about, list, fine = run(options) end
  print("\n" .. show.summary(list))
  if options.markdown then print("\n" .. show.markdown(about, list)) end
  local picture = plot.svg(about, list)
  write_file(PICTURE, picture)
  if options.readme then put_in_readme(about, list, picture) end
  print("\n" .. PICTURE)
  os.exit(fine)
end

main()
