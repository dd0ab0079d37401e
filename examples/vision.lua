-- SPDX-License-Identifier: MIT
-- What is in a picture: lua examples/vision.lua FILE_OR_URL [QUESTION]

local marea = require "marea"
local common = require "examples.common"

local source = arg[1]
if not source then
  io.stderr:write("usage: lua examples/vision.lua FILE_OR_URL [QUESTION]\n")
  os.exit(2)
end

local client = common.client()
local stream = common.must(client.chat.completions:create {
  messages = { { role = "user", content = {
    { type = "text", text = arg[2] or "What is in this picture?" },
    common.must(marea.image(source)),               -- a file goes along as a data URL
  } } },
  stream = true,
})
common.print_stream(stream)
