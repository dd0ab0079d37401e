-- SPDX-License-Identifier: MIT
-- A model in Neovim: `:Marea` talks to one in a buffer, `:MareaRewrite` lets it
-- rewrite lines. Answers are written while they come, and the editor stays as
-- quick as ever: Neovim's own loop drives the transfers. See doc/marea.txt.

local marea = require "marea"
local conversation = require "marea-nvim.conversation"
local rewriting = require "marea-nvim.rewriting"

local plugin = {}

local defaults = {
  provider = nil, base_url = nil, api_key = nil, model = nil,   -- as in marea.client
  system = "You are a helpful assistant inside a text editor. Answer in Markdown, briefly.",
  window = "botright vsplit",       -- the command that opens the conversation's window
}

local settings = vim.deepcopy(defaults)
local client                        -- made when first needed
local tasks = {}                    -- at work -> true

--- Sets options; those not given keep their defaults.
---@param options table|nil
function plugin.setup(options)
  for name in pairs(options or {}) do
    local known = name == "provider" or name == "base_url" or name == "api_key" or name == "model"
    if not known and defaults[name] == nil then error("marea-nvim.setup: no option called " .. name, 2) end
  end
  settings = vim.tbl_extend("force", vim.deepcopy(defaults), options or {})
  client = nil
  vim.cmd "runtime plugin/marea.lua"
end

--- The options in force; the environment stands in where none names a provider.
---@return table
function plugin.settings()
  local s = vim.deepcopy(settings)
  if not s.provider and not s.base_url then
    s.base_url, s.provider = vim.env.MAREA_BASE_URL, vim.env.MAREA_PROVIDER
    s.api_key = s.api_key or s.base_url and vim.env.MAREA_API_KEY
  end
  s.model = s.model or vim.env.MAREA_MODEL
  return s
end

--- The client, made at the first call; or nil and what is missing.
---@return marea.Client|nil, string|nil
function plugin.client()
  if client then return client end
  local s = plugin.settings()
  if not s.provider and not s.base_url then
    return nil, 'no provider: require("marea-nvim").setup { provider = "..." }, or set MAREA_BASE_URL'
  end
  marea.attach(vim.uv or vim.loop)
  local ok, made = pcall(marea.client, { provider = not s.base_url and s.provider or nil,
    base_url = s.base_url, api_key = s.api_key, model = s.model })
  if not ok then return nil, made end
  client = made
  return client
end

local function complain(err)
  vim.notify("marea: " .. tostring(err), vim.log.levels.ERROR)
end

-- Runs f as a task that :MareaStop ends; its errors are shown.
local function start(f)
  local task
  task = marea.spawn(function()
    local ok, err = pcall(f)
    tasks[task] = nil
    if not ok and not (marea.is_error(err) and err.kind == "cancelled") then complain(err) end
  end)
  tasks[task] = true
end

local function with_client(f)
  local c, missing = plugin.client()
  if c then start(function() f(c) end) else complain(missing) end
end

--- Asks in the conversation's buffer, and opens it. Without a prompt, asks for one.
---@param prompt string
---@param options { fresh: boolean|nil, range: integer[]|nil }|nil fresh: a new conversation; range: lines to send along
function plugin.ask(prompt, options)
  options = options or {}
  if prompt == "" then
    return vim.ui.input({ prompt = "Marea: " }, function(typed)
      if typed and typed:find "%S" then plugin.ask(typed, options) end
    end)
  end
  if options.range then prompt = conversation.with_lines(prompt, options.range) end
  if conversation.is_busy() then return complain "an answer is being written; :MareaStop stops it" end
  with_client(function(c) conversation.ask(c, prompt, settings, options.fresh) end)
end

--- Rewrites lines of the current buffer as told. They change when the answer is
--- whole, in one step of undo; until then it is shown below them.
---@param instruction string
---@param first integer
---@param last integer
function plugin.rewrite(instruction, first, last)
  local job = rewriting.new(vim.api.nvim_get_current_buf(), first, last)
  with_client(function(c) rewriting.run(job, c, instruction) end)
end

--- Stops all that is being written, at once.
function plugin.stop()
  for task in pairs(tasks) do task:cancel() end
  tasks = {}
end

return plugin
