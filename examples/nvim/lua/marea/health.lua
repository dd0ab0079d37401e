-- SPDX-License-Identifier: MIT
-- :checkhealth marea

local health = {}

-- The names of 0.10, or those before.
local function reporter(new, old)
  local api = vim.health or {}
  return api[new] or api[old] or vim.fn["health#" .. old]
end

local ok, bad = reporter("ok", "report_ok"), reporter("error", "report_error")

local function show(finding)
  if finding.bad then bad(finding.what .. ": " .. finding.says, { finding.cure })
  else ok(finding.what .. ": " .. finding.says) end
end

-- Tries a request, while the editor goes on.
local function try_request(diagnosis)
  local marea = require "marea"
  marea.attach(vim.uv or vim.loop)
  local finding
  marea.spawn(function() finding = diagnosis.loopback() end)
  vim.wait(6000, function() return finding end, 5)
  if finding then show(finding) else bad("the request has no answer", { "run: luajit -l marea.doctor" }) end
end

local function check_provider()
  local plugin = require "marea-nvim"
  local client, missing = plugin.client()
  if not client then return bad(tostring(missing), { ":help marea-setup" }) end
  local s = plugin.settings()
  ok("talks to " .. tostring(client))
  local preset = not s.base_url and require("marea").providers[s.provider]
  if not preset or s.api_key or not preset.api_key_env then return end
  if vim.env[preset.api_key_env] then return ok("has its key from " .. preset.api_key_env) end
  bad("no key", { "set " .. preset.api_key_env .. " in the environment Neovim is started from" })
end

function health.check()
  reporter("start", "report_start") "marea"
  local found, diagnosis = pcall(require, "marea.diagnosis")
  if not found then
    return bad("marea is not found", { "let the plugin manager put its directory on 'runtimepath'" })
  end
  for _, finding in ipairs(diagnosis.findings()) do show(finding) end
  if not diagnosis.can_ask() then
    return bad("no request can be tried before the above is mended",
      { 'the C modules come by "make nvim", which the plugin manager runs in the directory of marea' })
  end
  try_request(diagnosis)
  check_provider()
end

return health
