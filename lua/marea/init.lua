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
  runtime = { "marea.runtime", "new" },
  user_proxy = { "marea.user_proxy", "new" },
  pipe = { "marea.pattern.pipe", "new" },
  debate = { "marea.pattern.debate", "new" },
  reflect = { "marea.pattern.reflect", "new" },
  mixture = { "marea.pattern.mixture", "new" },
  mcp = { "marea.mcp", "new" },
  otel = { "marea.otel", "new" },

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
  context = "marea.context", memory = "marea.memory",
  team = "marea.team", stop = "marea.stop" }

local function load_field(self, name)
  local module, from = modules[name], fields[name]
  if not module and not from then return nil end
  local value
  local load = require("marea.compat").load
  pcall(load, "marea.core")             -- first, as it spares Lua the parsing of all others
  if module then value = load(module)
  elseif from then value = load(from[1])[from[2]] end
  self[name] = value
  return value
end

---@class marea
---@field _VERSION string
---@field client fun(options: marea.ClientOptions): marea.Client
---@field providers table<string, marea.preset> the presets, by name
---@field provider fun(preset: table): marea.preset a preset of your own: { extends = "nan", base_url = ... }
---@field is_error fun(value: any): boolean whether a value is an error of this library
---@field json marea.json
---@field vector marea.vector
---@field nearest fun(query: marea.Vector|number[], list: table, k: integer?): marea.Found[]
---@field tool fun(options: marea.ToolOptions): marea.Tool
---@field schema marea.schema
---@field image fun(source: string|marea.ImageSource): table?, marea.error? a part of a message, from a file or a URL
---@field audio fun(source: string|marea.AudioSource): table?, marea.error? a part of a message, from a file
---@field base64 { encode: (fun(bytes: string): string), decode: (fun(text: string): string?, string?) }
---@field agent fun(options: marea.AgentOptions): marea.Agent
---@field fallback fun(clients: table): marea.Client clients, and `on`: the kinds of error after which the next is asked
---@field context marea.context
---@field memory marea.memory
---@field team marea.team
---@field stop marea.stop
---@field user_proxy fun(options: marea.UserProxyOptions): marea.UserProxy a person among agents
---@field pipe fun(...: marea.Agent|marea.Team): marea.Team one after the other, once each
---@field debate fun(options: marea.DebateOptions): marea.Team
---@field reflect fun(options: marea.ReflectOptions): marea.Team
---@field mixture fun(options: marea.MixtureOptions): marea.Team
---@field console fun(options: marea.ConsoleOptions?): marea.Console
---@field dump fun(value: any, registry: table<string, any>?): table
---@field load fun(data: table, registry: table<string, any>?): any what `dump` made data of
---@field runtime fun(options: marea.RuntimeOptions?): marea.Runtime
---@field otel fun(options: marea.OtelOptions?): marea.Otel sends spans and metrics to an OpenTelemetry collector
---@field mcp fun(options: marea.McpOptions): marea.McpServer?, marea.error? connects to a Model Context Protocol server
---@field on fun(event: string, f: fun(event: table)): fun() is told of llm.call, llm.attempt, tool, step, handoff
---@field testing marea.testing
---@field null userdata JSON's null, the same value as cjson.null
---@field array fun(list: table?): table marks a list, also an empty one
---@field run fun(f: function, ...: any): ...
---@field spawn fun(f: function, ...: any): marea.Task
---@field sleep fun(seconds: number)
---@field timeout fun(seconds: number, f: function, ...: any): ...
---@field all fun(list: (marea.Task|function)[]): table
---@field race fun(list: (marea.Task|function)[]): ...
---@field map fun(list: table, f: (fun(item: any, index: integer): any), options: marea.MapOptions?): table
---@field semaphore fun(n: integer): marea.Semaphore
---@field queue fun(n: integer?): marea.Queue
---@field attach fun(uv: table)
---@field step fun(budget: number?)
---@field fd fun(): integer
---@field next_timeout fun(): number?
return setmetatable({ _VERSION = "0.1.0" }, { __index = load_field })
