-- SPDX-License-Identifier: MIT
-- The file of results: what they were measured with, and a row to a line.

local flat = require "flat"

local results = {}

results.PATH = "build/bench/results.json"

---@param about table<string, string|number>
---@param list table[] rows
function results.save(about, list)
  local file = assert(io.open(results.PATH, "w"))
  local lines = {}
  for i, row in ipairs(list) do lines[i] = flat.encode(row) end
  file:write('{"about":', flat.encode(about), ',"rows":[\n', table.concat(lines, ",\n"), "\n]}\n")
  file:close()
end

---@return table<string, string|number> about
---@return table[] list
function results.load(path)
  local list, about = {}, nil
  for line in io.lines(path or results.PATH) do
    local row = flat.decode(line)
    if not about then about = row
    elseif row.figure then list[#list + 1] = row end
  end
  return about or {}, list
end

return results
