-- SPDX-License-Identifier: MIT
-- Text in, a table out: lua examples/agent_extract.lua [TEXT]
-- The table grows while the answer comes; in the end it fits the schema, or
-- there is an error.

local marea = require "marea"
local common = require "examples.common"

local agent = marea.agent {
  client = common.client(), name = "clerk",
  instructions = "You take orders down. What isn't said is left out.",
  output = {
    name = { "string", description = "who orders" },
    city = "string?",
    count = { "integer", minimum = 1, description = "how many" },
    express = "boolean?",
  },
}

local text = arg[1] or 'Send count=3 boxes to name=Ada in city=Lugo, quickly.'
local stream = agent:stream(text)
local seen = 0
for event in stream do
  if event.type == "partial" then seen = seen + 1 end
end
local result = assert(stream:result())
if result.stop ~= "done" then error("the model stopped: " .. result.stop, 0) end
print(marea.json.encode(result.output, { sort = true }))
print(("(%s for %s, shown %d times while it grew)"):format(result.output.count, result.output.name, seen))
