-- SPDX-License-Identifier: MIT
-- Several questions at once, on one thread: lua examples/parallel.lua [QUESTION...]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local questions = #arg > 0 and arg
  or { "What is a tide?", "What is a current?", "What is a wave?" }

-- At most two under way at a time; the answers come back in order. The first
-- error cancels the others.
local answers = marea.run(function()
  return marea.map(questions, function(question)
    return assert(client:ask(question))
  end, { concurrency = 2 })
end)

for i, question in ipairs(questions) do
  print("> " .. question)
  print((common.printable()(answers[i].output_text)))
end
