-- SPDX-License-Identifier: MIT
-- The doctor says what is there, and the cure of what isn't. What can be made to
-- fail is; the rest is told of a libcurl that was built otherwise.

local child = require("spec.support.child")

local EXAMINE = 'require "marea.doctor"'

local function examine(variables, before)
  return child.code((before or "") .. "\n" .. EXAMINE, {}, variables)
end

local function line(output, what)
  for mark, name, says in ("\n" .. output):gmatch("\n(%a+) +(%S[^\n]-)  +([^\n]*)") do
    if name == what then return mark, says end
  end
end

-- The bad line about `what` says this, and its cure that.
local function finds(output, what, says, cure)
  local escaped = what:gsub("%W", "%%%0")
  local found, remedy = ("\n" .. output):match("\nBAD " .. escaped .. " +([^\n]*)\n +cure: ([^\n]*)")
  assert.is_truthy(found, output)
  assert.matches(says, found)
  assert.matches(cure, remedy)
end

describe("the doctor", function()
  it("tells the version of everything, and ends well where all is", function()
    local output, status = examine { http_proxy = false, https_proxy = false, all_proxy = false,
      HTTPS_PROXY = false, ALL_PROXY = false }
    assert.equal(0, status, output)
    for what, says in pairs {
      ["Lua"] = rawget(_G, "jit") and "^LuaJIT" or "^Lua 5", marea = "^%d+%.%d+%.%d+, from ", ["marea.core"] = "loaded",
      ["marea.net"] = "loaded", libcurl = "^%d+%.%d+%.%d+: .*tls", libuv = "^%d+%.%d+", TLS = "%d",
      ["CA file"] = "^/", driver = "libuv", proxy = "none", cjson = "null", luv = "attach",
      ["request to 127.0.0.1"] = "answered",
    } do
      local mark, found = line(output, what)
      assert.equal("ok", mark, what .. ": " .. output)
      assert.matches(says, found)
    end
    assert.matches("all is well\n$", output)
  end)

  it("says where the library is read from, also where Lua can't look for it", function()
    local _, says = line(examine({}, "package.searchpath = nil"), "marea")
    assert.matches("^%d+%.%d+%.%d+, from [./].*lua/marea$", says)
    _, says = line(examine({}, [[
      local text = io.open "lua/marea/diagnosis.lua":read "*a"
      package.preload["marea.diagnosis"] = (loadstring or load)(text, "@marea/diagnosis.lua") ]]), "marea")
    assert.matches(", from memory$", says)
  end)

  it("is run by name", function()
    local output, status = child.file("-l", { "marea.doctor" })
    assert.equal(0, status, output)
    assert.matches("all is well\n$", output)
  end)

  it("names the proxies in force, and blanks their credentials", function()
    local output, status = examine { https_proxy = "http://user:secret@proxy.example:3128",
      all_proxy = "me:hidden@other:1", no_proxy = "localhost", HTTPS_PROXY = false, http_proxy = false }
    assert.equal(0, status, output)
    assert.equal("http://[redacted]@proxy.example:3128 (from https_proxy)", select(2, line(output, "https proxy")))
    assert.equal("[redacted]@other:1 (from all_proxy)", select(2, line(output, "http proxy")))
    assert.equal("for localhost", select(2, line(output, "no proxy")))
    assert.is_nil(output:find("secret", 1, true))
    assert.is_nil(output:find("hidden", 1, true))
  end)

  it("names the keys that are there, never a key", function()
    local output = examine { NAN_API_KEY = "sk-very-secret", GROQ_API_KEY = "" }
    assert.matches("NAN_API_KEY", (select(2, line(output, "keys"))))
    assert.is_nil(output:find("GROQ_API_KEY", 1, true))
    assert.is_nil(output:find("sk-very-secret", 1, true))
  end)

  it("finds a library that isn't built", function()
    local output, status = examine({}, 'package.cpath = "/nonexistent/?.so"')
    assert.equal(1, status)
    finds(output, "marea.core", "not found", "make LUA_VERSION=%d%.%d, or luarocks")
    finds(output, "marea.net", "not found", "make LUA_VERSION=%d%.%d, or luarocks")
    assert.equal("ok", (line(output, "cjson")))
    assert.matches("2 things are wrong\n$", output)
  end)

  it("finds one that was built for something else", function()
    local output, status = examine({}, [[
      local dir = os.tmpname()
      os.remove(dir)
      os.execute("mkdir -p " .. dir .. "/marea && echo nonsense > " .. dir .. "/marea/net.so")
      package.cpath = dir .. "/?.so;" .. package.cpath
    ]])
    assert.equal(1, status)
    finds(output, "marea.net", "error loading", "built for another Lua or another machine")
    assert.matches("one thing is wrong\n$", output)
  end)

  it("finds that hardly a file can be opened", function()
    for _, most in ipairs { 8, 14 } do
      local output, status = child.starved(most, EXAMINE, "")
      assert.equal(1, status, output)
      finds(output, "open files", "room for %d+ more", "ulimit")
      assert.matches("one thing is wrong\n$", output)
    end
  end)

  local otherwise = {
    ["a library of the system's that is missing"] = { "marea.net", "libcurl%.so%.4", "^install libcurl", [[
      package.preload["marea.net"] = function()
        error("error loading module 'marea.net' from file '/x/net.so':\n\t"
          .. "libcurl.so.4: cannot open shared object file: No such file or directory", 0)
      end ]] },
    ["a libcurl that is too old"] = { "libcurl", "^7%.64%.0", "7%.80 or newer",
      'versions.libcurl, versions.libcurl_number = "7.64.0", 0x074000' },
    ["a libcurl whose look-ups block"] = { "libcurl", "blocks", "threaded resolver",
      "features.asynchronous_dns = false" },
    ["a libcurl without TLS"] = { "TLS", "no https", "libcurl with TLS", "features.tls, versions.tls = false, nil" },
    ["certificates that are not there"] = { "CA file", "/nowhere/ca%.pem can't be read", "ca%-certificates.*ca_file",
      'features.ca_file = "/nowhere/ca.pem"' },
    ["no certificates at all"] = { "CA file", "knows of none", "ca%-certificates.*ca_file",
      "features.ca_file, features.ca_path = nil, nil" },
    ["nobody who answers on this machine"] = { "request to 127.0.0.1", "timed out", "firewall", [[
      net.loopback = function()
        local server, port = loopback()
        return { answer = function() return false end, close = function() server:close() end }, port
      end ]] },
    ["no socket on this machine"] = { "request to 127.0.0.1", "no socket", "firewall",
      'net.loopback = function() return nil, "no socket on 127.0.0.1" end' },
  }
  for what, case in pairs(otherwise) do
    it("finds " .. what, function()
      local before = case[4]
      if not before:find("preload", 1, true) then
        before = [[
          local net = require "marea.net"
          local versions, features, loopback = net.versions(), net.features(), net.loopback
          net.versions = function() return versions end
          net.features = function() return features end
          ]] .. before
      end
      local output, status = examine({}, before)
      assert.equal(1, status, output)
      finds(output, case[1], case[2], case[3])
      assert.matches("one thing is wrong\n$", output)
    end)
  end

  it("finds a Lua that marea does not run on", function()
    local output = examine({}, 'jit, _VERSION = nil, "Lua 5.1"')
    finds(output, "Lua", "Lua 5%.1", "5%.4, 5%.3 or LuaJIT")
  end)
end)
