-- SPDX-License-Identifier: MIT
-- small.lua BASE_URL TOTAL CONCURRENCY [name=number...]: many short answers.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local numbers = {}
for i = 1, tonumber(arg[2]) do
  numbers[i] = i
end

local function answer()
  local completion = assert(client.chat.completions:create { messages = common.messages })
  return #completion.output_text
end

local pieces, bytes = 0, 0
marea.run(function()
  local lengths = marea.map(numbers, answer, { concurrency = tonumber(arg[3]) })
  for _, length in ipairs(lengths) do
    pieces = pieces + 1
    bytes = bytes + length
  end
end)
common.report { pieces = pieces, text_bytes = bytes }
