-- SPDX-License-Identifier: MIT
-- What the examples share: which provider to talk to, and printing what a model
-- says without letting it steer the terminal.

local marea = require "marea"

local common = {}

-- The first whose key is set is taken. Left out are those whose variable is
-- often set for something else, such as GITHUB_TOKEN.
local known = {
  "nan", "helmcode", "gradientesur", "nanogpt", "saptiva", "swissai", "openai", "openrouter",
  "groq", "mistral", "deepseek", "together", "fireworks", "cerebras", "xai", "gemini",
}

local function present(name)
  local value = os.getenv(name)
  return value and value:find("%S") and value or nil
end

--- Client options from the environment: MAREA_BASE_URL (and MAREA_API_KEY), else
--- MAREA_PROVIDER, else the first provider whose key is there and that has a
--- model to offer; MAREA_MODEL names another. nil if the environment says nothing
--- of the kind, and why not where a key is there.
---@return table|nil options, string|nil why
function common.options()
  local model = present "MAREA_MODEL"
  if present "MAREA_BASE_URL" then
    return { base_url = present "MAREA_BASE_URL", api_key = present "MAREA_API_KEY",
      model = model or (present "MAREA_BASE_URL"):match "^http://127%.0%.0%.1[:/]" and "bundled-echo" or nil }
  end
  if present "MAREA_PROVIDER" then return { provider = present "MAREA_PROVIDER", model = model } end
  local why
  for _, name in ipairs(known) do
    local preset = marea.providers[name]
    local has_model = model or (preset.default_model or {}).chat or preset.model_optional
    local has_key = present(preset.api_key_env)
    if has_key and has_model then return { provider = name, model = model } end
    if has_key then why = why or preset.api_key_env .. " is set, but no model: set MAREA_MODEL." end
  end
  return nil, why
end

--- A client for whatever the environment names. Ends the program if that is
--- nothing.
---@return marea.Client
function common.client()
  local options, why = common.options()
  if options then return marea.client(options) end
  why = why or "Set MAREA_BASE_URL (any OpenAI-compatible server), or MAREA_PROVIDER and its key."
  io.stderr:write(why, "\n")
  os.exit(2)
end

--- What a call returned; or ends the program with the error, one line for a
--- person, without the key.
function common.must(result, err)
  if result then return result end
  io.stderr:write(tostring(err), "\n")
  os.exit(1)
end

--- A function that makes pieces of a model's text fit to print: without
--- terminal escapes, also where one is cut in two by the end of a piece.
---@return fun(piece: string): string
common.printable = require("marea.printable").new

--- Prints the text of a stream as it comes, and ends the line. Raises if the
--- stream breaks, as its iterator does.
function common.print_stream(stream)
  local printable = common.printable()
  for piece in stream:text() do
    io.write(printable(piece))
    io.flush()
  end
  io.write("\n")
end

return common
