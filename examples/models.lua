-- SPDX-License-Identifier: MIT
-- Which models there are: lua examples/models.lua [ID]

local common = require "examples.common"

local client = common.client()
local printable = common.printable()

if arg[1] then
  local model = common.must(client.models:retrieve(arg[1]))
  for name, value in pairs(model) do print(printable(name .. ": " .. tostring(value))) end
  os.exit(0)
end

for _, model in ipairs(common.must(client.models:list()).data) do print(printable(model.id)) end
