-- SPDX-License-Identifier: MIT
-- Compiled files, which `require` takes in place of sources that are unchanged.
-- Each time in a process of its own, with a copy of the library.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")

local dir

local function shell(command)
  local output, status = child.command("sh -ec 'cd " .. dir .. "; " .. command .. "'")
  assert.equal(0, status, output)
end

-- Runs code with that copy, after other code and the core. `from(f)` is the file
-- that a function says it is of.
local function run(code, earlier)
  local output, status = child.code([[
    local function from(f) return debug.getinfo(f, "S").source end
    local searchers = rawget(package, "searchers") or package.loaders
    local before = #searchers
  ]] .. (earlier or "") .. [[
    require "marea.core"
  ]] .. code, {}, {
    LUA_PATH = dir .. "/lua/?.lua;" .. dir .. "/lua/?/init.lua", LUA_CPATH = dir .. "/lib/?.so",
    LUA_PATH_5_3 = false, LUA_CPATH_5_3 = false, LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false,
  })
  assert.equal(0, status, output)
end

local function assert_compiled(module, f)
  run(("assert(from(require(%q).%s) == %q)"):format(module, f, "@" .. module:gsub("%.", "/") .. ".lua"))
end

local function assert_source(module, f)
  local path = dir .. "/lua/" .. module:gsub("%.", "/") .. ".lua"
  run(("local found = from(require(%q).%s) assert(found == %q, found)"):format(module, f, "@" .. path))
end

