-- SPDX-License-Identifier: MIT
-- The code in the README, and in those of directories it leads to, runs as
-- printed, against the bundled provider.

local child = require("spec.support.child")
local server = require("spec.support.server")

-- What a reader has at hand: the names of the first blocks.
local PRELUDE = [[
  local base_url = ...
  local marea = require "marea"
  marea.providers.nan.base_url = base_url
  local client = marea.client { provider = "nan" }
  local _ = client
  do
]]

local function read(path)
  local file = assert(io.open(path))
  local text = file:read("*a")
  file:close()
  return text
end

-- Blocks that say so, with the heading they stand under.
local function runnable(text)
  local blocks = {}
  local heading = "the first"
  for line_or_block in (text:gsub("<!%-%- run %-%->\n```lua\n(.-)```", function(code)
    blocks[#blocks + 1] = code
    return "@" .. #blocks .. "\n"
  end)):gmatch("[^\n]+") do
    local number = line_or_block:match("^@(%d+)$")
    heading = line_or_block:match("^#+ (.+)$") or heading
    if number then blocks[tonumber(number)] = { code = blocks[tonumber(number)], under = heading } end
  end
  return blocks
end

local expected = {
  marea = 'Why is the sea salty%?"\n.*\n\t\t\t tide%?"\n.*\n\t\t\t\t\t\t wave%?"\n',
  Files = "^%d+\taudio/mpeg\n0.*\tA script heard %d+ bytes of speech.mp3%.\n$",
  ["Named options"] = "What is 2 %+ 2%?",
  Calls = "What is a tide%?.*stop\t%d+\n$",
  Streams = "Tell me of the sea%.",
  Errors = "^not_found.*not_found\t404\n$",
  Tasks = '^3\t.*"tres"\n$',
  Agents = "get_weather returned .*Madrid.*get_weather returned .*Lugo",
  ["A person decides"] = "^remove_file\tnotes\ndone\n$",
  ["Answers as tables"] = "^Ada\t3\n$",
  JSON = '^{"id":9007199254740993,"options":{},"tools":%[%]}\n{.*}\n$',
}

local AGENTS, PROVIDERS = "lua/marea/agent/README.md", "lua/marea/providers/README.md"
local pages = { "README.md", AGENTS, PROVIDERS, "lua/README.md", "csrc/README.md" }

-- Where a link of a page leads to.
local function resolve(page, target)
  local path = (page:match("^(.*/)") or "") .. target:gsub("/$", "")
  local n
  repeat path, n = path:gsub("[^/.]+/%.%./", "", 1) until n == 0
  return path
end

-- The names that the lines of a list of files begin with, up to a wide gap.
local function names_in(page)
  local named = {}
  for line in read(page):match("```\n(.-)```"):gmatch("[^\n]+") do
    for name in (line .. "   "):match("^(.-)   "):gmatch("%S+") do named[name] = true end
  end
  return named
end

describe("the README", function()
  local text = read("README.md")
  local blocks = runnable(text .. read(AGENTS))

  it("shows code that runs", function()
    assert.is_true(#blocks >= 14, #blocks .. " blocks")
  end)

  for _, block in ipairs(blocks) do
    it("is right under " .. block.under, function()
      local f = server.shared():script({}, { serve = true })
      local output, status = child.code(PRELUDE .. block.code .. "\nend",
        { f.url .. "/nan/v1" }, { NAN_API_KEY = "sk-tu-key-aqui" })
      assert.equal(0, status, output)
      assert.is_nil(output:find("\tnil\n", 1, true), output)
      local pattern = expected[block.under]
      if pattern then assert.is_truthy(output:find(pattern), output) end
    end)
  end

  it("names only what is there", function()
    local marea = require("marea")
    local n = 0
    for _, page in ipairs(pages) do
      for name in read(page):gmatch("%f[%w_]marea%.([%a_]+)%f[^%w_]") do
        local is_module = name == "core" or name == "net" or name == "lua" or name == "doctor" or name == "h"
        assert.is_true(is_module or marea[name] ~= nil, "marea." .. name)
      end
      for target in read(page):gmatch("%]%(([%w/._]+)[#)]") do
        local file = io.open(resolve(page, target))
        assert.is_truthy(file, page .. ": " .. target)
        file:close()
        n = n + 1
      end
    end
    assert.is_true(n > 30, n .. " links")
  end)

  it("leads to headings that are there", function()
    for _, page in ipairs(pages) do
      for target, anchor in read(page):gmatch("%]%(([%w/._]*)#([%w-]+)%)") do
        local found = false
        for heading in read(target == "" and page or resolve(page, target)):gmatch("\n#+ ([^\n]+)") do
          found = found or heading:lower():gsub("[^%w -]", ""):gsub(" ", "-") == anchor
        end
        assert.is_true(found, page .. ": " .. target .. "#" .. anchor)
      end
    end
  end)

  it("has a place in its tree for every file", function()
    local c, lua = names_in("csrc/README.md"), names_in("lua/README.md")
    for path in child.command("ls csrc/*.c lua/marea/*.lua lua/marea/*/*.lua"):gmatch("%S+") do
      local named = path:find("^csrc") and c or lua
      local name = path:gsub("^csrc/", ""):gsub("^lua/marea/", ""):gsub("%.%w+$", "")
      assert.is_true(named[name] or named[name:gsub("/.*$", "/*")], path)
    end
  end)

  it("names every kind of error", function()
    local kinds = text:match("\n## Errors\n(.-)\n## ")
    for _, kind in ipairs(require("marea.error").kinds) do
      assert.is_truthy(kinds:find("\n|[^|]*`" .. kind .. "`"), kind)
    end
  end)

  it("has its tables of providers as the presets have it: `make readme` sees to that", function()
    local table_of = require("spec.support.provider_table")
    local tables = read(PROVIDERS)
    assert.is_true(table_of.put(tables) == tables, "the tables are stale: make readme")
    for _, name in ipairs(require("marea.providers").names()) do
      assert.is_truthy(tables:find("\n| `" .. name .. "` | ", 1, true), name)
      assert.is_truthy(text:match("\n### Providers\n(.-)\n### "):find("`" .. name .. "`", 1, true), name)
    end
  end)

  it("lists every target it tells to make", function()
    local makefile = read("Makefile")
    local n = 0
    for target in text:gmatch("[`\n]make ([%a][%w-]*)") do
      n = n + 1
      assert.is_truthy(makefile:find("\n" .. target:gsub("%-", "%%-") .. ":"), "make " .. target)
    end
    assert.is_true(n >= 6, n .. " found")
  end)
end)
