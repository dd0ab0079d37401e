-- SPDX-License-Identifier: MIT
-- What `make demo` runs: an answer streamed word by word, then an agent that has
-- a Lua function called and answers from what it returned. Talks to the provider
-- the environment names (see common.lua), or else to the bundled one, which is
-- a script behind real HTTP and needs neither a key nor a network.

local marea = require "marea"
local core = require "marea.core"
local net = require "marea.net"
local bundled = require "examples.bundled"
local common = require "examples.common"

local WORD_DELAY_MS = 40

local weather = marea.tool {
  name = "get_weather", description = "Current weather of a city", parameters = { city = "string" },
  run = function(arguments) return { city = arguments.city, temperature_c = 21, sky = "clear" } end,
}

local printable = common.printable()

local function stream_answer(client, question)
  print("\n> " .. question)
  local stream = assert(client.chat.completions:create {
    messages = { { role = "user", content = question } }, stream = true,
  })
  local pieces, from = 0, core.now()
  for text in stream:text() do
    io.write(printable(text))
    io.flush()
    pieces = pieces + 1
  end
  print(("\n(%d pieces in %.1f s)"):format(pieces, core.now() - from))
end

local function run_agent(client, question)
  print("\n> " .. question)
  local agent = marea.agent { client = client, name = "meteo", tools = { weather } }
  return assert(marea.console():show(agent:stream(question)))
end

local function talk(options)
  local client = marea.client(options)
  stream_answer(client, "Say hello to a Lua programmer, in one sentence.")
  run_agent(client, "What is the weather in Madrid?")
end

local function report(err)
  io.stderr:write("\nthe demo failed: ", tostring(err), "\n")
  return 1
end

local versions = net.versions()
print(("marea %s, %s, libcurl %s, libuv %s"):format(
  marea._VERSION, rawget(_G, "jit") and rawget(_G, "jit").version or _VERSION, versions.libcurl, versions.libuv))

local options, why = common.options()
local provider
if options then
  print("Talking to " .. (options.base_url or options.provider) .. ", as the environment says.")
else
  -- the Lua this runs on, if it is one the provider runs on
  local lua = _VERSION == "Lua 5.4" and not rawget(_G, "jit") and arg[-1] or nil
  provider = bundled.start(".", WORD_DELAY_MS, lua)
  print((why or "No provider in the environment.")
    .. "\nTalking to the bundled provider, a script (no model) behind real HTTP on\n"
    .. "127.0.0.1:" .. provider.port .. ". For a model, set NAN_API_KEY, or another provider's\n"
    .. "key and MAREA_MODEL, or MAREA_BASE_URL and MAREA_MODEL.")
  options = { base_url = provider.base_url, model = "bundled-echo" }
end

local ok, err = pcall(talk, options)
if provider then provider.stop() end
os.exit(ok and 0 or report(err), true)
