-- SPDX-License-Identifier: MIT
-- Answers that fit a schema. How a model is asked for one is the preset's to
-- say (`structured_output`): by response_format, by a tool, or in words. What
-- comes is checked whichever way it was asked for.

local Error = require "marea.error"
local json = require "marea.json"
local kit = require "marea.agent.kit"
local lazy = require("marea.compat").lazy
local partial = lazy "marea.partial"
local schema = require "marea.schema"

local output = {}

output.TOOL = kit.FINAL

---@alias marea.output_mode "json_schema"|"json_object"|"tool"|"prompt"

local weaker = { json_schema = 1, json_object = 2, tool = 3, prompt = 4 }

output.modes = weaker

---- the schema ---------------------------------------------------------------------------

-- Providers want an object at the root: anything else is its `value`.
local function is_object(s)
  return s.type == "object" or s.type == nil and s.properties ~= nil
end

--- What to ask for, from a schema or a short form.
---@param form any
---@param level integer|nil
function output.new(form, level)
  local s = schema.new(form, "marea.agent, output", (level or 1) + 1)
  if is_object(s) then return { schema = s, wrapped = false, form = form } end
  local wrapper = { type = "object", properties = { value = s }, required = json.array { "value" },
    additionalProperties = false }
  wrapper["$defs"], wrapper.definitions = s["$defs"], s.definitions
  return { schema = wrapper, wrapped = true, form = form }
end

---- how to ask -----------------------------------------------------------------------------

-- What the preset says of the model, or of all its models; nil: it doesn't say.
local function said(preset, model)
  model = model or preset and preset.default_model and preset.default_model.chat
  local known = preset and preset.models and model and preset.models[model]
  if known and known.structured then return "json_schema" end
  return preset and preset.structured_output
end

--- The way to ask a client's model, and whether it is a guess. Where several
--- clients stand in for one another it is what all of them can do.
---@return marea.output_mode mode, boolean guessed
function output.mode(client, model)
  local mode, guessed
  for _, one in ipairs(client.clients or { client }) do
    local own = said(one.preset, model)
    guessed = guessed or own == nil
    own = own or "json_schema"
    if not mode or weaker[own] > weaker[mode] then mode = own end
  end
  return mode, guessed
end

local function table_or_none(value)
  return type(value) == "table" and value or {}
end

-- Strict is possible only where every object has all its properties, and no
-- others.
local function is_closed(s)
  if type(s) ~= "table" then return true end
  if type(s.properties) == "table" then
    local required = {}
    for _, name in ipairs(table_or_none(s.required)) do required[name] = true end
    if s.additionalProperties ~= false then return false end
    for name, inner in pairs(s.properties) do
      if not required[name] or not is_closed(inner) then return false end
    end
  end
  for _, key in ipairs { "anyOf", "$defs", "definitions" } do
    for _, inner in pairs(table_or_none(s[key])) do
      if not is_closed(inner) then return false end
    end
  end
  return is_closed(s.items)
end

local function strict(plan, client)
  return client.preset and client.preset.strict_schemas and is_closed(plan.schema) or nil
end

local function in_words(s)
  return "Answer with JSON alone, without any text around it, that fits this JSON Schema:\n"
    .. json.encode(s, { sort = true })
end

local BY_TOOL = ("When you have the answer, give it by calling the tool %s, and in no other way.")
  :format(output.TOOL)

--- Puts into the parameters what asks for the schema. Returns what is to be
--- added to the instructions, or nil.
---@param mode marea.output_mode
function output.ask(plan, mode, params, client)
  if mode == "json_schema" then
    params.response_format = { type = "json_schema",
      json_schema = { name = "answer", schema = plan.schema, strict = strict(plan, client) } }
  elseif mode == "json_object" then
    params.response_format = { type = "json_object" }
    return in_words(plan.schema)
  elseif mode == "tool" then
    params.tools = params.tools or json.array {}
    params.tools[#params.tools + 1] = { type = "function", ["function"] = { name = output.TOOL,
      description = "Gives the final answer.", parameters = plan.schema } }
    return BY_TOOL
  else return in_words(plan.schema) end
end

---- reading -----------------------------------------------------------------------------------

-- From the first opening bracket to the last closing one. A pattern for both
-- would try each of the opening ones.
local function between(text, opening, closing)
  local from = text:find(opening, 1, true)
  return from and text:match("^.*%" .. closing, from) or nil
end

-- The likeliest places of JSON in a text: all of it, a fence's inside, from the
-- first bracket to the last.
local function candidates(text)
  local list = { text }
  list[#list + 1] = text:match("```[%w_-]*[ \t]*\r?\n(.-)\r?\n?```")
  list[#list + 1] = between(text, "{", "}")
  list[#list + 1] = between(text, "[", "]")
  return list
end

local function decode(text)
  local why
  for _, candidate in ipairs(candidates(text)) do
    local value, message = json.decode(candidate)
    if value ~= nil then return value end
    why = why or message
  end
  return nil, "it is not JSON: " .. tostring(why)
end

--- Checks a decoded value. Returns what the program gets, or nil and what is
--- wrong.
function output.check(plan, value)
  local checked, problems = schema.check(value, plan.schema)
  if problems and plan.wrapped then      -- a model may leave the wrapper out
    local bare, still = schema.check({ value = value }, plan.schema)
    if not still then checked, problems = bare, nil end
  end
  if problems then return nil, problems end
  if plan.wrapped then return checked.value end
  return checked
end

--- The value in a model's text, or nil and what is wrong with it.
---@param plan table
---@param text string
---@return any, string|nil
function output.read(plan, text)
  if not text:find("%S") then return nil, "the answer is empty" end
  local value, problems = decode(text)
  if value == nil then return nil, problems end
  return output.check(plan, value)
end

local REPAIRS = 2

--- Counts an answer that didn't do. Returns the error once it is one too many.
---@return marea.error|nil
function output.too_many(run, problems)
  run.repairs = run.repairs + 1
  if run.repairs <= (run.agent.output_retries or REPAIRS) then return nil end
  return Error.new { kind = "validation", message = "the answer doesn't fit the schema: " .. problems }
end

--- What a model is told whose answer didn't do.
function output.complaint(problems)
  return "The answer doesn't fit the schema:\n" .. problems .. "\nGive the whole answer again, put right."
end

---- while it is still coming ---------------------------------------------------------------------

--- A function that takes the stream's events and gives the value as far as it
--- is known, when there is news.
function output.watcher(plan, mode)
  local growing = partial.new { object = true }
  local function show()
    if not growing:due() then return nil end
    local value = growing:value()
    if not plan.wrapped then return value end
    return value.value
  end
  return function(event)
    if mode == "tool" then
      if event.type ~= "tool_call.delta" or event.name ~= output.TOOL then return nil end
      growing:add(event.arguments_json)
    elseif event.type == "text" then growing:add(event.text)
    else return nil end
    return show()
  end
end

return output
