-- SPDX-License-Identifier: MIT
-- A stream whose words come one after the other, with time between them.

local server = require("spec.support.server")

---A script of the shared server's that answers each request with "1 2 3 ... end",
---so many words, `delay` seconds apart.
---@param words integer
---@param delay number
return function(words, delay)
  local events = {}
  for i = 1, words do events[i] = server.chunk_json({ content = i .. " " }) end
  events[words + 1] = server.chunk_json({ content = "end", finish = "stop" })
  events[words + 2] = "[DONE]"
  return server.shared():script({ { { sse = events, delay = delay } } }, { repeat_last = true })
end
