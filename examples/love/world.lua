-- SPDX-License-Identifier: MIT
-- What happens on the pier: who walks where, who hears what is typed. Nothing is
-- drawn here, and nothing of LÖVE is used.

local person = require "person"

local world = {}
world.__index = world

local SPEED = 190                 -- steps a second
local LEFT, RIGHT = 60, 905
local NEAR = 80                   -- close enough to talk
local LONGEST = 200               -- of what is typed

local function people()
  return {
    person.new { name = "Brina", kind = "keeper", x = 705, y = 352, nature =
      "You are Brina, seventy, who keeps the lighthouse: dry, warm, fond of tides and of strong coffee." },
    person.new { name = "Pinza", kind = "crab", x = 410, y = 352, nature =
      "You are Pinza, a small crab with large opinions, who measures everything in claws." },
    person.new { name = "Gavina", kind = "gull", x = 175, y = 276, nature =
      "You are Gavina, a gull who has been everywhere and stolen a sandwich there." },
  }
end

---@param client marea.Client
function world.new(client)
  return setmetatable({
    client = client,
    people = people(),
    player = { x = 560, y = 352, facing = 1, stride = 0 },
    typed = nil,                  -- what is being typed; nil: the player walks
    partner = nil,                -- whom it is for
    time = 0,
    tide = 0,                     -- 0 to 1: comes in while somebody talks
  }, world)
end

--- Who stands close enough to be talked to, if anybody.
function world:neighbour()
  local best, distance = nil, NEAR
  for _, one in ipairs(self.people) do
    local far = math.abs(one.x - self.player.x)
    if far < distance then best, distance = one, far end
  end
  return best
end

local function walk(self, dt, direction)
  local player = self.player
  if direction == 0 or self.typed then
    player.stride = 0
    return
  end
  player.facing = direction
  player.stride = player.stride + dt
  player.x = math.min(RIGHT, math.max(LEFT, player.x + direction * SPEED * dt))
end

---@param direction integer where the player is told to go: -1, 0 or 1
function world:update(dt, direction)
  self.time = self.time + dt
  walk(self, dt, direction)
  local talking = false
  for _, one in ipairs(self.people) do
    one:update(dt)
    talking = talking or one:is_talking()
  end
  self.tide = self.tide + ((talking and 1 or 0) - self.tide) * math.min(1, dt * 0.6)
end

--- Enter: begins to talk to whoever is near, or sends what was typed.
function world:enter()
  if not self.typed then
    self.partner = self:neighbour()
    if self.partner then self.typed = "" end
    return
  end
  local question, partner = self.typed, self.partner
  self.typed, self.partner = nil, nil
  if question:find "%S" then partner:ask(self.client, question) end
end

--- Escape: stops typing, or whoever talks. False if there was nothing to stop.
function world:escape()
  if self.typed then
    self.typed, self.partner = nil, nil
    return true
  end
  local any = false
  for _, one in ipairs(self.people) do
    if one:is_talking() then
      any = true
      one:hush()
    end
  end
  return any
end

function world:type(text)
  if self.typed and #self.typed < LONGEST then self.typed = self.typed .. text end
end

--- Takes the last character back, whole.
function world:erase()
  if self.typed then self.typed = self.typed:gsub("[%z\1-\127\192-\255][\128-\191]*$", "") end
end

return world
