-- SPDX-License-Identifier: MIT
-- What spans are called and what they say, by kind: the names are those of
-- OpenTelemetry's conventions for generative AI, and for messaging. Content, what
-- was said and given to tools, is only told where it was asked for.

local Error = require "marea.error"
local json = require "marea.json"
local url = require "marea.url"

local describe = {}

local INTERNAL, CLIENT, PRODUCER, CONSUMER = 1, 3, 4, 5

-- Names the conventions give, where they differ from the presets'.
local providers = { mistral = "mistral_ai", xai = "x_ai", azure = "azure.ai.openai", gemini = "gcp.gemini" }

function describe.provider(name)
  return providers[name] or name or "openai"       -- without a preset: what the wire is like
end

local operations = { ["chat/completions"] = "chat", completions = "text_completion", responses = "chat",
  embeddings = "embeddings" }

function describe.operation(endpoint)
  return operations[endpoint] or endpoint
end

local function encoded(value)
  local ok, text = pcall(json.encode, value)
  return ok and text or tostring(value)
end

---- errors --------------------------------------------------------------------------------

--- Marks a span as failed. What an error says may quote what was said.
function describe.fail(span, err, content)
  span.failed = Error.is(err) and err.kind or "_OTHER"
  span.attributes["error.type"] = span.failed
  if content then span.said = tostring(err) end
end

---- calls of a model -------------------------------------------------------------------------

local asked = { temperature = "gen_ai.request.temperature", top_p = "gen_ai.request.top_p",
  top_k = "gen_ai.request.top_k", max_tokens = "gen_ai.request.max_tokens",
  max_completion_tokens = "gen_ai.request.max_tokens", max_output_tokens = "gen_ai.request.max_tokens",
  frequency_penalty = "gen_ai.request.frequency_penalty", presence_penalty = "gen_ai.request.presence_penalty",
  seed = "gen_ai.request.seed" }

--- What a call has in common with others of its kind.
function describe.common(event, base)
  local parts = url.parse(base) or {}
  return { ["gen_ai.operation.name"] = describe.operation(event.endpoint),
    ["gen_ai.provider.name"] = describe.provider(event.provider), ["gen_ai.request.model"] = event.asked,
    ["server.address"] = parts.host, ["server.port"] = parts.port }
end

--- What a call asks for.
function describe.request(attributes, event, content)
  local params = event.request
  if type(params) ~= "table" then return end
  for name, key in pairs(asked) do
    if type(params[name]) == "number" then attributes[key] = params[name] end
  end
  if type(params.n) == "number" and params.n ~= 1 then attributes["gen_ai.request.choice.count"] = params.n end
  if type(params.stop) == "table" then attributes["gen_ai.request.stop_sequences"] = params.stop end
  if event.stream then attributes["gen_ai.request.stream"] = true end
  attributes["gen_ai.agent.name"] = event.agent
  if content then attributes["gen_ai.input.messages"] = encoded(params.messages or params.input or params.prompt) end
end

local function count(usage, ...)
  for i = 1, select("#", ...) do
    local n = usage[select(i, ...)]
    if type(n) == "number" then return n end
  end
end

local function part(usage, name, field)
  local details = usage[name]
  return type(details) == "table" and count(details, field) or nil
end

--- Tokens as the conventions have them: in, out.
function describe.tokens(usage)
  return count(usage, "prompt_tokens", "input_tokens"), count(usage, "completion_tokens", "output_tokens")
end

local function describe_usage(attributes, usage)
  attributes["gen_ai.usage.input_tokens"], attributes["gen_ai.usage.output_tokens"] = describe.tokens(usage)
  attributes["gen_ai.usage.cache_read.input_tokens"] = part(usage, "prompt_tokens_details", "cached_tokens")
    or part(usage, "input_tokens_details", "cached_tokens")
  attributes["gen_ai.usage.reasoning.output_tokens"] = part(usage, "completion_tokens_details", "reasoning_tokens")
    or part(usage, "output_tokens_details", "reasoning_tokens")
end

