-- SPDX-License-Identifier: MIT
-- A picture of what is described: lua examples/images.lua [PROMPT [FILE]]

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local answer = common.must(client.images:generate {
  prompt = arg[1] or "A lighthouse at low tide, in ink.",
})

-- Servers give pictures in base64, or tell where they are.
local picture = answer.data[1]
if not picture.b64_json then
  print(picture.url)
  os.exit(0)
end
local path = arg[2] or "picture.png"
local file = assert(io.open(path, "wb"))
file:write(assert(marea.base64.decode(picture.b64_json)))
file:close()
print("wrote " .. path)
