-- SPDX-License-Identifier: MIT
-- marea: large language models for Lua.

local Error = require "marea.error"
local client = require "marea.client"
local host = require "marea.host"
local json = require "marea.json"
local providers = require "marea.providers"
local settings = require "marea.settings"
local sync = require "marea.sync"
local task = require "marea.task"

local marea = {
  _VERSION = settings.version,

  client = client.new,
  providers = providers,
  provider = function(t) return providers.extend(t, 2) end,
  is_error = Error.is,

  null = json.null,
  array = json.array,
  json = { encode = json.encode, decode = json.decode },

  run = task.run, spawn = task.spawn, sleep = task.sleep, timeout = task.timeout,
  all = task.all, race = task.race, map = task.map,
  semaphore = sync.semaphore, queue = sync.queue,

  attach = host.attach, step = host.step, fd = host.fd, next_timeout = host.next_timeout,
}

return marea
