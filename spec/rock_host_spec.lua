-- SPDX-License-Identifier: MIT
-- LuaRocks: the rockspecs are good, what they build runs wherever it is put, and
-- what is missing is named.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")

local SCM = "rockspec/marea-scm-1.rockspec"

local function load_spec(path)
  local out = {}
  assert(loadfile(path, "t", out))()
  return out
end

-- LuaRocks as nobody has configured it, which builds where nothing else does.
local function luarocks(arguments, build_dir)
  return child.command("luarocks --lua-version 5.4 " .. arguments, {
    MAKEFLAGS = build_dir and "BUILD_DIR=" .. build_dir or false, MAKELEVEL = false,
    LUA_PATH = false, LUA_CPATH = false, LUAROCKS_CONFIG = "/nonexistent", HOME = "/nonexistent" })
end

local COMPILED = "connection\t@marea/check.lua\n"

-- Makes a request from somewhere else, with what a tree of rocks holds; tells how
-- it ended, and what a function says it is of.
local function ask(tree)
  local code = [[
    local _, err = require "marea".client { base_url = "http://127.0.0.1:9/v1", model = "m", max_retries = 0 }:ask "x"
    print(err.kind, debug.getinfo(require "marea.check".fail, "S").source)
  ]]
  daemon.write(tree .. "/ask.lua", code)
  return (child.command(("sh -c 'cd / && lua5.4 %s/ask.lua'"):format(tree), {
    LUA_PATH = ("%s/share/lua/5.4/?.lua;%s/share/lua/5.4/?/init.lua;;"):format(tree, tree),
    LUA_CPATH = ("%s/lib/lua/5.4/?.so;;"):format(tree), LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false }))
end

describe("the rockspecs", function()
  local paths = {}
  for path in assert(io.popen("ls rockspec/*.rockspec")):lines() do paths[#paths + 1] = path end

  it("pass LuaRocks' own check", function()
    assert.is_true(#paths >= 2)
    for _, path in ipairs(paths) do
      local output, status = luarocks("lint " .. path)
      assert.equal(0, status, output)
    end
  end)

  it("differ in their version and where it is, and in nothing else", function()
    local version = require("marea")._VERSION
    local scm, release = load_spec(SCM), load_spec("rockspec/marea-" .. version .. "-1.rockspec")
    assert.equal(version .. "-1", release.version)
    assert.equal("v" .. version, release.source.tag)
    release.version, release.source.tag = scm.version, nil
    assert.same(scm, release)
  end)
end)

describe("a rock", function()
  local tree
  setup(function() tree = daemon.directory() end)
  teardown(function() os.execute("rm -rf " .. tree) end)

  it("is built, packed, and installed elsewhere", function()
    local output, status = luarocks(("--tree %s/built make --deps-mode=none %s CFLAGS='-O0 -fPIC'"):format(tree, SCM),
      tree .. "/obj")
    assert.equal(0, status, output)
    assert.equal(COMPILED, ask(tree .. "/built"))
    output, status = child.command(("sh -c 'cd %s && luarocks --lua-version 5.4 --tree built pack marea'"):format(tree),
      { LUA_PATH = false, LUA_CPATH = false })
    assert.equal(0, status, output)
    output, status = luarocks(("--tree %s/elsewhere install --deps-mode=none %s/marea-scm-1.*.rock"):format(tree, tree))
    assert.equal(0, status, output)
    assert.equal(COMPILED, ask(tree .. "/elsewhere"))
    local files = assert(io.popen("cd lua && find . -name '*.lua' | wc -l && cd " .. tree
      .. "/elsewhere/share/lua/5.4 && find . -name '*.lua' | wc -l"))
    assert.equal(files:read("*n"), files:read("*n"))
    files:close()
  end)

  local missing = {
    ["libuv's header, by LuaRocks"] = { "UV_DIR=/nonexistent", "Could not find header file for UV.-uv%.h.-UV_DIR" },
    ["libcurl's library, by LuaRocks"] = { "CURL_DIR=/nonexistent",
      "Could not find library file for CURL.-libcurl%.so.-CURL_DIR" },
    ["libcurl's header, with how to get it"] = { "CURL_INCDIR=/nonexistent",
      "marea: missing libcurl %(7%.80 or newer%).-libcurl4%-openssl%-dev.-libcurl%-devel.-brew install" },
  }
  for what, case in pairs(missing) do
    it("that can't be built names " .. what, function()
      local output, status = luarocks(("--tree %s/none make --deps-mode=none %s %s"):format(tree, SCM, case[1]),
        tree .. "/obj")
      assert.is_not.equal(0, status)
      assert.matches(case[2], output)
    end)
  end
end)

describe("make install", function()
  it("puts what Lua finds, and uninstall takes it away", function()
    hosts.build("5.1")
    local root = daemon.directory()
    hosts.make(("install DESTDIR=%s PREFIX=/usr LUA_VERSION=5.1 BUILD_DIR=build/5.1"):format(root))
    local code = "print(require [[marea]]._VERSION, pcall(require, [[marea.net]]))"
      .. " local _ = require [[marea]].null print(debug.getinfo(require [[marea.check]].fail, [[S]]).source)"
    local output = child.command(("sh -c 'cd / && luajit -e \"%s\"'"):format(code), hosts.environment("5.1", {
      LUA_PATH = ("%s/usr/share/lua/5.1/?.lua;%s/usr/share/lua/5.1/?/init.lua"):format(root, root),
      LUA_CPATH = ("%s/usr/lib/lua/5.1/?.so"):format(root) }))
    assert.matches("^%d+%.%d+%.%d+\ttrue\ttable.*\n@marea/check%.lua\n$", output)
    hosts.make(("uninstall DESTDIR=%s PREFIX=/usr LUA_VERSION=5.1"):format(root))
    local left = assert(io.popen("find " .. root .. " -type f | wc -l"))
    assert.equal(0, left:read("*n"))
    left:close()
    os.execute("rm -rf " .. root)
  end)
end)
