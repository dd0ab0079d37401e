-- SPDX-License-Identifier: MIT
-- Runs Lua in a real Neovim, headless, with nothing of the user's: the tree's
-- library, and the plugin of examples/nvim. Code runs to its end and then quits;
-- what it prints, and what Neovim complains of, is the output.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")

local nvim = {}

local FLAGS = "--headless -u NONE -i NONE -n --cmd 'set rtp^=%s/examples/nvim'"

-- `wait` lets the editor go on until f().
local PRELUDE = hosts.OUT .. [[
  local uv = vim.uv or vim.loop
  -- Not each event is a reason to look again: looking may be one.
  local function wait(f, seconds)
    local over = uv.hrtime() + (seconds or 10) * 1e9
    repeat
      if f() then return true end
      vim.wait(3, function() return false end)
    until uv.hrtime() > over
    return false
  end
]]

-- Drives a second Neovim over its RPC, as a person would: `editor` calls the API.
local DRIVER = [==[
  local channel
  local function editor(method, ...) return vim.rpcrequest(channel, "nvim_" .. method, ...) end
  local function keys(text) editor("input", text) end
  local function lines(name)
    return editor("exec_lua", [=[
      local buffer = vim.fn.bufnr(...)
      return buffer > 0 and vim.api.nvim_buf_get_lines(buffer, 0, -1, false) or {}
    ]=], { name })
  end
  local function text(name) return table.concat(lines(name), "\n") end
  local function remote(code, ...) return editor("exec_lua", code, { ... }) end
  do
    local words = { vim.v.progpath, "--embed" }
    vim.list_extend(words, vim.split(vim.env.EDITOR_FLAGS, " "))
    vim.list_extend(words, { "--cmd", "set rtp^=" .. vim.env.TREE .. "/examples/nvim" })
    channel = vim.fn.jobstart(words, { rpc = true })
    editor("command", "runtime plugin/marea.lua")
  end
  remote("NOTES = {} vim.notify = function(m) NOTES[#NOTES + 1] = m end")
  local function notes() return table.concat(remote("return NOTES"), "\n") end
]==]

-- Paths of this machine's own would lead it elsewhere.
local function environment(variables)
  local dir = daemon.directory()
  local path = hosts.tree()
  local all = {
    TREE = path, EDITOR_FLAGS = "--headless -u NONE -i NONE -n", HOME = dir,
    XDG_CONFIG_HOME = dir, XDG_DATA_HOME = dir, XDG_STATE_HOME = dir, XDG_CACHE_HOME = dir, XDG_RUNTIME_DIR = dir,
  }
  for name, value in pairs(variables or {}) do all[name] = value end
  return hosts.environment("5.1", all), dir
end

local function run(code, variables)
  hosts.build("5.1")
  local env, dir = environment(variables)
  daemon.write(dir .. "/code.lua", PRELUDE .. code)
  local output, status = child.command("nvim " .. FLAGS:format(env.TREE) .. " -S " .. dir .. "/code.lua", env)
  os.execute("rm -rf " .. dir)
  return (output:gsub("\r", "")), status
end

---Code that ends by itself, by quitting.
nvim.code = run

---Code that runs to its end; Neovim then quits.
---@return string, integer
function nvim.run(code, variables)
  return run(("local ok, err = pcall(function()\n%s\nend)\n"):format(code)
    .. 'if not ok then out("failed: " .. tostring(err)) end vim.cmd(ok and "qa!" or "cquit 9")', variables)
end

---Code that drives another Neovim, with the plugin loaded.
---@return string, integer
function nvim.drive(code, variables)
  return nvim.run(DRIVER .. code, variables)
end

return nvim
