-- SPDX-License-Identifier: MIT
-- What is measured: for each workload the path the server answers, the floor's
-- command, marea's script, and the figures drawn from the runs.
--
-- A figure is a measure of one run and a way to set marea's against the
-- floor's: `ratio` divides, `above` subtracts, `value` takes marea's alone.
-- The goal bounds what comes out; nothing fails by missing one.

local workloads = {}

local FLOOR = "build/bench/floor "
local BODY = '{"model":"bench","messages":[{"role":"user","content":"Hola"}]}'

workloads.full = {
  chunks = 1000000, peer_chunks = 200000, streams = 1000, ticks = 100, every = 10,
  open = 10000, requests = 10000, vectors = 256, dims = 4096, batches = 10,
  one = 9, firsts = 2000,
}

workloads.quick = {
  chunks = 20000, peer_chunks = 20000, streams = 50, ticks = 10, every = 20,
  open = 200, requests = 500, vectors = 16, dims = 256, batches = 2,
  one = 1, firsts = 50,
}

local TEXT = { "pieces", "text_bytes" }
local ALL = { "events", "pieces", "text_bytes" }

local function cpu(label, unit, goal)
  return { name = label, unit = unit, measure = "cpu_us", against = "ratio", goal = goal }
end

-- As live servers flush them, each event is an HTTP chunk of its own.
local function firehose(name, script, n, goal)
  return {
    name = name, script = script, units = n, times = 1,
    path = ("/separate/%d/v1"):format(n), suffix = "/chat/completions",
    floor = FLOOR .. "firehose URL", arguments = "",
    expect = name == "chunks" and ALL or TEXT,
    figures = { cpu(name, "us/chunk", goal) },
  }
end

-- The same text with many events to an HTTP chunk, as a proxy may pack them:
-- libcurl does a fraction of the work.
local function packed(size)
  local workload = firehose("text-packed", "firehose_text.lua", size.chunks)
  workload.path = ("/firehose/%d/v1"):format(size.chunks)
  workload.figures[1].name = "text, many events to an HTTP chunk"
  return workload
end

local function streams(name, path, count, figures)
  return {
    name = name, script = "paced.lua", units = count, times = count,
    path = path, suffix = "/chat/completions",
    floor = FLOOR .. "paced URL " .. count, arguments = tostring(count),
    expect = TEXT, figures = figures,
  }
end

local function paced(size)
  local path = ("/paced/%d/%d/v1"):format(size.ticks, size.every)
  return streams("paced", path, size.streams, {
    cpu(size.streams .. " paced streams, CPU", "us/stream", 1.4),
    { name = size.streams .. " paced streams, memory", unit = "KiB/stream",
      measure = "peak_kib", against = "above", goal = 12 },
  })
end

local function open(size)
  local path = ("/gather/%d/4/250/v1"):format(size.open)
  return streams("open", path, size.open, {
    { name = size.open .. " streams open, memory", unit = "KiB/stream",
      measure = "peak_kib", against = "value", goal = 64 },
  })
end

local function small(size)
  return {
    name = "small", script = "small.lua", units = size.requests, times = size.requests,
    path = "/small/v1", suffix = "/chat/completions",
    floor = FLOOR .. ("small URL %d 64"):format(size.requests),
    arguments = size.requests .. " 64", expect = TEXT,
    figures = { cpu(size.requests .. " small requests, 64 at a time", "us/request", 2) },
  }
end

local function embed(size, format, goal)
  return {
    name = "embed-" .. format, script = "embed.lua",
    units = size.vectors * size.batches, times = size.batches,
    path = ("/embed/%d/%d/%s/v1"):format(size.vectors, size.dims, format),
    suffix = "/embeddings", floor = FLOOR .. "embed URL " .. size.batches,
    arguments = ("%d %d %s"):format(size.batches, size.vectors, format),
    expect = { "vectors", "floats", "sum" },
    figures = { cpu(("embeddings of %d, %s"):format(size.dims, format), "us/vector", goal) },
  }
end

-- The measure of a whole process is the program everybody has: curl itself.
local function one(size)
  return {
    name = "one", script = "one.lua", units = 1, times = 1, repeats = size.one,
    path = "/small/v1", suffix = "/chat/completions",
    floor = "curl -s -o /dev/null -w '{\"bytes\":%{size_download}}'"
      .. " -H 'Content-Type: application/json' -d '" .. BODY .. "' URL",
    arguments = "", expect = TEXT,
    figures = {
      { name = "one request, whole process (floor: curl)", unit = "ms",
        measure = "wall_ms", against = "ratio", goal = 1.5 },
      { name = "one request, peak memory (floor: curl)", unit = "MB",
        measure = "peak_mb", against = "value", goal = 12 },
    },
  }
end

local function first(size)
  return {
    name = "first", script = "first.lua", units = size.firsts, times = size.firsts,
    path = "/firehose/8/v1", suffix = "/chat/completions",
    floor = FLOOR .. "first URL " .. size.firsts, arguments = tostring(size.firsts),
    expect = TEXT,
    figures = {
      { name = "first delta, median", unit = "us", measure = "median_us",
        against = "above", goal = 50 },
    },
  }
end

--- The workloads of a size, in the order they are run.
---@param size table one of `workloads.full` and `workloads.quick`
---@return table[]
function workloads.list(size)
  return {
    firehose("text", "firehose_text.lua", size.chunks, 3.5),
    firehose("events", "firehose_events.lua", size.chunks, 8),
    firehose("chunks", "firehose_chunks.lua", size.chunks, 11),
    packed(size),
    paced(size),
    open(size),
    small(size),
    embed(size, "base64", 4),
    embed(size, "float"),
    one(size),
    first(size),
  }
end

--- The workload others' clients are measured by.
---@param size table
---@return table
function workloads.peers(size)
  return firehose("peers", nil, size.peer_chunks)
end

return workloads
