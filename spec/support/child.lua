-- SPDX-License-Identifier: MIT
-- Runs Lua in a process of its own, with this process's interpreter and paths:
-- for what can be done once in a process, such as attaching to a loop, or what
-- ends it.

local child = {}

local SECONDS = 90     -- what builds takes a while where all is busy

local function quote(word)
  return "'" .. tostring(word):gsub("'", "'\\''") .. "'"
end

local function interpreter()
  if rawget(_G, "jit") then return "luajit" end
  return "lua" .. _VERSION:match("%d%.%d")
end

-- A sanitizer, taken out of the environment once this process ran, must come
-- first in any other that loads what was built with it.
local function preload()
  if not os.getenv("MAREA_SANITIZED") then return "" end
  local file = assert(io.open("/proc/self/environ", "rb"))
  local library = file:read("*a"):match("LD_PRELOAD=([^%z]*libasan[^%z]*)")
  file:close()
  return library and "LD_PRELOAD=" .. quote(library) .. " " or ""
end

local function environment(variables)
  local words = {}
  for name, value in pairs(variables or {}) do
    words[#words + 1] = value and name .. "=" .. quote(value) or "-u " .. name
  end
  table.sort(words)   -- `env` wants its options first
  return "env " .. table.concat(words, " ") .. " "
end

---Runs a command of the shell's. Returns what it wrote, standard error included,
---and its exit status. `variables`: environment, `false` unsets one; `input`:
---what it reads, a line or so.
---@return string, integer
function child.command(command, variables, before, input)
  command = environment(variables) .. (before or "") .. "timeout -k 1 " .. SECONDS .. " " .. command
  local from = input and "printf '%s' " .. quote(input) .. " | " or ""
  local pipe = assert(io.popen(from .. "{ " .. command .. "; } 2>&1" .. (input and "" or " </dev/null")
    .. "; echo \"exit $?\""))
  local output, status = pipe:read("*a"):match("^(.*)exit (%d+)\n$")
  pipe:close()
  return output, tonumber(status)
end

---Runs a file with arguments. Returns what it wrote, standard error included,
---and its exit status. `variables`: environment, `false` unsets one; `input`:
---what it reads, a line or so.
---@return string, integer
function child.file(path, arguments, variables, input)
  local words = { quote(path) }
  for _, argument in ipairs(arguments or {}) do words[#words + 1] = quote(argument) end
  return child.command(interpreter() .. " " .. table.concat(words, " "), variables, preload(), input)
end

local function with_file(code, run)
  local path = os.tmpname()
  local file = assert(io.open(path, "w"))
  file:write(code)
  file:close()
  local output, status = run(path)
  os.remove(path)
  return output, status
end

---Runs code, whose `...` are the arguments.
---@return string, integer
function child.code(code, arguments, variables)
  return with_file(code, function(path) return child.file(path, arguments, variables) end)
end

local function limited(limit, code, argument)
  return with_file(code, function(path)
    return child.command(("sh -c 'ulimit %s; exec %s %s %s'"):format(limit, interpreter(), path, argument),
      nil, preload())
  end)
end

---Runs code, whose `...` is the argument, where only so many files can be open.
---@return string, integer
function child.starved(descriptors, code, argument)
  return limited("-n " .. descriptors, code, argument)
end

---The same, where C's stack has only so many KiB.
---@return string, integer
function child.shallow(kib, code, argument)
  return limited("-s " .. kib, code, argument)
end

return child
