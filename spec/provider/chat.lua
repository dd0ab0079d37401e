-- SPDX-License-Identifier: MIT
-- The deterministic stand-in for a model. It never pretends to be one: its
-- answers say that they come from a script, and follow from the request alone.
--   last message from the user, no tools  -> a sentence that quotes it
--   tools given, last message the user's  -> a call, arguments from the text
--   last message a tool's result          -> a sentence that quotes the results
--   response_format json_schema           -> a JSON value that fits the schema

local json = require("provider.json")
local text = require("provider.text")

local chat = {}

local WEATHER = {
  "weather", "tiempo", "clima", "meteo", "wetter", "temperatur", "forecast",
}
local PLACES = { "city", "location", "place", "ciudad", "stadt" }

-- The text of a message whose content is a string or a list of parts, and how
-- many parts are something else.
function chat.content_text(content)
  if type(content) == "string" then return content, 0 end
  if type(content) ~= "table" then return "", 0 end
  local texts, others = {}, 0
  for _, part in ipairs(content) do
    if type(part.text) == "string" then texts[#texts + 1] = part.text
    else others = others + 1 end
  end
  return table.concat(texts, " "), others
end

local function last_of(messages, role)
  for i = #messages, 1, -1 do
    if messages[i].role == role then return messages[i] end
  end
end

local function mentions(source, words)
  for _, word in ipairs(words) do
    if source:find(word, 1, true) then return true end
  end
  return false
end

local function place_property(tool)
  local parameters = tool["function"].parameters
  local properties = type(parameters) == "table" and parameters.properties
  for _, name in ipairs(PLACES) do
    if type(properties) == "table" and properties[name] then return name end
  end
end

local function score(tool, source)
  local description = tool["function"].description
  local words = tool["function"].name:gsub("_", " ")
  if type(description) == "string" then words = words .. " " .. description end
  local points = 0
  for word in words:lower():gmatch("[%w\128-\255]+") do
    if #word >= 4 and source:find(word, 1, true) then points = points + 1 end
  end
  return points
end

local function best_tool(tools, source)
  local best, most = tools[1], 0
  for _, tool in ipairs(tools) do
    local points = score(tool, source)
    if place_property(tool) and mentions(source, WEATHER) then
      points = points + 10
    end
    if points > most then best, most = tool, points end
  end
  return best
end

local function forced_tool(tools, choice)
  local wanted = type(choice) == "table" and choice["function"]
  for _, tool in ipairs(tools) do
    if wanted and tool["function"].name == wanted.name then return tool end
  end
end

local function usable_tools(body)
  local tools = {}
  if body.tool_choice == "none" or type(body.tools) ~= "table" then
    return tools
  end
  for _, tool in ipairs(body.tools) do
    if type(tool["function"]) == "table" then tools[#tools + 1] = tool end
  end
  return tools
end

-- One argument object for each place named, or just one.
local function argument_sets(tool, source, parallel)
  local schema = tool["function"].parameters
  if type(schema) ~= "table" then schema = { type = "object" } end
  local names = text.names(source)
  if not place_property(tool) or not parallel or #names < 2 then
    return { text.fill(schema, source, names) }
  end
  local sets = {}
  for i, name in ipairs(names) do
    sets[i] = text.fill(schema, source, { name })
  end
  return sets
end

local calls_made = 0

local function call_id()
  calls_made = calls_made + 1
  return string.format("call_%08x", calls_made)
end

local function tool_calls(body, source)
  local tools = usable_tools(body)
  if #tools == 0 then return nil end
  local tool = forced_tool(tools, body.tool_choice)
    or best_tool(tools, source:lower())
  local calls = {}
  local parallel = body.parallel_tool_calls ~= false
  for i, arguments in ipairs(argument_sets(tool, source, parallel)) do
    calls[i] = {
      id = call_id(), name = tool["function"].name,
      arguments = json.encode(arguments),
    }
  end
  return calls
end

local function names_by_id(messages)
  local names = {}
  for _, message in ipairs(messages) do
    if type(message.tool_calls) == "table" then
      for _, call in ipairs(message.tool_calls) do
        if call.id then names[call.id] = (call["function"] or {}).name end
      end
    end
  end
  return names
end

local function from_results(messages)
  local names, parts = names_by_id(messages), {}
  for i = #messages, 1, -1 do
    local message = messages[i]
    if message.role ~= "tool" then break end
    local name = names[message.tool_call_id] or message.name or "a tool"
    local result = chat.content_text(message.content)
    table.insert(parts, 1, name .. " returned " .. result)
  end
  return "A script, not a model: " .. table.concat(parts, "; ") .. "."
end

-- JSON, where the format asks for it: what fits the schema, or else what the
-- text says of names, or the text itself.
local function formatted(format, said)
  if type(format) ~= "table" then return nil end
  if format.type == "json_schema" and type(format.json_schema) == "table" then
    return json.encode(text.fill(format.json_schema.schema or {}, said))
  end
  if format.type ~= "json_object" then return nil end
  return json.encode(text.pairs(said) or json.object("answer", said))
end

local function pad(answer, count)
  local words = text.words(answer)
  for i = #words + 1, count do words[i] = " word" .. i end
  return table.concat(words, "", 1, count)
end

local function plain_answer(body, options)
  local message = last_of(body.messages, "user")
  local said, others = chat.content_text(message and message.content)
  local shaped = formatted(body.response_format, said)
  if shaped then return shaped end
  local also = others > 0 and " (and " .. others .. " attachment)" or ""
  local answer = 'A script, not a model, answers. You said: "' .. said .. '"'
    .. also
  return options.words and pad(answer, options.words) or answer
end

local function cut(answer, limit)
  local words = text.words(answer)
  if not limit or #words <= limit then return answer, "stop" end
  return table.concat(words, "", 1, limit), "length"
end

local function prompt_tokens(messages)
  local count = 0
  for _, message in ipairs(messages) do
    count = count + 1 + text.count((chat.content_text(message.content)))
  end
  return count
end

-- A token, here, is a word.
local function usage(prompt, choices)
  local completion = 0
  for _, choice in ipairs(choices) do
    completion = completion + text.count(choice.content or "")
      + text.count(choice.reasoning or "")
    for _, call in ipairs(choice.calls or {}) do
      completion = completion + text.count(call.arguments)
    end
  end
  return { prompt = prompt, completion = completion,
    total = prompt + completion }
end

local function limit_of(body)
  return tonumber(body.max_completion_tokens) or tonumber(body.max_tokens)
end

local function choice_for(body, options)
  local messages = body.messages
  local last = messages[#messages]
  local calls
  if last.role == "user" then
    calls = tool_calls(body, (chat.content_text(last.content)))
  end
  if calls then return { calls = calls, finish = "tool_calls" } end
  local answer = last.role == "tool" and from_results(messages)
    or plain_answer(body, options)
  local content, finish = cut(answer, limit_of(body))
  return { content = content, finish = finish }
end

local REASONING = "This is a script: it thinks nothing, it only counts words."

-- `options`: reasoning (whether to show some), words (length of the answer).
function chat.answer(body, options)
  local choices = {}
  for i = 1, math.min(tonumber(body.n) or 1, 16) do
    choices[i] = choice_for(body, options)
    choices[i].reasoning = options.reasoning and REASONING or nil
  end
  return {
    choices = choices, usage = usage(prompt_tokens(body.messages), choices),
  }
end

-- The legacy endpoint: one text, continued.
function chat.completion(body, options)
  local prompt = body.prompt
  if type(prompt) == "table" then prompt = prompt[1] end
  local answer = ' (a script, not a model, goes on from "' .. prompt .. '")'
  if options.words then answer = pad(answer, options.words) end
  local content, finish = cut(answer, limit_of(body))
  local choices = { { content = content, finish = finish } }
  return { choices = choices, usage = usage(text.count(prompt), choices) }
end

return chat
