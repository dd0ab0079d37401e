-- SPDX-License-Identifier: MIT
-- :checkhealth marea

local health = {}

-- The names of 0.10, or those before.
local function reporter(new, old)
  local api = vim.health or {}
  return api[new] or api[old] or vim.fn["health#" .. old]
end

local function check_library(ok, bad)
  local found, marea = pcall(require, "marea")
  if not found then
    bad("marea is not found: " .. tostring(marea):match "^[^\n]*",
      { 'let the plugin manager run "make nvim" in its directory', "or: luarocks --lua-version 5.1 install marea" })
    return nil
  end
  local built, net = pcall(require, "marea.net")
  if not built then
    bad("marea's C module can't be loaded: " .. tostring(net), { 'run "make nvim" in its directory' })
    return nil
  end
  local versions = net.versions()
  ok(("marea %s, libcurl %s (%s), libuv %s"):format(marea._VERSION, versions.libcurl, versions.tls, versions.libuv))
  return marea
end

local function check_provider(marea, ok, bad)
  local plugin = require "marea-nvim"
  local client, missing = plugin.client()
  if not client then return bad(tostring(missing), { ":help marea-setup" }) end
  local s = plugin.settings()
  ok("talks to " .. tostring(client))
  local preset = not s.base_url and marea.providers[s.provider]
  if not preset or s.api_key or not preset.api_key_env then return end
  if vim.env[preset.api_key_env] then return ok("has its key from " .. preset.api_key_env) end
  bad("no key", { "set " .. preset.api_key_env .. " in the environment Neovim is started from" })
end

function health.check()
  local ok, bad = reporter("ok", "report_ok"), reporter("error", "report_error")
  reporter("start", "report_start") "marea"
  local marea = check_library(ok, bad)
  if marea then check_provider(marea, ok, bad) end
end

return health
