-- SPDX-License-Identifier: MIT
-- A text is gone on with: lua examples/completions.lua [PROMPT]

local common = require "examples.common"

local client = common.client()
local completion = common.must(client.completions:create {
  prompt = arg[1] or "The tide is",
  max_tokens = 20,
})

local printable = common.printable()
print(printable(completion.output_text))
print("(ended by: " .. completion.choices[1].finish_reason .. ")")
