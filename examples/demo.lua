-- SPDX-License-Identifier: MIT
-- What `make demo` runs: an answer streamed word by word, then a model that
-- calls a Lua function and answers from what it returned. Talks to the provider
-- the environment names (see common.lua), or else to the bundled one, which is
-- a script behind real HTTP and needs neither a key nor a network.

local marea = require "marea"
local core = require "marea.core"
local net = require "marea.net"
local bundled = require "examples.bundled"
local common = require "examples.common"

local MAX_STEPS = 5
local WORD_DELAY_MS = 40

---- the conversation ----------------------------------------------------------

local function get_weather(arguments)
  return { city = arguments.city, temperature_c = 21, sky = "clear" }
end

local tools = { {
  type = "function",
  ["function"] = {
    name = "get_weather", description = "Current weather of a city",
    parameters = {
      type = "object", properties = { city = { type = "string" } }, required = { "city" },
    },
  },
} }

local printable = common.printable()
local pieces = 0

local function say(text)
  io.write(text)
  io.flush()
end

local function call_tool(call)
  local result = { error = "no such function, or arguments that are not JSON" }
  if call.name == "get_weather" and call.arguments then result = get_weather(call.arguments) end
  result = marea.json.encode(result)
  print(printable(("  Lua runs %s(%s) -> %s"):format(call.name, call.arguments_json, result)))
  return { role = "tool", tool_call_id = call.id, content = result }
end

-- One answer, printed as it comes. Returns whether it called a function.
local function step(client, messages, offered)
  local stream = assert(client.chat.completions:create {
    messages = messages, tools = offered, stream = true,
  })
  for event in stream:events() do
    if event.type == "text" then
      say(printable(event.text))
      pieces = pieces + 1
    end
  end
  local completion = assert(stream:result())
  messages[#messages + 1] = completion.choices[1].message
  for _, call in ipairs(completion.tool_calls) do
    messages[#messages + 1] = call_tool(call)
  end
  return #completion.tool_calls > 0
end

local function ask(client, question, offered)
  print("\n> " .. question)
  local messages = { { role = "user", content = question } }
  for _ = 1, MAX_STEPS do
    if not step(client, messages, offered) then return print() end
  end
  error("the model called functions " .. MAX_STEPS .. " times and never answered", 0)
end

local function talk(options)
  local client, from = marea.client(options), core.now()
  ask(client, "Say hello to a Lua programmer, in one sentence.")
  ask(client, "What is the weather in Madrid?", tools)
  print(("\n%d pieces of text, streamed in %.1f s."):format(pieces, core.now() - from))
end

local function report(err)
  io.stderr:write("\nthe demo failed: ", tostring(err), "\n")
  return 1
end

local versions = net.versions()
print(("marea %s, %s, libcurl %s, libuv %s"):format(
  marea._VERSION, rawget(_G, "jit") and rawget(_G, "jit").version or _VERSION, versions.libcurl, versions.libuv))

local options, provider = common.options(), nil
if options then
  print("Talking to " .. (options.base_url or options.provider) .. ", as the environment says.")
else
  -- the Lua this runs on, if it is one the provider runs on
  local lua = _VERSION == "Lua 5.4" and not rawget(_G, "jit") and arg[-1] or nil
  provider = bundled.start(".", WORD_DELAY_MS, lua)
  print("No provider in the environment: talking to the bundled one, a script (no model)\n"
    .. "behind real HTTP on 127.0.0.1:" .. provider.port .. ". For a model, set NAN_API_KEY, or\n"
    .. "MAREA_PROVIDER and its key, or MAREA_BASE_URL.")
  options = { base_url = provider.base_url, model = "bundled-echo" }
end

local ok, err = pcall(talk, options)
if provider then provider.stop() end
os.exit(ok and 0 or report(err), true)
