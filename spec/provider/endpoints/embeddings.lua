-- SPDX-License-Identifier: MIT
-- Embeddings.

local calls = require("provider.calls")
local embeddings = require("provider.embeddings")

local endpoints = {}

function endpoints.embeddings(call)
  local scenario, body = call.scenario, call.body
  local fault = calls.fault(call, "embeddings", body)
  if fault then
    fault.endpoint = "embeddings"
    return calls.fail(call, fault)
  end
  return calls.reply(call, embeddings.reply(body, scenario:dimensions(body)))
end

return endpoints
