-- SPDX-License-Identifier: MIT
-- cjson_decode.lua BASE_URL TIMES [name=number...]: what lua-cjson takes to
-- decode an answer with vectors as lists of numbers.

local cjson = require "cjson"
local common = require "spec.bench.marea.common"

common.report(common.time_decoding(cjson.decode, arg[1], tonumber(arg[2])))
