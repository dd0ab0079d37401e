-- SPDX-License-Identifier: MIT
-- What the specs of teams share.

local agents = require("spec.support.agents")
local marea = require("marea")

local teams = {}

---An agent of that name whose client answers so.
function teams.member(name, replies, options)
  local all = { client = agents.client(replies or {}), name = name }
  for key, value in pairs(options or {}) do all[key] = value end
  return marea.agent(all)
end

---n times the same reply, or numbers.
function teams.many(n, reply)
  local out = {}
  for i = 1, n do out[i] = reply or tostring(i) end
  return out
end

---What members said: "a: one, b: two".
function teams.said(messages)
  local out = {}
  for _, message in ipairs(messages) do
    if message.name then out[#out + 1] = message.name .. ": " .. message.content end
  end
  return table.concat(out, ", ")
end

---Through JSON, as to another process.
function teams.through_json(value)
  return marea.json.decode(marea.json.encode(value))
end

return teams
