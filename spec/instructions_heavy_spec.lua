-- SPDX-License-Identifier: MIT
-- What a chunk and a request may cost beyond what bare libcurl takes for them, in
-- instructions, as valgrind counts them: a time would measure the machine, a
-- count is the same on a busy one to a few in a hundred. A long run less a
-- short one leaves nothing of what starting costs. The bounds are some twelve in
-- a hundred above what was counted when they were set; whoever makes
-- something cheaper lowers them.
--
-- Most of what is counted is C, the same for every Lua: one is enough.

if _VERSION ~= "Lua 5.4" or os.getenv("MAREA_SANITIZED") then return end

local BUILD = "make -s build/bench/server build/bench/floor >/dev/null"
local COUNT = "valgrind --tool=callgrind --callgrind-out-file=/dev/null %s 2>&1 </dev/null"
local FIREHOSE = { floor = "firehose %s/separate/%d/v1/c", marea = "%s/separate/%d/v1" }
local SMALL = { floor = "small %s/small/v1/c %d 16", marea = "%s/small/v1 %d 16" }
local LISTS, NUMBERS = "%s/embed/64/4096/float/v1 %d", 64 * 4096
local FIRST = { floor = "first %s/firehose/8/v1/c %d", marea = "%s/firehose/8/v1 %d" }

-- What is run, with each size, and how many instructions each more may take
-- beyond the floor's.
local works = {
  { name = "a chunk read as text", script = "firehose_text", of = FIREHOSE, sizes = { 2000, 12000, 32000 },
    most = 2070 },
  { name = "a chunk read as an event", script = "firehose_events", of = FIREHOSE, sizes = { 2000, 12000 },
    most = 4900 },
  { name = "a chunk read as a table", script = "firehose_chunks", of = FIREHOSE, sizes = { 2000, 12000 },
    most = 10250 },
  { name = "a small completion", script = "small", of = SMALL, sizes = { 100, 2100 }, most = 139000 },
  { name = "a stream begun, and its eight chunks", script = "first", of = FIRST, sizes = { 100, 500 }, most = 306000 },
}

local function instructions(run)
  local output = run:read("a")
  assert(run:close(), output)
  return tonumber(output:match("Collected : (%d+)")) or error("nothing was counted:\n" .. output, 0)
end

-- Runs of growing sizes, side by side; what one more costs from each to the next.
local function costs(program, arguments, sizes, url)
  local runs, found = {}, {}
  for i, size in ipairs(sizes) do
    runs[i] = assert(io.popen(COUNT:format(program .. " " .. arguments:format(url, size))))
  end
  for i, run in ipairs(runs) do runs[i] = instructions(run) end
  for i = 2, #runs do
    found[i - 1] = (runs[i] - runs[i - 1]) / (sizes[i] - sizes[i - 1])
  end
  return found
end

describe("instructions", function()
  local server, url
  local floors = {}

  setup(function()
    assert(os.execute(BUILD))
    server = assert(io.popen("exec build/bench/server 0"))
    url = "http://127.0.0.1:" .. server:read("l"):match("listening (%d+)")
  end)

  -- It ends when nobody reads what it prints.
  teardown(function() server:close() end)

  -- The sizes of one work will do for all of its kind.
  local function floor_of(work)
    local kind = work.of
    floors[kind] = floors[kind] or costs("build/bench/floor", kind.floor, { work.sizes[1], work.sizes[2] }, url)[1]
    return floors[kind]
  end

  for _, work in ipairs(works) do
    it(("%s takes at most %d more than libcurl"):format(work.name, work.most), function()
      work.found = costs("lua5.4 spec/bench/marea/" .. work.script .. ".lua", work.of.marea, work.sizes, url)
      local own = work.found[1] - floor_of(work)
      assert.is_true(own <= work.most, ("%.0f instructions"):format(own))
    end)
  end

  it("a number in a list of 4,096 takes at most 180 to be decoded", function()
    local found = costs("lua5.4 spec/bench/marea/decode.lua", LISTS, { 1, 4 }, url)[1] / NUMBERS
    assert.is_true(found <= 180, ("%.0f instructions"):format(found))
  end)

  it("a chunk takes no more in a longer stream", function()
    local early, late = table.unpack(works[1].found)
    assert.is_true(late <= early * 1.05, ("%.0f instructions, then %.0f"):format(early, late))
  end)
end)
