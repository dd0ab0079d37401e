-- SPDX-License-Identifier: MIT
-- The modules as they are built for use: what is linked can't be overwritten,
-- stacks are guarded, and what the C library can check it does. A build for a
-- sanitizer has none of this, and needs none.

local function output(command)
  local pipe = assert(io.popen(command .. " 2>&1"))
  local text = pipe:read("*a")
  pipe:close()
  return text
end

local function path_of(module)
  local name = module:gsub("%.", "/")
  for template in package.cpath:gmatch("[^;]+") do
    local path = template:gsub("%?", name)
    local file = io.open(path)
    if file then
      file:close()
      return path
    end
  end
end

local is_elf = output("uname"):find("^Linux") and not os.getenv("MAREA_SANITIZED")

for _, module in ipairs(is_elf and { "marea.core", "marea.net" } or {}) do
  describe(module, function()
    local path = path_of(module)
    local headers, dynamic, symbols

    setup(function()
      headers, dynamic = output("readelf -lW " .. path), output("readelf -dW " .. path)
      symbols = output("readelf --dyn-syms -W " .. path)
    end)

    it("is read-only where it has been linked, which is all of it at once", function()
      assert.truthy(headers:find("GNU_RELRO", 1, true), headers)
      assert.truthy(dynamic:find("BIND_NOW", 1, true) or dynamic:find("Flags:[%u ]*NOW"), dynamic)
    end)

    it("has no stack that could be run", function()
      local flags = headers:match("GNU_STACK[^\n]* (R[W ][E ])")
      assert.equal("RW ", flags)
    end)

    it("guards its stacks", function()
      assert.truthy(symbols:find("__stack_chk_fail", 1, true), symbols)
    end)

    it("calls what checks sizes", function()
      assert.truthy(symbols:find("__%w+_chk"), symbols)
    end)

    it("shows nothing but how it is opened", function()
      for line in symbols:gmatch("[^\n]+") do
        local name = line:match("GLOBAL +DEFAULT +%d+ (%S+)")
        if name then assert.truthy(name:find("^luaopen_marea_"), name) end
      end
    end)
  end)
end
