-- SPDX-License-Identifier: MIT
-- The README's code for hosts runs as printed, in the host it is for.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")
local love = require("spec.support.love")
local nvim = require("spec.support.nvim")
local server = require("spec.support.server")

local README = daemon.read("README.md")
local LONGEST = 15          -- lines, so that it is pasted rather than studied

local function block(name)
  local _, code = README:match("<!%-%- run: " .. name .. " %-%->\n```(%w+)\n(.-)```")
  return assert(code, "no block for " .. name)
end

describe("the README's code", function()
  local s, here
  setup(function()
    s = server.shared()
    here = { BASE_URL = s.base_url, NAN_API_KEY = "a-key-of-no-use" }
  end)

  it("for hosts is short", function()
    local n = 0
    for code in README:match("\n## Hosts\n(.-)\n## "):gmatch("```%w+\n(.-)```") do
      n = n + 1
      assert.is_true(select(2, code:gsub("\n", "")) < LONGEST, code)
    end
    assert.is_true(n >= 5)
  end)

  it("for Neovim streams to where the cursor is", function()
    local output, status = nvim.run([[
      require "marea".providers.nan.base_url = vim.env.BASE_URL
      ]] .. block "nvim" .. [[
      vim.cmd "Ask Hola"
      wait(function() return vim.fn.getline(1):find 'Hola"' end)
      out(vim.fn.getline(1))
    ]], here)
    assert.equal('A script, not a model, answers. You said: "Hola"\n', output)
    assert.equal(0, status)
  end)

  it("for LÖVE talks", function()
    local output, status = love.run([[
      require "marea".providers.nan.base_url = os.getenv "BASE_URL"
      ]] .. block "love" .. [[
      local shown
      love.graphics = { printf = function(text) shown = text end, isActive = function() return false end }
      local update = love.update
      function love.update()
        update()
        love.draw()
        if shown:find 'player%."$' then
          out(shown)
          finish()
        end
      end
    ]], here)
    assert.equal('A script, not a model, answers. You said: "Greet the player."\n', output)
    assert.equal(0, status)
  end)

  it("for C compiles as told, and runs", function()
    local dir = daemon.directory()
    local code, n = block("c"):gsub("provider = 'nan'", ("base_url = '%s', model = 'm'"):format(s.base_url))
    assert.equal(1, n)
    daemon.write(dir .. "/main.c", code)
    local build = README:match("```sh\nmake static\n(cc [^\n]*)"):gsub("main%.c", dir .. "/main.c")
    hosts.make("static LUA_VERSION=5.4 BUILD_DIR=build/5.4")
    local output, status = child.command("sh -c '" .. build .. " -o " .. dir .. "/main'")
    assert.equal(0, status, output)
    output, status = child.command(dir .. "/main", { LUA_PATH = "", LUA_CPATH = "" })
    os.execute("rm -rf " .. dir)
    assert.equal('A script, not a model, answers. You said: "Hola"\n', output)
    assert.equal(0, status)
  end)
end)
