-- SPDX-License-Identifier: MIT
-- one.lua BASE_URL [name=number...]: one request, a whole process.

local marea = require "marea"
local common = require "spec.bench.marea.common"

local client = marea.client { base_url = arg[1], model = "bench" }
local completion = assert(client.chat.completions:create { messages = common.messages })
common.report { pieces = 1, text_bytes = #completion.output_text }
