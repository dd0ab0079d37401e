-- SPDX-License-Identifier: MIT
-- require.lua: how long `require "marea"` takes, in a process of its own, and,
-- since most is loaded when first used, how long until a client is there.

local hrtime = require("luv").hrtime

local began = hrtime()
local marea = require "marea"
local loaded = hrtime()
local client = marea.client { base_url = "http://127.0.0.1/v1", model = "bench" }
local made = hrtime()

assert(client.chat.completions.create)
print(('{"ms":%.6f,"client_ms":%.6f}'):format((loaded - began) / 1e6, (made - began) / 1e6))
