-- SPDX-License-Identifier: MIT
-- decode.lua BASE_URL TIMES [name=number...]: what decoding an answer with
-- vectors as lists of numbers takes.

local marea = require "marea"
local common = require "spec.bench.marea.common"

common.report(common.time_decoding(marea.json.decode, arg[1], tonumber(arg[2])))
