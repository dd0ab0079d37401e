-- SPDX-License-Identifier: MIT
-- embed.lua BASE_URL TIMES COUNT FORMAT [name=number...]: COUNT vectors a
-- time, in base64 or as numbers. `sum` is of each vector's two ends.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local inputs = {}
for i = 1, tonumber(arg[3]) do
  inputs[i] = "text " .. i
end

local vectors, floats, sum = 0, 0, 0
for _ = 1, tonumber(arg[2]) do
  local result = assert(client.embeddings:create { input = inputs, encoding_format = arg[4] })
  for _, item in ipairs(result.data) do
    local vector = item.embedding
    vectors = vectors + 1
    floats = floats + #vector
    sum = sum + vector[1] + vector[#vector]
  end
end
common.report { vectors = vectors, floats = floats, sum = sum }
