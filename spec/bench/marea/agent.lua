-- SPDX-License-Identifier: MIT
-- agent.lua - STEPS TIMES: what the loop of an agent costs beside what it does.
-- A run of so many steps, each a model call that calls a tool, against the same
-- calls and the same tool in a plain loop. The client is none: it decodes
-- canned answers, in both.

local marea = require "marea"
local result = require "marea.result"

local CALL = '{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",'
  .. '"content":null,"tool_calls":[{"id":"call_%d","type":"function","function":{"name":"get_weather","arguments":'
  .. '"{\\"city\\":\\"Madrid\\",\\"day\\":%d}"}}]},"finish_reason":"tool_calls"}],'
  .. '"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120}}'
local DONE = '{"id":"c","object":"chat.completion","model":"m","choices":[{"index":0,"message":{"role":"assistant",'
  .. '"content":"Fine."},"finish_reason":"stop"}],'
  .. '"usage":{"prompt_tokens":100,"completion_tokens":2,"total_tokens":102}}'

local steps, times = tonumber(arg[2]), tonumber(arg[3])

local function client_of()
  local n = 0
  local function create()
    n = n + 1
    return result.new(marea.json.decode(n < steps and CALL:format(n, n) or DONE))
  end
  return { chat = { completions = { create = create } } }
end

local calls = 0

local function run(args)
  calls = calls + 1
  return { city = args.city, temperature = 21 }
end

local weather = marea.tool { name = "get_weather", parameters = { city = "string", day = "integer" }, run = run }

local function by_hand()
  local client, messages = client_of(), { { role = "user", content = "weather?" } }
  for _ = 1, steps do
    local completion = client.chat.completions:create { messages = messages }
    messages[#messages + 1] = completion.choices[1].message
    for _, call in ipairs(completion.tool_calls) do
      messages[#messages + 1] = { role = "tool", tool_call_id = call.id,
        content = marea.json.encode(run(call.arguments)) }
    end
  end
end

local function by_agent(options)
  local all = { client = client_of(), tools = { weather }, max_steps = steps }
  for name, value in pairs(options) do all[name] = value end
  assert(assert(marea.agent(all):run "weather?").steps == steps)
end

local function cost(f, ...)
  f(...)
  collectgarbage()
  local from = os.clock()
  for _ = 1, times do f(...) end
  return (os.clock() - from) * 1e6 / (times * steps)
end

local bare = cost(by_hand)
local plain, timed = cost(by_agent, { tool_timeout = false }), cost(by_agent, {})
assert(calls == 3 * (times + 1) * (steps - 1), "another number of tools ran")
print(('{"bare_us":%.3f,"step_us":%.3f,"timed_us":%.3f}'):format(bare, plain - bare, timed - bare))
