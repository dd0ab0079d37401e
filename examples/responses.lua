-- SPDX-License-Identifier: MIT
-- The endpoint `responses`, streamed: lua examples/responses.lua [QUESTION]

local common = require "examples.common"

local client = common.client()
local stream = common.must(client.responses:create {
  instructions = "You answer in one sentence.",
  input = arg[1] or "What is a tide?",
  stream = true,                                    -- some servers send all of it at the end
})
common.print_stream(stream)

local response = common.must(stream:result())
print(("(%s, %d tokens)"):format(response.status, response.usage.total_tokens))
