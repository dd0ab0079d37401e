-- SPDX-License-Identifier: MIT
-- One question, one answer: lua examples/chat.lua [QUESTION]

local common = require "examples.common"

local client = common.client()
local completion, err = client.chat.completions:create {
  messages = {
    { role = "system", content = "You answer in one sentence." },
    { role = "user", content = arg[1] or "What is a tide?" },
  },
}
if not completion then
  io.stderr:write(tostring(err), "\n")        -- one line for a person, without the key
  os.exit(1)
end

local printable = common.printable()
print(printable(completion.output_text))

-- What came is the provider's JSON, untouched.
local usage = completion.usage
if usage then print(("(%d tokens in, %d out)"):format(usage.prompt_tokens, usage.completion_tokens)) end
