-- SPDX-License-Identifier: MIT
-- Who waits for whom. A recipient handles one message at a time, so two that wait
-- for each other would do so for ever: it is said before it happens.

local waits = {}
waits.__index = waits

function waits.new()
  return setmetatable({ edges = {} }, waits)
end

local function find(edges, from, to, seen, path)
  if from == to then return path end
  seen[from] = true
  for other in pairs(edges[from] or {}) do
    if not seen[other] then
      local found = find(edges, other, to, seen, path .. " -> " .. other)
      if found then return found end
    end
  end
end

--- The circle that would close if `from` waited for `to`, as words; or nil.
---@return string|nil
function waits:circle(from, to)
  local path = find(self.edges, to, from, {}, to)
  return path and from .. " -> " .. path
end

function waits:add(from, to)
  local of = self.edges[from] or {}
  self.edges[from] = of
  of[to] = (of[to] or 0) + 1
end

function waits:remove(from, to)
  local of = self.edges[from]
  of[to] = of[to] > 1 and of[to] - 1 or nil
  if next(of) == nil then self.edges[from] = nil end
end

return waits
