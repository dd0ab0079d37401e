-- SPDX-License-Identifier: MIT
-- What is measured: for each workload the path the server answers, the floor's
-- command, marea's script, what a client must have seen, and the figures drawn
-- from the runs.
--
-- A figure is a measure of one run (or `over` all of them) and a way to set a
-- client's against the floor's: `ratio` divides, `above` subtracts, `value`
-- takes the client's alone. The goal bounds what comes out.

local measures = require "measures"

local workloads = {}

local FLOOR = "build/bench/floor "
local BODY = '{"model":"bench","messages":[{"role":"user","content":"Hola"}]}'
local BLOCK = 1024   -- chunks after which the server's streams repeat themselves

workloads.full = {
  chunks = 1000000, streams = 1000, ticks = 100, every = 10, open = 10000,
  requests = 10000, vectors = 256, dims = 4096, batches = 10, one = 9, firsts = 2000,
  closes = 400, slow = 30, decades = { 500, 100, 20, 2, 1 }, grown = 11, counted = 1000000,
  reads = 6, bursts = 12, lines = 4, bytes = 400, agents = 200,
}

workloads.quick = {
  chunks = 20000, streams = 50, ticks = 10, every = 20, open = 200,
  requests = 500, vectors = 16, dims = 256, batches = 2, one = 1, firsts = 50,
  closes = 50, slow = 2, decades = { 20, 2, 1 }, grown = 1, counted = 10000,
  reads = 1, bursts = 2, lines = 1, bytes = 50, agents = 20,
}

-- Others are slower: what they do is done as often as can be waited for.
workloads.peers_full = setmetatable({ chunks = 200000, requests = 2000, turns = 3 },
  { __index = workloads.full })
workloads.peers_quick = setmetatable({ turns = 1 }, { __index = workloads.quick })

local TEXT = { "pieces", "text_bytes" }
local ALL = { "events", "pieces", "text_bytes" }

local function commas(n)
  local text = ("%d"):format(n)
  repeat
    local count
    text, count = text:gsub("^(%d+)(%d%d%d)", "%1,%2")
  until count == 0
  return text
end

local function figure(name, unit, measure, against, goal)
  return { name = name, unit = unit, measure = measure, against = against, goal = goal }
end

local function cpu(name, unit, goal)
  return figure(name, unit, measures.cpu_us, "ratio", goal)
end

--- What `times` answers of the workload's path hold.
local function repeated(read, path, times)
  local seen = {}
  for name, value in pairs(read(path)) do
    seen[name] = type(value) == "number" and value * times or nil
  end
  return seen
end

-- Streams that wait for company would wait for ever for a single reader.
local function plain_truth(workload, read)
  return repeated(read, workload.path:gsub("/gather/%d+/", "/paced/"), workload.times)
end

-- As live servers flush them, each event is an HTTP chunk of its own.
local function firehose(name, label, script, n, goal)
  return {
    name = name, script = script, units = n, times = 1, truth = plain_truth,
    path = ("/separate/%d/v1"):format(n), suffix = "/chat/completions",
    floor = FLOOR .. "firehose URL", arguments = "",
    expect = name == "chunks" and ALL or TEXT,
    figures = { cpu(label, "us/chunk", goal) },
  }
end

-- The same text with many events to an HTTP chunk, as a proxy may pack them:
-- libcurl does a fraction of the work.
local function packed(size)
  local workload = firehose("text-packed", "the same text, many events an HTTP chunk",
    "firehose_text.lua", size.chunks)
  workload.path = ("/firehose/%d/v1"):format(size.chunks)
  return workload
end

local function streams(name, path, count, figures)
  return {
    name = name, script = "paced.lua", units = count, times = count, truth = plain_truth,
    path = path, suffix = "/chat/completions",
    floor = FLOOR .. "paced URL " .. count, arguments = tostring(count),
    expect = TEXT, figures = figures,
  }
end

local function paced(size, memory)
  local path = ("/paced/%d/%d/v1"):format(size.ticks, size.every)
  local label = ("%s streams at once, a chunk each %d ms"):format(commas(size.streams), size.every)
  return streams("paced", path, size.streams, { cpu(label, "us/stream", 1.4), memory })
end

