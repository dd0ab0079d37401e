-- SPDX-License-Identifier: MIT
-- cjson_decode.lua BASE_URL TIMES [name=number...]: what lua-cjson takes to
-- decode an answer with vectors as lists of numbers. Nothing else is counted:
-- curl fetches the answer, once.

local cjson = require "cjson"
local common = require "spec.bench.marea.common"

local pipe = assert(io.popen(("curl -s -d '{}' '%s/embeddings'"):format(arg[1])))
local body = pipe:read("*a")
pipe:close()

local seen = { vectors = 0, floats = 0, sum = 0, decode_us = 0 }
for _ = 1, tonumber(arg[2]) do
  local began = os.clock()
  local result = cjson.decode(body)
  seen.decode_us = seen.decode_us + (os.clock() - began) * 1e6
  common.add_vectors(seen, result.data)
end
common.report(seen)
