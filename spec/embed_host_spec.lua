-- SPDX-License-Identifier: MIT
-- A C program with Lua and the whole of marea inside (examples/embed), which
-- looks for nothing in files.

local child = require("spec.support.child")
local daemon = require("spec.support.daemon")
local hosts = require("spec.support.hosts")
local server = require("spec.support.server")

-- No module can be found in a file: not by these paths, nor from that directory.
local NOWHERE = { LUA_PATH = "", LUA_CPATH = "", LUA_PATH_5_4 = false, LUA_CPATH_5_4 = false,
  LUA_PATH_5_3 = false, LUA_CPATH_5_3 = false }

local ROOM = hosts.tree() .. "/examples/embed/room.lua"

local function sorted_lines(text)
  local lines = {}
  for line in text:gmatch("[^\n]+") do lines[#lines + 1] = line end
  table.sort(lines)
  return table.concat(lines, "\n")
end

local function said(...)
  local lines = {}
  for _, room in ipairs { ... } do
    lines[#lines + 1] = room .. ': Brina says A script, not a model, answers. You said: "What is a tide?"'
    lines[#lines + 1] = room .. ': Pinza says A script, not a model, answers. You said: "What is a wave?"'
  end
  return sorted_lines(table.concat(lines, "\n"))
end

local function shell(command)
  return child.command("sh -c '" .. command .. "'", { MAKEFLAGS = false, MAKELEVEL = false })
end

for _, version in ipairs { "5.4", "5.1", "5.3" } do
  describe("a C program with Lua " .. version .. " inside", function()
    local s
    local build = hosts.tree() .. "/build/" .. version
    setup(function()
      s = server.shared()
      hosts.make("-C examples/embed LUA_VERSION=" .. version)
    end)

    local function run(arguments, room, before)
      return child.command(("%s %s/embed %s %s bundled-echo %s"):format(before or "", build, room or ROOM,
        s.base_url, arguments), NOWHERE)
    end

    -- Runs a room whose script is this.
    local function in_room(code, arguments, before)
      local path = os.tmpname()
      daemon.write(path, "local base_url, model = ...\nlocal marea = require 'marea'\n" .. code)
      local output, status = run(arguments or "one", path, before)
      os.remove(path)
      return output, status
    end

    it("ticks several states from one loop", function()
      local output, status = run("one two three")
      assert.equal(said("one", "two", "three"), sorted_lines(output))
      assert.equal(0, status)
    end)

    it("runs a state in each of its threads", function()
      local output, status = run("--threads one two three four")
      assert.equal(said("one", "two", "three", "four"), sorted_lines(output))
      assert.equal(0, status)
    end)

    it("has every module inside", function()
      local files = assert(io.popen("find lua -name '*.lua' | sort"))
      local names = {}
      for path in files:lines() do
        local name = path:match("^lua/(.*)%.lua$"):gsub("/init$", ""):gsub("/", ".")
        -- one is a program, and ends; the other is for editors alone
        local ordinary = name ~= "marea.doctor" and name ~= "marea.types"
        if ordinary then names[#names + 1] = ("%q"):format(name) end
      end
      files:close()
      local output, status = in_room(([[
        for _, name in ipairs { %s } do assert(require(name), name) end
        say(tostring(require "marea" == marea))
        say(debug.getinfo(marea.client, "S").source)
        function tick() return false end
      ]]):format(table.concat(names, ", ")))
      assert.equal("one: true\none: @marea/client.lua\n", output)
      assert.equal(0, status)
    end)

    if version == "5.3" then return end       -- what follows is C's, and the same

    it("may end with everything in flight", function()
      for _, arguments in ipairs { "one two", "--threads one two" } do
        local output, status = in_room([[
          local client = marea.client { base_url = base_url, model = model, headers = { ["x-delay-ms"] = "100" } }
          local begun = 0
          for _ = 1, 5 do
            marea.spawn(function()
              local stream = assert(client.chat.completions:create { stream = true,
                messages = { { role = "user", content = "Hola" } } })
              stream:next()
              begun = begun + 1
              stream:result()
            end)
          end
          function tick() marea.step() return begun < 5 end
        ]], arguments)
        assert.equal("", output)
        assert.equal(0, status)
      end
    end)

    it("gets a task's error with its place", function()
      local output, status = in_room([[
        marea.spawn(function() error "lost and found" end)
        function tick() marea.step() return true end
      ]])
      assert.matches("^one: .*lost and found\nstack traceback", output)
      assert.equal(1, status)
    end)

    it("sees one name of the library, and nothing that could be taken for one of its own", function()
      local output = shell("nm -g --defined-only " .. build .. "/libmarea.a")
      local names = {}
      for name in output:gmatch("%x+ %a ([%w_]+)") do names[#names + 1] = name end
      assert.same({ "luaopen_marea" }, names)
    end)

    if version ~= "5.4" then return end

    it("may have it in a shared library, too", function()
      local dir = daemon.directory()
      daemon.write(dir .. "/main.c", [[
        #include <lauxlib.h>
        #include <lualib.h>
        #include "marea.h"
        int main (void) {
          lua_State *L = luaL_newstate();
          luaL_openlibs(L);
          lua_pushcfunction(L, luaopen_marea);
          lua_call(L, 0, 0);
          return luaL_dostring(L, "print(require 'marea.net' ~= nil, package.loaded.marea == require 'marea')");
        }
      ]])
      local output, status = shell(("cd %s && cc -shared -o libgame.so -Wl,--whole-archive %s/libmarea.a "
        .. "-Wl,--no-whole-archive $(pkg-config --libs libcurl libuv) -lm && "
        .. "cc -I%s/csrc $(pkg-config --cflags lua5.4) main.c -L. -lgame $(pkg-config --libs lua5.4) "
        .. "-Wl,-rpath,%s -o main"):format(dir, build, hosts.tree(), dir))
      assert.equal(0, status, output)
      assert.equal("true\ttrue\n", (child.command(dir .. "/main", NOWHERE)))
      os.execute("rm -rf " .. dir)
    end)

    it("is told what it does wrong", function()
      local program = os.tmpname()
      local output, status = shell(("cc -D_GNU_SOURCE -Icsrc $(pkg-config --cflags lua5.4) -o %s spec/c/embed_faults.c "
        .. "%s/libmarea.a $(pkg-config --libs lua5.4 libcurl libuv) -lm -lpthread"):format(program, build))
      assert.equal(0, status, output)
      local function case(name) return (child.command(program .. " " .. name, NOWHERE)) end
      assert.matches("marea needs the package library: call luaL_openlibs first", case("bare"), 1, true)
      assert.equal("true\ttrue\n", case("twice"))
      assert.equal("ended well\n", case("handed_over"))
      output = case("two_threads")
      local refusal = "marea was loaded by another thread: each thread needs a Lua state of its own"
      assert.equal(2, select(2, output:gsub(refusal, "")), output)
      assert.matches("the first goes on\n$", output)
      os.remove(program)
    end)

    it("leaves no memory behind", function()
      local output, status = run("--threads one two", nil,
        "valgrind -q --error-exitcode=99 --leak-check=full --errors-for-leak-kinds=definite")
      assert.equal(said("one", "two"), sorted_lines(output))
      assert.equal(0, status)
    end)
  end)
end

describe("libmarea.a", function()
  it("is the same from the same files", function()
    local first = shell("sh csrc/bundle.sh lua/marea/init.lua lua/marea/task.lua | md5sum")
    assert.equal(first, (shell("sh csrc/bundle.sh lua/marea/task.lua lua/marea/init.lua | md5sum")))
    hosts.make("static LUA_VERSION=5.4 BUILD_DIR=build/5.4")
    assert.matches(" 1970 ", (shell("TZ=UTC ar tv build/5.4/libmarea.a")))
    local before = shell("stat -c %y build/5.4/libmarea.a")
    hosts.make("static LUA_VERSION=5.4 BUILD_DIR=build/5.4")
    assert.equal(before, (shell("stat -c %y build/5.4/libmarea.a")))
  end)
end)
