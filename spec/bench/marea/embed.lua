-- SPDX-License-Identifier: MIT
-- embed.lua BASE_URL TIMES COUNT FORMAT [name=number...]: COUNT vectors a
-- time, in base64 or as numbers.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local inputs = {}
for i = 1, tonumber(arg[3]) do
  inputs[i] = "text " .. i
end

local seen = { vectors = 0, floats = 0, sum = 0 }
for _ = 1, tonumber(arg[2]) do
  local result = assert(client.embeddings:create { input = inputs, encoding_format = arg[4] })
  common.add_vectors(seen, result.data)
end
common.report(seen)
