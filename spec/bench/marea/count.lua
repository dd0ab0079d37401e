-- SPDX-License-Identifier: MIT
-- count.lua BASE_URL COUNT...: the instructions a chunk takes in streams of growing
-- length, as valgrind counts them: those of a stream less those of the next
-- shorter one, so that beginning, ending and the process itself are in none.

local COUNT = "valgrind --tool=cachegrind --cache-sim=no --cachegrind-out-file=/dev/null"
  .. " %s spec/bench/marea/firehose_text.lua %s/separate/%s/v1 2>&1"

local function count(size)
  local pipe = assert(io.popen(COUNT:format(arg[-1], arg[1], size)))
  local output = pipe:read("*a")
  pipe:close()
  local refs = output:match("I%s+refs:%s*([%d,]+)")
  if not refs or tonumber(output:match('"pieces":(%d+)')) ~= tonumber(size) then
    io.stderr:write(output:match("[^\n]*"), "\n")
    os.exit(1)
  end
  return tonumber((refs:gsub(",", "")))
end

local dearest, cheapest, before = 0, math.huge, count(arg[2])
for i = 3, #arg do
  local now = count(arg[i])
  local each = (now - before) / (tonumber(arg[i]) - tonumber(arg[i - 1]))
  dearest, cheapest, before = math.max(dearest, each), math.min(cheapest, each), now
end
print(('{"dearest":%.17g,"spread":%.17g}'):format(dearest, dearest / cheapest))
