-- SPDX-License-Identifier: MIT
-- An agent with a tool, shown while it works: lua examples/agent_weather.lua [QUESTION]

local marea = require "marea"
local common = require "examples.common"

local weather = marea.tool {
  name = "get_weather", description = "Current weather of a city",
  parameters = { city = "string", unit = { "string", enum = { "c", "f" }, optional = true } },
  run = function(args)
    if args.city == "Atlantis" then return nil, "there is no such city" end
    return { city = args.city, temperature = args.unit == "f" and 70 or 21, sky = "clear" }
  end,
}

local agent = marea.agent {
  client = common.client(), name = "meteo", tools = { weather },
  instructions = "You tell the weather, in one sentence.",
}

local result = marea.console():show(agent:stream(arg[1] or "What is the weather in Madrid and in Lugo?"))
os.exit(result and result.stop == "done" and 0 or 1, true)