local function open(size)
  local path = ("/gather/%d/4/250/v1"):format(size.open)
  local label = ("memory of each of %s open streams"):format(commas(size.open))
  return streams("open", path, size.open, {
    figure(label, "KiB", measures.peak_kib, "value", 64) })
end

local function small(size)
  return {
    name = "small", script = "small.lua", units = size.requests, times = size.requests,
    path = "/small/v1", suffix = "/chat/completions", truth = plain_truth,
    floor = FLOOR .. ("small URL %d 64"):format(size.requests),
    arguments = size.requests .. " 64", expect = TEXT,
    figures = { cpu(commas(size.requests) .. " small completions, 64 at a time", "us/request", 2) },
  }
end

local function embed(size, format, figures)
  return {
    name = "embed-" .. format, script = "embed.lua", truth = plain_truth,
    units = size.vectors * size.batches, times = size.batches,
    path = ("/embed/%d/%d/%s/v1"):format(size.vectors, size.dims, format),
    suffix = "/embeddings", floor = FLOOR .. "embed URL " .. size.batches,
    arguments = ("%d %d %s"):format(size.batches, size.vectors, format),
    expect = { "vectors", "floats", "sum" }, figures = figures,
  }
end

local function base64(size)
  local label = ("embeddings of %s, base64 to `marea.vector`"):format(commas(size.dims))
  return embed(size, "base64", { cpu(label, "us/vector", 4) })
end

-- The measure of lists of numbers is not libcurl, which knows no JSON, but what
-- lua-cjson takes to decode them: for our decoding alone, and for the whole
-- process, to which receiving them and all else is added.
local function to_cjson(workload, size)
  workload.floor = "lua5.4 spec/bench/peers/cjson_decode.lua BASE "
    .. size.batches
  return workload
end

local function decoding(size)
  local label = ("decoding %s numbers (to cjson.decode)"):format(commas(size.dims))
  local workload = embed(size, "float", { figure(label, "us/list", measures.decode_us, "ratio", 0.25) })
  workload.name, workload.script, workload.arguments = "decode", "decode.lua", tostring(size.batches)
  return to_cjson(workload, size)
end

local function lists(size)
  local label = ("embeddings of %s as lists (to cjson.decode alone)"):format(commas(size.dims))
  return to_cjson(embed(size, "float", { figure(label, "us/vector", measures.decode_us, "ratio") }), size)
end

-- The measure of a whole process is the program everybody has: curl itself.
local function one(size)
  return {
    name = "one", script = "one.lua", units = 1, times = 1, repeats = size.one,
    path = "/small/v1", suffix = "/chat/completions", truth = plain_truth,
    floor = "curl -s -o /dev/null -w '{\"bytes\":%{size_download}}'"
      .. " -H 'Content-Type: application/json' -d '" .. BODY .. "' URL",
    arguments = "", expect = TEXT,
    figures = {
      figure("one request, the whole process (to curl)", "ms", measures.wall_ms, "ratio", 1.5),
      figure("memory of the process of one request", "MB", measures.peak_mb, "value", 12),
    },
  }
end

local function first(size)
  return {
    name = "first", script = "first.lua", units = size.firsts, times = size.firsts,
    path = "/firehose/8/v1", suffix = "/chat/completions", truth = plain_truth,
    floor = FLOOR .. "first URL " .. size.firsts, arguments = tostring(size.firsts),
    expect = TEXT,
    figures = { figure("time to the first delta, median", "us",
      measures.field "median_us", "above", 50) },
  }
end

-- The server stamps the moment a connection ends. What is measured ends with
-- the server being woken, so a busy machine shows in it.
local function close(size)
  local n = size.closes
  return {
    name = "close", script = "close.lua", path = "/hang/8/v1", suffix = "/chat/completions",
    floor = FLOOR .. "close URL " .. n, arguments = tostring(n),
    expect = { "pieces", "left" },
    truth = function() return { pieces = 2 * n, left = 2 * n } end,
    floor_seen = { left = n },
    figures = {
      figure("`stream:close()` to the FIN at the server, p99", "ms",
        measures.field("close_p99_us", 1e-3), "value", 1),
      figure("a task's `cancel()` to the FIN, p99", "ms",
        measures.field("cancel_p99_us", 1e-3), "value", 1),
    },
  }
