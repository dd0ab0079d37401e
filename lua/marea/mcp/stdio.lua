-- SPDX-License-Identifier: MIT
-- A Model Context Protocol server that is a process of ours: a message a line, on
-- its streams. It is started without a shell; a task in the background reads it.

local compat = require "marea.compat"
local Error = require "marea.error"
local json = require "marea.json"
local loop = require "marea.loop"
local task = require "marea.task"

local stdio = {}
local methods = {}
local metatable = { __index = methods }

local MIN_SECRET, NOISE = 6, 20

--- A transport: { command = {...}, cwd =, env = {...} }.
function stdio.new(options)
  return setmetatable({ options = options, name = options.command[1], noise = 0 }, metatable)
end

local function settings_of(env)
  local list = {}
  for name, value in pairs(env or {}) do list[#list + 1] = name .. "=" .. value end
  return list
end

-- What it was given in its environment may be secret, and it may say it aloud.
local function blank(self, text)
  for _, value in pairs(self.options.env or {}) do
    if #value >= MIN_SECRET then
      text = text:gsub(value:gsub("%p", "%%%0"), "[...]")
    end
  end
  return text
end

--- The end of what it wrote to its stderr, with what its environment was given
--- blanked.
---@return string
function methods:stderr()
  if not self.child then return self.last_stderr or "" end
  return blank(self, self.child:stderr())
end

-- In steps: one pattern for all of it takes hours for a long line.
local function last_line(text)
  text = compat.trim(text)
  local line = text:match("^.*[\r\n](.*)$") or text
  return line ~= "" and line or nil
end

local function how_it_ended(child)
  local status, signal = child:status()
  if signal then return ("was ended by signal %d"):format(signal) end
  if type(status) == "number" then return ("ended with status %d"):format(status) end
  return "closed its output"
end

-- Its end shows in its output first, and in its status a moment later.
local function wait_for_status(self, child)
  child:close()
  for _ = 1, 20 do
    if child:status() ~= nil then return end
    loop.changed()
    loop.sleep(0.005)
    if self.child ~= child then return end
  end
end

local function fault(self, child, why)
  local said = last_line(self:stderr())
  return Error.new { kind = why and "protocol" or "connection", code = select(2, child:status()) and "signal" or nil,
    message = ("the server %s %s%s"):format(self.name, why and "was given up: " .. why or how_it_ended(child),
      said and ("; it said last: " .. said) or "") }
end

-- What is no message is no reason to give up: many a program greets on its stdout.
-- But one that says nothing else is no server.
local function take(self, line, receive)
  if not line:find("%S") then return end
  local message = json.decode(line)
  if type(message) == "table" then
    self.noise = 0
    return receive(message)
  end
  self.noise = self.noise + 1
  if self.noise >= NOISE then return ("%d lines of its output in a row were not JSON"):format(NOISE) end
end

-- Reads until its output ends. Returns why it was given up, if it was.
local function read(self, child, id, receive)
  while true do
    local line, why = child:line()
    if line == false then return why end
    if line then
      why = take(self, line, receive)
      if why then return why end
    else
      loop.changed()
      local cancelled = loop.wait(id)
      if cancelled then error(cancelled, 0) end
    end
  end
end

local function watch(self, child, id, receive, ended)
  local why = read(self, child, id, receive)
  wait_for_status(self, child)
  if self.child ~= child then return end      -- it was closed
  local err = fault(self, child, why)
  self:close()
  ended(err)
end

--- Starts it. Messages go to `receive`; its end, if nobody asked for it, to `ended`.
---@return true|nil, marea.error|nil
function methods:open(receive, ended)
  local o = self.options
  local child, id, code = loop.engine():child(o.command, settings_of(o.env), o.cwd)
  if not child then
    return nil, Error.new { kind = code == "ENOENT" and "not_found" or "connection", code = code,
      message = ("%s can't be started: %s"):format(self.name, id) }
  end
  self.child, self.noise = child, 0
  self.reader = task.background(watch, self, child, id, receive, ended)
  loop.changed()
  return true
end

--- Sends a message. To one that listens no more, too: its end is told in a moment.
---@return true|nil, marea.error|nil
function methods:send(message)
  local child = self.child
  if child and child:write(json.encode(message) .. "\n") ~= false then
    loop.changed()
    return true
  end
  return nil, Error.new { kind = child and "too_large" or "connection",
    message = child and ("too much waits to be read by the server %s"):format(self.name)
      or ("the connection to the server %s is closed"):format(self.name) }
end

--- Nothing more is expected for this request.
function methods.abandon() end

--- Ends it: its input is closed, and what doesn't end by itself is ended.
function methods:close()
  local child = self.child
  if not child then return end
  self.last_stderr = self:stderr()
  self.child = nil
  child:close()
  if self.reader ~= loop.current() then self.reader:cancel() end
  self.status = function() return child:status() end
  loop.changed()
end

--- The number of its process, while there is one.
function methods:pid()
  return self.child and self.child:pid()
end

return stdio
