-- SPDX-License-Identifier: MIT
-- Measures of one run: each takes what a run cost and printed, and its
-- workload, and gives a number. `growing` alone is over all runs.

local measures = {}

--- The median of a list, which it sorts.
---@param list number[]
function measures.median(list)
  table.sort(list)
  local middle = #list // 2
  if #list % 2 == 1 then return list[middle + 1] end
  return (list[middle] + list[middle + 1]) / 2
end

function measures.cpu_us(run, workload)
  return (run.user + run.sys) * 1e6 / workload.units
end

--- The client's CPU; of a program that only decodes, what the decoding took.
function measures.decode_us(run, workload)
  if run.decode_us then return run.decode_us / workload.units end
  return measures.cpu_us(run, workload)
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

--- What the program printed under a name.
function measures.field(name, factor)
  return function(run)
    return run[name] and run[name] * (factor or 1)
  end
end

local function cpu_of_stream(run, workload, i)
  return run["cpu_" .. i] / workload.items[i].times
end

local function chunk(workload, i, stream, shorter)
  return (stream - shorter) / (workload.items[i].chunks - workload.items[i - 1].chunks)
end

--- The CPU of a chunk that streams of the i-th item have and the shorter ones of
--- the item before haven't.
function measures.chunk_cpu(i)
  return function(run, workload)
    return chunk(workload, i, cpu_of_stream(run, workload, i), cpu_of_stream(run, workload, i - 1))
  end
end

local function cpu_of_byte(run, item, i)
  return run["cpu_" .. i] / (item.times * item.bytes)
end

--- How much dearer a byte of the i-th item is than one of the j-th.
function measures.growth(i, j)
  return function(run, workload)
    return cpu_of_byte(run, workload.items[i], i) / cpu_of_byte(run, workload.items[j], j)
  end
end

-- The least of all runs, of a stream of each item: what disturbs a run only adds
-- to it.
local function least(runs, workload, i)
  local value = math.huge
  for _, run in ipairs(runs) do value = math.min(value, cpu_of_stream(run, workload, i)) end
  return value
end

--- The dearest item's chunk to that of the shortest streams there are two of.
function measures.growing(runs, workload)
  local most, first = 0, nil
  for i = 2, #workload.items do
    local value = chunk(workload, i, least(runs, workload, i), least(runs, workload, i - 1))
    first = first or value
    most = math.max(most, value)
  end
  return most / first
end

return measures
