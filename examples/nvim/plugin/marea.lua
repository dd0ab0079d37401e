-- SPDX-License-Identifier: MIT
-- The commands. Nothing is loaded before one of them is used.

if vim.g.loaded_marea then return end
vim.g.loaded_marea = true

local function command(name, options, run)
  vim.api.nvim_create_user_command(name, function(given) run(require "marea-nvim", given) end, options)
end

command("Marea", { nargs = "*", bang = true, range = true, desc = "Ask a model; ! begins a new conversation" },
  function(plugin, given)
    local range = given.range > 0 and { given.line1, given.line2 } or nil
    plugin.ask(given.args, { fresh = given.bang, range = range })
  end)

command("MareaRewrite", { nargs = "+", range = true, desc = "Rewrite these lines as told" },
  function(plugin, given) plugin.rewrite(given.args, given.line1, given.line2) end)

command("MareaStop", { nargs = 0, desc = "Stop what the model is writing" },
  function(plugin) plugin.stop() end)
