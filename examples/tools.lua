-- SPDX-License-Identifier: MIT
-- The model calls a Lua function: lua examples/tools.lua [QUESTION]

local marea = require "marea"
local common = require "examples.common"

local MAX_STEPS = 5

local functions = {}

function functions.get_weather(arguments)
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

-- Whatever goes wrong is told to the model, which may do better the next time.
local function run_tool(call)
  local f = functions[call.name]
  if not f then return { error = "there is no such function" } end
  if not call.arguments then return { error = "the arguments are not JSON" } end
  local ok, result = pcall(f, call.arguments)
  return ok and result or { error = tostring(result) }
end

-- Appends the model's message and the results of what it called. Returns the
-- completion.
local function step(client, messages)
  local completion = assert(client.chat.completions:create { messages = messages, tools = tools })
  messages[#messages + 1] = completion.choices[1].message
  for _, call in ipairs(completion.tool_calls) do
    local result = marea.json.encode(run_tool(call))
    print(("  %s(%s) -> %s"):format(call.name, call.arguments_json, result))
    messages[#messages + 1] = { role = "tool", tool_call_id = call.id, content = result }
  end
  return completion
end

local client = common.client()
local messages = { { role = "user", content = arg[1] or "What is the weather in Madrid?" } }
for _ = 1, MAX_STEPS do
  local completion = step(client, messages)
  if #completion.tool_calls == 0 then
    local printable = common.printable()
    print(printable(completion.output_text))
    return
  end
end
error("the model called functions " .. MAX_STEPS .. " times and never answered", 0)
