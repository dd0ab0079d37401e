-- SPDX-License-Identifier: MIT
-- cjson_decode.lua BASE_URL TIMES [name=number...]: what lua-cjson takes to
-- decode an answer with vectors as lists of numbers. Nothing else is counted:
-- curl fetches the answer, once.

local cjson = require "cjson"
local common = require "spec.bench.marea.common"

local pipe = assert(io.popen(("curl -s -d '{}' '%s/embeddings'"):format(arg[1])))
local body = pipe:read("*a")
pipe:close()

local vectors, floats, sum = 0, 0, 0

local function add(data)
  for _, item in ipairs(data) do
    local vector = item.embedding
    vectors = vectors + 1
    floats = floats + #vector
    sum = sum + vector[1] + vector[#vector]
  end
end

local took = 0
for _ = 1, tonumber(arg[2]) do
  local began = os.clock()
  local result = cjson.decode(body)
  took = took + os.clock() - began
  add(result.data)
end
common.report { vectors = vectors, floats = floats, sum = sum, decode_us = took * 1e6 }
