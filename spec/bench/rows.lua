-- SPDX-License-Identifier: MIT
-- From runs to rows. A row is flat, so that it is one line of JSON: a figure's
-- value for each program, what it is against the floor's, the goal, and notes
-- on programs that gave none.

local measures = require "measures"

local rows = {}

local against = {}

function against.ratio(value, floor)
  return value / floor
end

function against.above(value, floor)
  return value - floor
end

local function values_of(figure, runner, workload)
  local list = {}
  for i, run in ipairs(runner.runs) do
    list[i] = figure.measure(run, workload)
  end
  return list
end

local function median_of(figure, runner, workload, floor)
  if not runner or runner.failed or #runner.runs == 0 then return nil end
  if figure.over then return figure.over(runner.runs, workload, floor.runs) end
  local list = values_of(figure, runner, workload)
  return list[1] and measures.median(list)
end

-- Turn by turn, since what a turn was slowed by slowed both; then the median.
local function compared(figure, runner, floor, workload)
  local compare = against[figure.against]
  if figure.against == "value" then return median_of(figure, runner, workload, floor) end
  if not floor or floor.failed then return nil end
  local list, floors = values_of(figure, runner, workload), values_of(figure, floor, workload)
  for i, value in ipairs(list) do
    list[i] = compare(value, floors[i])
  end
  return measures.median(list)
end

local peak = { measure = measures.peak_mb }

local function add_runner(row, figure, runner, floor, workload)
  local name = runner.name
  row[name] = median_of(figure, runner, workload, floor)
  row[name .. "_note"] = runner.failed
  row[name .. "_peak_mb"] = median_of(peak, runner, workload)
  if row[name] and runner ~= floor then
    row[name .. "_against"] = compared(figure, runner, floor, workload)
  end
end

--- The row of a figure.
---@param runners table[] those of a workload, with their runs
---@param brief boolean|nil a run too short to be judged
---@return table<string, string|number>
function rows.make(figure, workload, runners, brief)
  local row = { workload = workload.name, figure = figure.name, unit = figure.unit,
    against = figure.against, goal = figure.goal, peers = workload.peers and 1 or nil, brief = brief and 1 or nil }
  local floor = workload.floor and runners[1]
  for _, runner in ipairs(runners) do
    add_runner(row, figure, runner, floor, workload)
  end
  return row
end

--- Whether a program missed the goal of a row; nil where none is judged.
---@return boolean|nil
function rows.missed(row, name)
  local value = row[name .. "_against"]
  if row.brief or not row.goal or not value then return nil end
  return value > row.goal
end

return rows