describe("a compiled file", function()
  before_each(function()
    dir = daemon.directory()
    local core = rawget(package, "searchpath")("marea.core", package.cpath)
    if core:sub(1, 1) ~= "/" then core = "$OLDPWD/" .. core end
    shell("mkdir lib; cp -r $OLDPWD/lua lua; cp -r " .. core:gsub("/core%.so$", "") .. " lib/marea")
  end)

  after_each(function() os.execute("rm -rf " .. dir) end)

  it("is loaded in place of the source it is of", function()
    assert_compiled("marea.html", "summary")
    assert_compiled("marea.mime", "of_name")
  end)

  it("is loaded of all Lua that a call brings in, once its client is asked for", function()
    run [[
      local client = require("marea").client { base_url = "http://127.0.0.1:9/v1", model = "m", max_retries = 0 }
      assert(client:ask "x" == nil)
      local count = 0
      for name, module in pairs(package.loaded) do
        for _, f in next, name:find "^marea%." and type(module) == "table" and module or {} do
          local path = type(f) == "function" and from(f) or ""
          assert(not path:find "^@/", path)
          if path:find "^@marea/" then count = count + 1 end
        end
      end
      assert(count > 30, count)
    ]]
  end)

  it("is made as soon as there is an interpreter to make it, and not again", function()
    local version, target = _VERSION:match "%d%.%d", dir .. "/build/compiled"
    local function make(more)
      hosts.make(("%s BUILD_DIR=%s/build LUA_VERSION=%s %s"):format(target, dir, version, more or ""))
      return (child.command(("stat -c %%y %s/build/marea/html.luac"):format(dir)))
    end
    assert.matches("No such file", make "LUA=no-lua-here")
    assert.matches("No such file", make "LUA=no-lua-here")
    local made = make()
    assert.matches("^%d+%-", made)
    assert.equal(made, make())
  end)

  it("names the file and the line of what fails within", function()
    local text = daemon.read("lua/marea/compat.lua")
    local line = 1 + select(2, text:sub(1, (text:find("pcall(require, name)", 1, true))):gsub("\n", ""))
    run([[
      local compat, traceback = require "marea.compat"
      package.preload["marea.broken"] = function() traceback = debug.traceback() error "no" end
      assert(not pcall(compat.load, "marea.broken"))
      local place = "marea/compat.lua:" .. ]] .. line .. [[ .. ":"
      assert(traceback:find(place, 1, true), traceback)
    ]])
  end)

  it("is passed over once the source is another", function()
    shell "echo >> lua/marea/compat.lua"
    assert_source("marea.compat", "trim")
    shell "sed -i s/SPDX/spdx/ lua/marea/html.lua"
    assert_source("marea.html", "summary")
    shell "cd lua/marea; head -n 3 mime.lua > x; echo \"return { f = function() end }\" >> x; mv x mime.lua"
    assert_source("marea.mime", "f")
  end)

  it("is passed over where it is damaged, or another's, or gone", function()
    shell "cd lib/marea; head -c -100 html.luac > x; mv x html.luac"
    assert_source("marea.html", "summary")
    shell "cat lua/marea/html.lua > lib/marea/html.luac"
    assert_source("marea.html", "summary")
    shell "printf \"\\033Lua of another kind\" >> lib/marea/html.luac"
    assert_source("marea.html", "summary")
    shell ": > lib/marea/html.luac"
    assert_source("marea.html", "summary")
    shell "rm lib/marea/html.luac; mkdir lib/marea/html.luac"
    assert_source("marea.html", "summary")
    shell "rm -r lib/marea/html.luac"
    assert_source("marea.html", "summary")
  end)

  it("is nothing without its source", function()
    shell "rm lua/marea/html.lua"
    run [[
      local ok, message = pcall(require, "marea.html")
      assert(not ok and message:find("module 'marea.html' not found", 1, true), message)
    ]]
  end)

  it("comes after what the program holds, and needs no searcher of Lua's", function()
    run [[
      package.preload["marea.html"] = function() return { held = true } end
      assert(require "marea.html".held)
      for i = #searchers, 3, -1 do searchers[i] = nil end
      assert(require "marea.mime".of_name)
      assert(not pcall(require, "marea.nowhere"))
    ]]
  end)

  it("comes after what a host finds before Lua does, and with the path that Lua would give", function()
    local code = [[
      table.insert(searchers, 2, function(name)
        if name == "marea.html" then return function() return { hosts = true } end end
        return "\n\tno " .. name
      end)
      table.insert(searchers, function(name) if not name:find "^[%w.]+$" then error "no such name" end end)
      before = #searchers
    ]]
    run([[
      assert(require "marea.html".hosts)
      local mime, path = require "marea.mime"
      assert(from(mime.of_name) == "@marea/mime.lua")
      assert(path == nil or path == package.searchpath("marea.mime", package.path))
    ]], code)
  end)

  it("has one searcher, however often the library is loaded", function()
    run [[
      for _ = 1, 3 do
        for name in pairs(package.loaded) do
          if name:find "^marea" then package.loaded[name] = nil end
        end
        assert(require("marea").json)
      end
      assert(#searchers == before + 1)
    ]]
  end)

  it("is looked for of this library's modules alone", function()
    daemon.write(dir .. "/lua/mareas.lua", "return { f = function() end }")
    run [[
      local file = io.open(package.searchpath("mareas", package.path))
      local source = file:read "*a"
      local code = source .. string.dump(assert((loadstring or load)(source, "@marea/mareas.lua")))
      file:close()
      local lib = package.cpath:match "^[^?]*"
      for _, place in ipairs { "mareas", "marea/mareas", "marea/", "marea/s" } do
        file = assert(io.open(lib .. place .. ".luac", "wb"))
        file:write(code)
        file:close()
      end
    ]]
    assert_source("mareas", "f")
    run [[
      local ok, message = pcall(require, "nowhere")
      assert(not ok and not message:find "luac", message)
    ]]
  end)

  it("is done without where there is no package library as Lua has it", function()
    run [[
      for _, missing in ipairs { "searchpath", "path" } do
        local value = package[missing]
        package[missing] = nil
        assert(searchers[2] "marea.html" == nil)
        package[missing] = value
      end
      assert(type(searchers[2] "marea.html") == "function")
    ]]
  end)
end)
