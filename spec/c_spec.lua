-- SPDX-License-Identifier: MIT
-- The C parts that call neither Lua nor libcurl, each by a program of its own
-- (spec/c), built with the compiler's checks of addresses and of undefined
-- behaviour. A program prints a line for every case; each case is a spec here.

local DIR = "build/spec/"
local FLAGS = "-std=c99 -D_GNU_SOURCE -g -O1 -Wall -Wextra -Werror -Wshadow"
  .. " -fsanitize=address,undefined -fno-sanitize-recover=undefined -Icsrc -Ispec/c"
-- where a program must fail rather than be given memory
local RUN = "ASAN_OPTIONS=detect_leaks=1:allocator_may_return_null=1 UBSAN_OPTIONS=print_stacktrace=1 "

-- whether one built before, for another Lua, will do
local FRESH = '[ -e %s ] && [ -z "$(find csrc spec/c spec/c_spec.lua -newer %s)" ]'

local programs = {
  { name = "base64", about = "base64", sources = { "base64" } },
  { name = "buf", about = "the byte queue", sources = { "buf" } },
  { name = "sse", about = "the decoder of event streams", sources = { "buf", "sse" } },
  { name = "work", about = "the work of the decoder of event streams", sources = {} },
  { name = "head", about = "the head of an answer", sources = { "head" } },
  { name = "source", about = "what is sent, and the files it is saved in", sources = { "sink", "source" } },
  { name = "shape", about = "the shape of a chunk", sources = { "shape" } },
  { name = "opening", about = "the opening of a stream", sources = { "json", "opening" } },
  { name = "timers", about = "the timers", sources = { "timers" } },
  { name = "uvdriver", about = "the driver on libuv", sources = { "timers", "uvdriver" }, libs = "-luv" },
}

---What a command prints, errors too, and whether it went well.
local function output(command)
  local pipe = assert(io.popen("{ " .. command .. "; } 2>&1; echo \"status $?\""))
  local text = pipe:read("*a")
  pipe:close()
  local rest, status = text:match("^(.*)status (%d+)\n$")
  return rest or text, status == "0"
end

---Several busted may run at once: a program takes its place when it is whole.
local function build(program)
  local target = DIR .. program.name .. "_test"
  local new = target .. "." .. tostring(program):gsub("%W", "")
  local words = { os.getenv("CC") or "cc", FLAGS, "-o", new, "spec/c/" .. program.name .. "_test.c" }
  for _, source in ipairs(program.sources) do words[#words + 1] = "csrc/" .. source .. ".c" end
  words[#words + 1] = program.libs
  local text, ok = output(("mkdir -p %s && { %s || { %s && mv %s %s; }; }")
    :format(DIR, FRESH:format(target, target), table.concat(words, " "), new, target))
  program.path = ok and target
  return ok, text
end

---What each case came to: true, or why it failed.
local function results(program)
  if program.results then return program.results end
  local text, ok = output(RUN .. program.path)
  program.results, program.text, program.ok = {}, text, ok
  for line in text:gmatch("[^\n]+") do
    local name = line:match("^ok\t(.+)$")
    local bad, why = line:match("^not ok\t([^\t]+)\t(.*)$")
    if name then program.results[name] = true end
    if bad then program.results[bad] = why end
  end
  return program.results
end

local function describe_cases(program)
  local names, listed = output(RUN .. program.path .. " --list")
  assert(listed and names ~= "", names)
  for name in names:gmatch("[^\n]+") do
    it(name, function()
      local result = results(program)[name]
      if result ~= true then error(result or "was not reached:\n" .. program.text, 0) end
    end)
  end
  it("ends without an error of memory or of arithmetic", function()
    results(program)
    assert(program.ok and program.text:match("\nok %d+\n$"), program.text)
  end)
end

for _, program in ipairs(programs) do
  describe(program.about .. " (C)", function()
    local built, text = build(program)
    if built then return describe_cases(program) end
    it("compiles", function() error(text, 0) end)
  end)
end
