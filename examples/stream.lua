-- SPDX-License-Identifier: MIT
-- An answer printed while it is being written: lua examples/stream.lua [QUESTION]

local common = require "examples.common"

local client = common.client()
local stream = assert(client.chat.completions:create {
  messages = { { role = "user", content = arg[1] or "Tell me of the sea in three sentences." } },
  stream = true,
})

-- The iterator raises if the stream breaks: a half answer never looks whole.
common.print_stream(stream)

-- What the call without `stream` would have returned.
local completion = assert(stream:result())
print("(ended by: " .. completion.choices[1].finish_reason .. ")")
