-- SPDX-License-Identifier: MIT
-- How marea.net is loaded. Each time in a process of its own, which ends with it.

local child = require("spec.support.child")

local function run(code, variables)
  local output, status = child.code(code, {}, variables)
  assert.equal(0, status, output)
  return output
end

-- How many symbols the system has looked up by the end, or nil where it doesn't say.
local function looked_up(code)
  return tonumber(run(code, { LD_DEBUG = "statistics" }):match("final number of relocations: +(%d+)"))
end

describe("marea.network", function()
  it("is marea.net itself", function()
    run [[assert(require "marea.network" == require "marea.net")]]
  end)

  it("looks up fewer functions than require alone", function()
    local all = looked_up [[require "marea.core" require "marea.net"]]
    if not all or os.getenv("MAREA_SANITIZED") then return pending("the system's linker doesn't tell") end
    local few = looked_up [[require "marea.network"]]
    assert.is_true(few < all - 500, few .. " of " .. all)
  end)

  it("opens nothing where the module is in the program already", function()
    run [[
      require("marea.core").open_lazily = function() error "opened" end
      package.preload["marea.net"] = function() return { inside = true } end
      assert(require("marea.network").inside)
    ]]
  end)

  it("leaves it to require to say what is wrong", function()
    local says = [[
      local ok, message = pcall(require, "marea.network")
      assert(not ok)
      print(message)
    ]]
    local output = run([[require "marea.core" package.cpath = "/nonexistent/?.so"]] .. says)
    assert.matches("module 'marea.net' not found", output)
    output = run([[
      local dir = os.tmpname()
      os.remove(dir)
      os.execute("mkdir -p " .. dir .. "/marea && echo nonsense > " .. dir .. "/marea/net.so")
      require "marea.core"
      package.cpath = dir .. "/?.so"
    ]] .. says)
    assert.matches("error loading module 'marea.net'", output)
  end)

  it("is what a request is sent with", function()
    run [[
      local opened
      local core = require "marea.core"
      local open = core.open_lazily
      core.open_lazily = function(path) opened = path return open(path) end
      local client = require("marea").client { base_url = "http://127.0.0.1:9/v1", max_retries = 0 }
      assert(not package.loaded["marea.net"])
      local _, err = client.models:list()
      assert(err.kind == "connection", tostring(err))
      assert(opened:find "net")
    ]]
  end)
end)

describe("marea.core.open_lazily", function()
  local core = require("marea.core")

  it("tells whether a library is open", function()
    local path = rawget(package, "searchpath")("marea.core", package.cpath)
    assert.is_true(core.open_lazily(path))
    assert.is_false(core.open_lazily("/nonexistent/library.so"))
    assert.has_error(function() core.open_lazily() end)
  end)
end)