--- What came of a call.
function describe.answer(attributes, event, content)
  local result = event.result
  if event.usage then describe_usage(attributes, event.usage) end
  if event.finish_reason then attributes["gen_ai.response.finish_reasons"] = { event.finish_reason } end
  if event.stream then attributes["gen_ai.response.time_to_first_chunk"] = event.first end
  if not result then return end
  if type(result.id) == "string" then attributes["gen_ai.response.id"] = result.id end
  if type(result.model) == "string" then attributes["gen_ai.response.model"] = result.model end
  if content then attributes["gen_ai.output.messages"] = encoded(result.choices or result.output) end
end

---- the rest, by kind --------------------------------------------------------------------------

-- Each gives a name, a kind, and attributes; and may say more once it has ended.
local kinds = {}

kinds.run = {
  begin = function(run)
    local agent = run.root or run.agent
    local preset = agent.client and agent.client.preset
    return "invoke_agent " .. agent.name, INTERNAL, { ["gen_ai.operation.name"] = "invoke_agent",
      ["gen_ai.agent.name"] = agent.name, ["gen_ai.agent.description"] = agent.description,
      ["gen_ai.provider.name"] = describe.provider(preset and preset.name),
      ["gen_ai.request.model"] = agent.model }
  end,
  finish = function(span, _, result)
    if type(result) ~= "table" then return end
    local usage = result.usage
    span.attributes["marea.stop"] = result.stop
    if not usage then return end
    span.attributes["gen_ai.usage.input_tokens"] = (usage.input or 0) + (usage.cached or 0)
    span.attributes["gen_ai.usage.output_tokens"] = (usage.output or 0) + (usage.reasoning or 0)
  end,
  metric = "gen_ai.invoke_agent.duration",
}

kinds.team = {
  begin = function(run)
    return "invoke_workflow " .. run.team.name, INTERNAL, { ["gen_ai.operation.name"] = "invoke_workflow",
      ["gen_ai.workflow.name"] = run.team.name }
  end,
  finish = function(span, _, result)
    if type(result) == "table" then span.attributes["marea.stop"] = result.stop end
  end,
}

kinds.step = {
  begin = function(run)
    return "step", INTERNAL, { ["marea.step"] = (run.steps or 0) + 1, ["gen_ai.agent.name"] = run.agent.name }
  end,
}

kinds.tool = {
  begin = function(call)
    return "execute_tool " .. call.name, INTERNAL, { ["gen_ai.operation.name"] = "execute_tool",
      ["gen_ai.tool.name"] = call.name, ["gen_ai.tool.call.id"] = call.id, ["gen_ai.tool.type"] = "function" }
  end,
  finish = function(span, call, _, content)
    if call.failed then
      span.failed = "tool_error"
      span.attributes["error.type"] = "tool_error"
    end
    if not content then return end
    span.attributes["gen_ai.tool.call.arguments"] = call.arguments and encoded(call.arguments)
    span.attributes["gen_ai.tool.call.result"] = call.content
  end,
  metric = "gen_ai.execute_tool.duration",
}

-- The type alone is in the name: there are few of those, and many of keys.
local function messaging(operation, kind, name)
  local what = (name or ""):match("^[^/]*")
  return operation .. " " .. what, kind, { ["messaging.system"] = "marea", ["messaging.operation.name"] = operation,
    ["messaging.operation.type"] = operation == "process" and "process" or "send",
    ["messaging.destination.name"] = what }
end

kinds["message.send"] = { begin = function(about) return messaging("send", PRODUCER, about.to) end }
kinds["message.publish"] = {
  begin = function(about) return messaging("publish", PRODUCER, about.topic) end,
  finish = function(span, _, n)
    if type(n) == "number" then span.attributes["marea.recipients"] = n end
  end,
}
kinds["message.handle"] = {
  begin = function(delivery) return messaging("process", CONSUMER, delivery.id) end,
  parent = function(delivery) return delivery.from end,
}

kinds.mcp = {
  begin = function(about)
    local name = about.params and about.params.name
    return about.method .. (name and " " .. name or ""), CLIENT, { ["mcp.method.name"] = about.method,
      ["mcp.protocol.version"] = about.session.version,
      ["gen_ai.tool.name"] = about.method == "tools/call" and name or nil,
      ["gen_ai.operation.name"] = about.method == "tools/call" and "execute_tool" or nil }
  end,
  finish = function(span, _, result)
    if type(result) ~= "table" or result.isError ~= true then return end
    span.failed = "tool_error"
    span.attributes["error.type"] = "tool_error"
  end,
}

describe.kinds = kinds

return describe
