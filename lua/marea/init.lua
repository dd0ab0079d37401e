-- SPDX-License-Identifier: MIT
-- marea: large language models for Lua. This table is the whole of what a
-- program sees. Each field is loaded when it is first used, so that requiring
-- the library costs next to nothing.

local fields = {
  client = { "marea.client", "new" },
  is_error = { "marea.error", "is" },
  provider = { "marea.providers", "extend" },

  tool = { "marea.tool", "new" },
  agent = { "marea.agent", "new" },
  console = { "marea.console", "new" },
  fallback = { "marea.fallback", "new" },
  dump = { "marea.dump", "dump" },
  load = { "marea.dump", "load" },
  on = { "marea.observe", "on" },

  nearest = { "marea.vector", "nearest" },

  image = { "marea.parts", "image" },
  audio = { "marea.parts", "audio" },
  base64 = { "marea.core", "base64" },

  null = { "marea.json", "null" },
  array = { "marea.json", "array" },

  run = { "marea.task", "run" },
  spawn = { "marea.task", "spawn" },
  sleep = { "marea.task", "sleep" },
  timeout = { "marea.task", "timeout" },
  all = { "marea.task", "all" },
  race = { "marea.task", "race" },
  map = { "marea.task", "map" },
  semaphore = { "marea.sync", "semaphore" },
  queue = { "marea.sync", "queue" },

  attach = { "marea.host", "attach" },
  step = { "marea.host", "step" },
  fd = { "marea.host", "fd" },
  next_timeout = { "marea.host", "next_timeout" },
}

local modules = { json = "marea.json", providers = "marea.providers", vector = "marea.vector",
  schema = "marea.schema", testing = "marea.testing",
  context = "marea.context", memory = "marea.memory" }

local function load_field(self, name)
  local module, from = modules[name], fields[name]
  local value
  local load = require("marea.compat").load
  if module then value = load(module)
  elseif from then value = load(from[1])[from[2]] end
  self[name] = value
  return value
end

---@class marea
---@field client fun(options: table): marea.Client
---@field providers table<string, marea.preset>
---@field provider fun(preset: table): marea.preset
---@field is_error fun(value: any): boolean
---@field json { encode: function, decode: function }
---@field vector marea.vector
---@field nearest fun(query: marea.Vector, list: table, k: integer|nil): table
---@field tool fun(options: table): marea.Tool
---@field schema { new: function, check: function, unhonoured: function }
---@field image fun(source: string|table): table|nil, marea.error|nil a part of a message, from a file or a URL
---@field audio fun(source: string|table): table|nil, marea.error|nil a part of a message, from a file
---@field base64 { encode: (fun(bytes: string): string), decode: (fun(text: string): string|nil, string|nil) }
---@field agent fun(options: table): marea.Agent
---@field fallback fun(clients: table): marea.Client
---@field context { last: function, head_tail: function, tokens: function, summarise: function, estimate: function }
---@field memory { list: function }
---@field console fun(options: table|nil): marea.Console
---@field dump fun(value: any, registry: table|nil): table
---@field load fun(data: table, registry: table|nil): any
---@field on fun(event: string, f: fun(event: table)): fun()
---@field testing { client: function, record: function, replay: function, offline: function }
---@field null userdata JSON's null, the same value as cjson.null
---@field array fun(list: table|nil): table marks a list, also an empty one
---@field run fun(f: function, ...): any
---@field spawn fun(f: function, ...): marea.Task
---@field sleep fun(seconds: number)
---@field timeout fun(seconds: number, f: function, ...): any
---@field all fun(list: (marea.Task|function)[]): table
---@field race fun(list: (marea.Task|function)[]): any
---@field map fun(list: table, f: function, options: table|nil): table
---@field semaphore fun(n: integer): marea.Semaphore
---@field queue fun(n: integer|nil): marea.Queue
---@field attach fun(uv: table)
---@field step fun(budget: number|nil)
---@field fd fun(): integer
---@field next_timeout fun(): number|nil
return setmetatable({ _VERSION = "0.1.0" }, { __index = load_field })
