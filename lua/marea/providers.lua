-- SPDX-License-Identifier: MIT
-- The presets: `marea.providers.nan` and so on. Each is a file of data under
-- providers/, loaded when first asked for; names come from a fixed list, so
-- that a name from outside never reaches `require`. This page says what the
-- fields of a preset mean; a preset has only those its provider documents.

local redact = require("marea.compat").lazy "marea.redact"
local url = require("marea.compat").lazy "marea.url"

---@class marea.preset
---@field name string
---@field base_url? string nil where each customer has one of their own
---@field base_url_example? string what it looks like then
---@field api_key_env? string environment variable that holds the key
---@field key_optional? boolean works without a key: no header is sent then
---@field public_endpoints? string[] those that work without a key
---@field auth? { header: string, prefix: string, alternatives?: table[] } the others are for the client's `auth`
---@field endpoints? string[] the documented ones, nil where not listed
---@field models table<string, marea.preset.model> empty where the page names none
---@field default_model table<string, string> by kind: chat, embeddings, speech, transcription
---@field model_optional? boolean the key decides which model answers
---@field required? table<string, table> by endpoint: sent where the caller gives none; a list: what only he can give
---@field defaults? table<string, table> by endpoint: what the server assumes; never sent
---@field ranges? table<string, table> by endpoint and parameter: { lowest, highest }; refused outside
---@field extra_parameters? table<string, string[]> by endpoint: beyond OpenAI's
---@field limits? marea.preset.limits
---@field max_file_size? integer bytes of an uploaded file
---@field max_audio_seconds? number longer audio may time out
---@field max_inputs? integer of one embeddings request
---@field stream_default? boolean true: it streams unless told not to
---@field responses_stream? string "single": one event at the end, no pieces
---@field stream_options? boolean false: refuses it, or sends usage unasked
---@field max_tokens_parameter? string the name to write the bound on tokens with
---@field formats? table<string, string[]> by endpoint: values of response_format
---@field values? table<string, table> by endpoint and parameter: the documented ones, not enforced
---@field reasoning? marea.preset.reasoning
---@field structured_output? string how agents ask for a schema: json_schema, json_object, tool or prompt
---@field strict_schemas? boolean such a schema goes out as a strict one
---@field options? table<string, marea.preset.option> named options: see marea.options

---@class marea.preset.limits
---@field requests_per_minute? integer
---@field requests_per_second? integer
---@field concurrent? integer
---@field per? string whom they count together: "key", all clients with the same one; "address", all clients

---@class marea.preset.reasoning
---@field fields? string[] of a message or delta that hold it; all known ones are read anyway
---@field parts? string the type of those parts of content that hold it; any known ones are read
---@field tags? marea.think.tags that it stands between at the beginning of the text
---@field verbatim? string[] what models' names begin with whose text is handed on as it is
---@field echo? string "tool_calls": a message that calls tools goes back with its reasoning

---@class marea.preset.model
---@field kinds string[]
---@field tools? boolean
---@field vision? boolean
---@field structured? boolean answers by a JSON Schema
---@field reasoning? string "on by default" or "off by default"
---@field dimensions? integer
---@field voices? string[] some of them

local providers = {}

local names = {
  "nan", "helmcode", "gradientesur", "nanogpt", "saptiva", "swissai",
  "openai", "azure", "openrouter", "groq", "mistral", "deepseek", "together", "fireworks", "cerebras", "xai",
  "gemini", "huggingface", "github", "ollama", "llamacpp", "vllm", "lmstudio",
}

local is_known = {}
for _, name in ipairs(names) do is_known[name] = true end

local loaded = {}

local function same(s)
  return s
end

-- Maps are merged key by key, lists replaced whole.
local function merge(base, changes)
  local out = redact.deep(base, same)
  for key, value in pairs(changes) do
    local both = type(value) == "table" and type(out[key]) == "table" and value[1] == nil
    if both then
      out[key] = merge(out[key], value)
    else
      out[key] = redact.deep(value, same)
    end
  end
  return out
end

local function load_preset(name)
  local preset = require("marea.compat").load("marea.providers." .. name)
  if not preset.extends then return preset end
  preset = merge(providers.get(preset.extends), preset)
  preset.extends = nil
  return preset
end

--- The preset of that name, always the same table.
---@param name string
---@return marea.preset|nil
---@return string|nil message
function providers.get(name)
  if not is_known[name] then
    local shown = type(name) == "string" and ("%q"):format(name:sub(1, 40)) or type(name)
    return nil, ("unknown provider %s; known are: %s"):format(shown, table.concat(names, ", "))
  end
  loaded[name] = loaded[name] or load_preset(name)
  return loaded[name]
end

---@return string[]
function providers.names()
  local out = {}
  for i = 1, #names do out[i] = names[i] end
  return out
end

local blank = {
  name = "custom", auth = { header = "Authorization", prefix = "Bearer " }, models = {}, default_model = {},
}

local function find_base(extends, level)
  if extends == nil then return blank end
  if type(extends) == "table" then return extends end
  local base, message = providers.get(extends)
  if not base then error("extends: " .. message, level + 1) end
  return base
end

-- A key goes where it belongs: whoever moves a preset to another origin says
-- anew which variable holds the key for it.
local function is_moved(base, t)
  if not t.base_url or not base.base_url or t.api_key_env ~= nil then return false end
  return url.origin(base.base_url) ~= url.origin(t.base_url)
end

--- A preset made from another: `marea.provider{ extends = "nan", base_url = ... }`.
--- Nothing is shared with the original.
---@param t table fields to set; `extends` names a preset or is one
---@return marea.preset
function providers.extend(t)
  if type(t) ~= "table" then error("a provider must be a table, not " .. type(t), 2) end
  local base = find_base(t.extends, 2)
  if t.base_url ~= nil then url.check_base(t.base_url, 2) end
  local preset = merge(base, t)
  preset.extends = nil
  if is_moved(base, t) then preset.api_key_env = nil end
  if not preset.api_key_env and t.key_optional == nil then preset.key_optional = true end
  return preset
end

local function next_preset(_, name)
  local position = 1
  while name and names[position] ~= name do position = position + 1 end
  local following = names[name and position + 1 or 1]
  if following then return following, providers.get(following) end
end

return setmetatable(providers, {
  __name = "marea.providers",
  __index = function(_, name) return (providers.get(name)) end,
  __pairs = function(t) return next_preset, t, nil end,
})