end

local function slow(size)
  return {
    name = "slow", script = "slow.lua", path = "/separate/100000000/v1", suffix = "",
    arguments = tostring(size.slow), expect = { "pieces" }, turns = 1,
    truth = function() return { pieces = size.slow } end,
    figures = { figure(("fast sender, a delta a second, %d s: growth"):format(size.slow),
      "KiB", measures.field "grown_kib", "value", 1024) },
  }
end

-- Several kinds of streams in one process: path, and how many.
local function each(name, items, figures)
  local urls, arguments = {}, {}
  for i, item in ipairs(items) do
    local rest = (" %d"):format(item.times)
    urls[i] = "SERVER" .. item.path .. "/chat/completions" .. rest
    arguments[i] = item.path .. rest
  end
  return {
    name = name, script = "each.lua", path = "", suffix = "", items = items,
    floor = FLOOR .. "each " .. table.concat(urls, " "),
    arguments = table.concat(arguments, " "), expect = TEXT, figures = figures,
  }
end

local function add(sum, seen)
  for name, value in pairs(seen) do
    sum[name] = (sum[name] or 0) + value
  end
end

local function items_truth(workload, read)
  local sum = {}
  for _, item in ipairs(workload.items) do
    item.bytes = read(item.path).bytes
    add(sum, repeated(read, item.path, item.times))
  end
  return sum
end

-- For each way to send: microseconds of CPU per byte of events, set against
-- those of 16 KiB a write. A byte a write costs libcurl many times more too, and
-- what is bounded there, and for lines, is how much faster than the floor's the
-- client's cost grows.
local function bytes(size)
  local way = measures.growth
  local workload = each("bytes", {
    { path = "/reads/2097152/1/v1", times = size.reads },
    { path = "/burst/2097152/v1", times = size.bursts },
    { path = "/line/16777216/v1", times = size.lines },
    { path = "/line/1048576/v1", times = 16 * size.lines },
    { path = ("/bytewise/%d/v1"):format(size.bytes), times = 4 },
  }, {
    figure("2 MB at once, to 16 KiB a write", "x", way(2, 1), "value", 1.5),
    figure("a line of 16 MiB, to chunks in 16 KiB writes", "x", way(3, 1), "value", 1.5),
    figure("a line of 16 MiB, to lines of 1 MiB (growth to the floor's)", "x", way(3, 4), "ratio", 1.5),
    figure("a byte a write, to 16 KiB a write (growth to the floor's)", "x", way(5, 1), "ratio", 1.5),
  })
  workload.truth = items_truth
  return workload
end

-- A long stream need not be read twice to know what it holds.
local function stretched(read, n)
  local block, rest, none = read "/separate/1024/v1", read(("/separate/%d/v1"):format(n % BLOCK)), read "/separate/0/v1"
  local seen, times = {}, n // BLOCK
  for name, value in pairs(none) do
    seen[name] = type(value) == "number" and rest[name] + (block[name] - value) * times or nil
  end
  return seen
end

local function decades_truth(workload, read)
  local sum = {}
  for _, item in ipairs(workload.items) do
    local seen = stretched(read, item.chunks)
    for name, value in pairs(seen) do seen[name] = value * item.times end
    add(sum, seen)
  end
  return sum
end

