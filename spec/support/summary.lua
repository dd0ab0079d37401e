-- SPDX-License-Identifier: MIT
-- A busted output handler: prints as plainTerminal does, and appends one line
-- "passed failed skipped" to the file named by MAREA_COUNTS, so that runs on
-- several Luas can be summed. A run that dies leaves no line, which is how
-- `make` notices.
local COUNTS = os.getenv("MAREA_COUNTS")

-- A sanitizer is preloaded for this process only: what the specs start (shells,
-- servers) isn't ours to check, and shells leak.
local function shelter_children()
  if os.getenv("LD_PRELOAD") and os.getenv("MAREA_SANITIZED") then
    require("luv").os_unsetenv("LD_PRELOAD")
  end
end

local function append_counts(handler)
  local file = assert(io.open(COUNTS, "a"))
  local failed = handler.failuresCount + handler.errorsCount
  file:write(handler.successesCount, " ", failed, " ", handler.pendingsCount, "\n")
  file:close()
end

return function(options)
  shelter_children()
  local handler = require("busted.outputHandlers.plainTerminal")(options)
  if COUNTS then
    require("busted").subscribe({ "suite", "end" }, function()
      append_counts(handler)
      return nil, true
    end)
  end
  return handler
end
