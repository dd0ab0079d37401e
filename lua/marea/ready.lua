-- SPDX-License-Identifier: MIT
-- Loads at once what is else loaded when first needed, for those to whom it
-- would then come at the wrong time: in the middle of a game it costs a frame,
-- and where no file can be opened any more it is too late. Hosts do it when they
-- show up, programs when they do much at the same time.

local load = require("marea.compat").load

local names = { "network", "client", "stream", "gather.chat", "normalise", "headers", "redact", "retry",
  "error", "fault", "secrets", "html", "hooks", "option_checks", "query", "redirect", "bytes", "any_endpoint", "media",
  "recipe" }

for _, name in ipairs(names) do load("marea." .. name) end

return {}