-- Streams of growing length, read as text. Each decade has about as many chunks in
-- all, as far as that can be. The longest takes seconds, and a machine is at its
-- fastest for as long but now and then: with fewer runs the long would seem dearer.
local function decades(size)
  local items, figures = {}, {}
  for i, times in ipairs(size.decades) do
    local n = 10 ^ (i + 2) // 1 | 0
    items[i] = { path = ("/separate/%d/v1"):format(n), times = times, chunks = n }
    if i > 1 then
      local label = ("a chunk after the first %s, up to %s"):format(commas(n // 10), commas(n))
      figures[i - 1] = figure(label, "us", measures.chunk_cpu(i), "ratio")
    end
  end
  figures[#figures + 1] = {
    name = ("a chunk as a stream grows to %s, dearest decade to first"):format(commas(10 ^ (#size.decades + 2) // 1)),
    unit = "x", against = "value", goal = 1.05, over = measures.growing,
  }
  local workload = each("decades", items, figures)
  workload.repeats = size.grown
  workload.truth = decades_truth
  return workload
end

-- The same in instructions, of which a busy machine makes no more.
local function counted(size)
  local label = ("instructions of a chunk, %s to %s of them"):format(commas(1000), commas(size.counted))
  local sizes = {}
  for i = 3, math.log(size.counted, 10) + 0.5 do sizes[#sizes + 1] = ("%d"):format(10 ^ i // 1) end
  return {
    name = "counted", script = "count.lua", path = "", suffix = "", arguments = table.concat(sizes, " "), expect = {},
    truth = function() return {} end, turns = 1,
    figures = {
      figure(label, "", measures.field "dearest", "value"),
      figure(("the same to %s in instructions, dearest to cheapest"):format(commas(size.counted)), "x",
        measures.field "spread", "value", 1.05),
    },
  }
end

local function loading(size)
  return {
    name = "require", script = "require.lua", path = "", suffix = "", arguments = "", expect = {},
    truth = function() return {} end, repeats = size.one,
    figures = {
      figure("`require 'marea'`", "ms", measures.field "ms", "value", 3),
      figure("and a client made", "ms", measures.field "client_ms", "value"),
    },
  }
end

-- No server: answers are canned, and what is measured is the loop alone.
local function agent(size)
  return {
    name = "agent", script = "agent.lua", path = "", suffix = "", arguments = "50 " .. size.agents, expect = {},
    truth = function() return {} end,
    figures = {
      figure("a step of an agent, beside its call and its tool", "us", measures.field "step_us", "value", 100),
      figure("the same, its tool within a timeout", "us", measures.field "timed_us", "value", 100),
    },
  }
end

local function weight()
  return {
    name = "size", script = "size.lua", path = "", suffix = "", arguments = "", expect = {}, turns = 1,
    truth = function() return {} end,
    figures = {
      figure("`marea/core.so`, stripped", "KiB", measures.field "core_kib", "value", 200),
      figure("`marea/net.so`, stripped", "KiB", measures.field "net_kib", "value", 200),
      figure("both `.so`", "KiB", measures.field "kib", "value", 200),
    },
  }
end

local function text(size)
  return firehose("text", ("one stream of %s chunks, `stream:text()`"):format(commas(size.chunks)),
    "firehose_text.lua", size.chunks, 3.5)
end

--- The workloads of a size, in the order they are run.
---@param size table one of `workloads.full` and `workloads.quick`
---@return table[]
function workloads.list(size)
  return {
    text(size),
    firehose("events", "the same, `stream:events()`", "firehose_events.lua", size.chunks, 8),
    firehose("chunks", "the same, `stream:chunks()`, whole tables", "firehose_chunks.lua", size.chunks, 11),
    packed(size),
    paced(size, figure(("memory of each of %s streams at once"):format(commas(size.streams)), "KiB",
      measures.peak_kib, "above", 12)),
    open(size),
    small(size),
    base64(size),
    decoding(size),
    lists(size),
    one(size),
    first(size),
    close(size),
    slow(size),
    bytes(size),
    decades(size),
    counted(size),
    loading(size),
    agent(size),
    weight(),
  }
end

local function with_peers(workload, peers, turns)
  workload.peers, workload.turns = peers, turns
  for _, f in ipairs(workload.figures) do f.goal = nil end
  return workload
end

--- The workloads others' clients are measured by, and marea with them. For each
--- peer: the mode its script is run in, or why not.
---@param size table `workloads.peers_full` or `workloads.peers_quick`
---@return table[]
function workloads.peers(size)
  local node = function(mode) return { node = mode } end
  local turns = size.turns
  local many = { node = "many", lua_curl = "can't" }
  local whole = paced(size, figure(("memory of %s streams at once"):format(commas(size.streams)), "MB",
    measures.peak_mb, "value"))
  return {
    with_peers(text(size), { node = "stream", lua_curl = "stream" }, turns),
    with_peers(whole, many, turns),
    with_peers(small(size), { node = "small", lua_curl = "can't" }, turns),
    with_peers(base64(size), node "embed", turns),
    with_peers(one(size), { node = "one", lua_curl = "one" }, turns),
  }
end

return workloads
