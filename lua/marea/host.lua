-- SPDX-License-Identifier: MIT
-- For programs that have a loop of their own: editors, games, servers.

local core = require "marea.core"
local check = require "marea.check"
local loop = require "marea.loop"
local luv = require("marea.compat").lazy "marea.driver.luv"
local task = require "marea.task"
require("marea.compat").load "marea.ready"

local MOST = 0.8         -- of the budget: what is under way when time is up takes the rest

local host = {}

local attached           -- the luv the engine is driven by, if any
local stepping = false   -- inside `step`

-- Neovim runs luv's callbacks where most of its API is forbidden.
local function neovim()
  local vim = rawget(_G, "vim")
  return type(vim) == "table" and type(vim.schedule) == "function" and vim or nil
end

local function call(f)
  f()
end

--- Lets the host's loop drive everything from now on. Calls that would block
--- are then errors, except in a plain program whose loop is not running.
---@param uv table vim.uv, vim.loop or require "luv"
function host.attach(uv)
  if type(uv) ~= "table" or type(uv.new_poll) ~= "function" then
    error("marea.attach expects luv (vim.uv, vim.loop or require \"luv\"), got " .. type(uv), 2)
  end
  if attached == uv then return end
  if attached then error("marea.attach: another loop is attached already", 2) end
  attached = uv
  local vim = neovim()
  loop.drive(luv.new(uv, {
    schedule = vim and vim.schedule or call,
    raise = task.raise_unclaimed,
    can_run = not vim and function() return not (uv.loop_mode and uv.loop_mode()) end or nil,
  }))
end

local function go_on(over)
  local engine = loop.engine()
  repeat
    local acts = engine:acts()
    loop.turn(0)
    local idle = engine:acts() == acts and not loop.has_queued()
  until idle or core.now() >= over
end

--- Once a frame: lets everything go on for at most `budget` seconds (default
--- 0.002), without waiting. What is needed is loaded when `marea.step` is first
--- named, which takes a few milliseconds: name it before the first frame.
---@param budget number|nil
function host.step(budget)
  if budget == nil then budget = 0.002 end
  check.value(1, "marea.step", "a number of seconds", budget)
  if attached then error("marea.step: the host's loop drives everything", 2) end
  if loop.current() then error("marea.step can't be called inside a task", 2) end
  local over = core.now() + budget * MOST
  local before = loop.limit(over)
  stepping = true
  local ok, err = pcall(go_on, over)
  stepping = false
  loop.limit(before)
  if not ok then error(err, 0) end
  task.raise_unclaimed()
end

-- What changes while the host waits, since something else of its own spawned a
-- task or woke one, must wake the host.
local function announce(engine)
  if not stepping then engine:alarm() end
end

--- A file descriptor that becomes readable when there is something to do: then,
--- and after `marea.next_timeout()` seconds, call `marea.step`.
---@return integer
function host.fd()
  if attached then error("marea.fd: the host's loop drives everything", 2) end
  loop.on_change(announce)
  local fd = loop.engine():fd()
  loop.engine():turn(0)
  return fd
end

--- Seconds until `marea.step` has something to do even if nothing arrives; nil
--- if that is never.
---@return number|nil
function host.next_timeout()
  if loop.has_queued() then return 0 end
  return (loop.engine():due())       -- nil, not nothing
end

return host
