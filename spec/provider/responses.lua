-- SPDX-License-Identifier: MIT
-- The Responses endpoint, told by way of the chat endpoint's answers: its
-- input becomes messages, the answer becomes output items and, streamed,
-- events. A scenario with `whole_responses` sends the last event alone.

local json = require("provider.json")
local text = require("provider.text")

local o, list, null = json.object, json.list, json.null

local responses = {}

local function message_of(item)
  if item.type == "function_call_output" then
    return { role = "tool", tool_call_id = item.call_id,
      content = item.output }
  elseif item.type == "function_call" then
    return { role = "assistant", tool_calls = {
      { id = item.call_id, ["function"] = { name = item.name } } } }
  end
  return { role = item.role, content = item.content }
end

local function messages_of(body)
  if type(body.input) == "string" then
    return { { role = "user", content = body.input } }
  end
  local messages = {}
  for _, item in ipairs(body.input) do
    if item.role or item.type ~= "reasoning" then
      messages[#messages + 1] = message_of(item)
    end
  end
  return messages
end

local function tools_of(body)
  local tools = {}
  for i, tool in ipairs(type(body.tools) == "table" and body.tools or {}) do
    tools[i] = { ["function"] = tool }
  end
  return tools
end

-- What the chat endpoint would have been asked; nil when there is no input.
function responses.as_chat(body)
  local kind = type(body.input)
  if kind ~= "string" and (kind ~= "table" or #body.input == 0) then
    return nil
  end
  return {
    messages = messages_of(body), tools = tools_of(body), model = body.model,
    tool_choice = body.tool_choice, max_tokens = body.max_output_tokens,
    parallel_tool_calls = body.parallel_tool_calls,
  }
end

local function message_item(answer, content, status)
  return o("id", "msg_" .. answer.id, "type", "message", "role", "assistant",
    "status", status, "content", list({ o("type", "output_text",
      "text", content, "annotations", list({})) }))
end

local function output_of(answer, status)
  local choice, items = answer.choices[1], {}
  if choice.reasoning then
    items[1] = o("id", "rs_" .. answer.id, "type", "reasoning",
      "summary", list({}), "content", list({ o("type", "reasoning_text",
        "text", choice.reasoning) }))
  end
  for _, call in ipairs(choice.calls or {}) do
    items[#items + 1] = o("id", "fc_" .. call.id, "type", "function_call",
      "status", "completed", "call_id", call.id, "name", call.name,
      "arguments", call.arguments)
  end
  if choice.content then
    items[#items + 1] = message_item(answer, choice.content, status)
  end
  return list(items)
end

-- The response object.
function responses.whole(answer)
  local cut = answer.choices[1].finish == "length"
  local status = cut and "incomplete" or "completed"
  local usage = answer.usage
  return o("id", "resp_" .. answer.id, "created_at", answer.created,
    "model", answer.model, "object", "response", "status", status,
    "incomplete_details", cut and o("reason", "max_output_tokens") or nil,
    "output", output_of(answer, status),
    "usage", o("input_tokens", usage.prompt, "output_tokens",
      usage.completion, "total_tokens", usage.total))
end

local function begun(answer)
  return o("id", "resp_" .. answer.id, "created_at", answer.created,
    "model", answer.model, "object", "response", "status", "in_progress",
    "output", list({}), "usage", null)
end

local function call_events(add, index, call)
  local id = "fc_" .. call.id
  local function item(status, arguments)
    return o("id", id, "type", "function_call", "status", status,
      "call_id", call.id, "name", call.name, "arguments", arguments)
  end
  add("response.output_item.added", "output_index", index,
    "item", item("in_progress", ""))
  for _, piece in ipairs(text.pieces(call.arguments, 6)) do
    add("response.function_call_arguments.delta", "item_id", id,
      "output_index", index, "delta", piece)
  end
  add("response.function_call_arguments.done", "item_id", id,
    "output_index", index, "arguments", call.arguments)
  add("response.output_item.done", "output_index", index,
    "item", item("completed", call.arguments))
end

local function text_events(add, index, answer, content)
  local id = "msg_" .. answer.id
  add("response.output_item.added", "output_index", index, "item",
    o("id", id, "type", "message", "role", "assistant",
      "status", "in_progress", "content", list({})))
  for _, word in ipairs(text.words(content)) do
    add("response.output_text.delta", "item_id", id, "output_index", index,
      "content_index", 0, "delta", word)
  end
  add("response.output_text.done", "item_id", id, "output_index", index,
    "content_index", 0, "text", content)
  add("response.output_item.done", "output_index", index,
    "item", message_item(answer, content, "completed"))
end

local function reasoning_events(add, answer, reasoning)
  for _, word in ipairs(text.words(reasoning)) do
    add("response.reasoning_text.delta", "item_id", "rs_" .. answer.id,
      "output_index", 0, "content_index", 0, "delta", word)
  end
end

local function item_events(add, answer)
  local choice, index = answer.choices[1], 0
  if choice.reasoning then
    reasoning_events(add, answer, choice.reasoning)
    index = 1
  end
  for i, call in ipairs(choice.calls or {}) do
    call_events(add, index + i - 1, call)
  end
  if choice.content then text_events(add, index, answer, choice.content) end
end

-- The stream, as a list of events ready for the wire.
function responses.events(answer, only_last)
  local events = {}
  local function add(kind, ...)
    events[#events + 1] = "event: " .. kind .. "\ndata: "
      .. json.encode(o("type", kind, "sequence_number", #events, ...))
      .. "\n\n"
  end
  if not only_last then
    add("response.created", "response", begun(answer))
    item_events(add, answer)
  end
  local cut = answer.choices[1].finish == "length"
  add(cut and "response.incomplete" or "response.completed",
    "response", responses.whole(answer))
  return events
end

return responses
