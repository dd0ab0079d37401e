-- SPDX-License-Identifier: MIT
-- Lists of models, and one model.

local calls = require("provider.calls")
local json = require("provider.json")

local endpoints = {}

function endpoints.models(call)
  local data = call.scenario:list_models(call)
  return calls.reply(call, json.object("object", "list", "data", json.list(data)))
end

endpoints.embedding_models = endpoints.models

local function unescape(text)
  return (text:gsub("%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end

function endpoints.model(call)
  local id = unescape(call.argument)
  for _, model in ipairs(call.scenario.models) do
    if model == id then return calls.reply(call, call.scenario:model(model, call)) end
  end
  return calls.fail(call, call.scenario:unknown_model(id))
end

return endpoints
