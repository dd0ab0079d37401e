-- SPDX-License-Identifier: MIT
-- Measures of one run: each takes what a run cost and printed, and its
-- workload, and gives a number. `spread` alone is over all runs.

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

--- The CPU of a chunk in the streams of the i-th item, without those skipped.
function measures.item_cpu(i)
  return function(run, workload)
    local item = workload.items[i]
    return run["cpu_" .. i] / (item.times * (item.chunks - item.skip))
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

-- The least of all runs, of each item: what disturbs a run only adds to it.
local function least(runs, workload)
  local list = {}
  for i in ipairs(workload.items) do
    local measure = measures.item_cpu(i)
    list[i] = math.huge
    for _, run in ipairs(runs) do list[i] = math.min(list[i], measure(run, workload)) end
  end
  return list
end

--- The dearest item's chunk to the cheapest's, in what a client adds to the
--- floor, whose own cost isn't the same for all either.
function measures.spread(runs, workload, floor)
  local list, below = least(runs, workload), least(floor, workload)
  if runs == floor then below = {} end
  for i, value in ipairs(list) do list[i] = value - (below[i] or 0) end
  return math.max(table.unpack(list)) / math.min(table.unpack(list))
end

return measures
