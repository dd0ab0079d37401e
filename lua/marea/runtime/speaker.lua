-- SPDX-License-Identifier: MIT
-- On whose behalf a task works. A handler's task speaks as its recipient, and so
-- does each that it starts: tools and groups have tasks of their own. Whether the
-- handler also waits for such a task is another question, and what makes circles.

local loop = require "marea.loop"
local task = require "marea.task"

local speaker = {}

local ids = setmetatable({}, { __mode = "k" })
local parents = setmetatable({}, { __mode = "kv" })     -- a handler's own task is its own

--- Has a task work for the recipient of that id from now on, as its handler; nil:
--- for nobody.
---@param one marea.Task
---@param id string|nil
function speaker.set(one, id)
  ids[one], parents[one] = id, id and one
end

local function inherit(one)
  local current = loop.current()
  local id = current and ids[current]
  if id then ids[one], parents[one] = id, current end
end

--- The recipient the running task works for.
---@return string|nil
function speaker.now()
  local current = loop.current()
  return current and ids[current]
end

--- The id, if that recipient's handler gets no further before the running task
--- does: it is the handler's own, or one that is waited for, as all between them.
---@param id string|nil
---@return string|nil
function speaker.held(id)
  local one = loop.current()
  if not id or not one or ids[one] ~= id then return nil end
  while one and one.status == "running" do
    local parent = parents[one]
    if parent == one then return id end
    if not one.claimed then return nil end
    one = parent
  end
end

task.tell(inherit)

return speaker
