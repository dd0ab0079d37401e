-- SPDX-License-Identifier: MIT
-- What the specs of real hosts share. A host brings its own Lua, whatever the
-- specs run on: the tree must be built for that.

local child = require("spec.support.child")

local hosts = {}

---What code in a host writes its findings with: `out` writes a line.
hosts.OUT = [[
local function out(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  io.stdout:write(table.concat(words, " "), "\n")
  io.stdout:flush()
end
]]

-- Nothing of this machine's own environment must choose a provider.
local KEYS = { "NAN_API_KEY", "HELMCODE_API_KEY", "GRADIENTESUR_API_KEY", "NANOGPT_API_KEY",
  "SAPTIVA_API_KEY", "SWISSAI_API_KEY", "OPENAI_API_KEY", "OPENROUTER_API_KEY", "GROQ_API_KEY",
  "MISTRAL_API_KEY", "DEEPSEEK_API_KEY", "TOGETHER_API_KEY", "FIREWORKS_API_KEY",
  "CEREBRAS_API_KEY", "XAI_API_KEY", "GEMINI_API_KEY",
  "MAREA_PROVIDER", "MAREA_BASE_URL", "MAREA_MODEL", "MAREA_API_KEY" }

---Variables with which no provider is named, but for those given.
function hosts.bare(variables)
  local out = {}
  for _, name in ipairs(KEYS) do out[name] = false end
  for name, value in pairs(variables or {}) do out[name] = value end
  return out
end

---Runs make as if this were not inside of one. Raises what it says if it fails.
function hosts.make(words)
  local output, status = child.command("make -s " .. words, { MAKEFLAGS = false, MAKELEVEL = false })
  if status ~= 0 then error("make " .. words .. ":\n" .. output, 2) end
end

local built = {}

---Builds the tree for a version, once.
function hosts.build(version)
  if not built[version] then hosts.make("all LUA_VERSION=" .. version .. " BUILD_DIR=build/" .. version) end
  built[version] = true
end

local top

---The tree's own path.
function hosts.tree()
  if top then return top end
  local pipe = assert(io.popen("pwd -P"))
  top = pipe:read("*l")
  pipe:close()
  return top
end

---Variables for a program whose Lua is of that version: it finds the tree.
function hosts.environment(version, variables)
  local tree = hosts.tree()
  local all = hosts.bare {
    LUA_PATH = ("%s/lua/?.lua;%s/lua/?/init.lua;%s/?.lua;;"):format(tree, tree, tree),
    LUA_CPATH = ("%s/build/%s/?.so;;"):format(tree, version),
    LUA_PATH_5_3 = false, LUA_PATH_5_4 = false, LUA_CPATH_5_3 = false, LUA_CPATH_5_4 = false,
  }
  for name, value in pairs(variables or {}) do all[name] = value end
  return all
end

return hosts
