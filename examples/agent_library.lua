-- SPDX-License-Identifier: MIT
-- Answers from a folder of text, with citations that are checked:
--   lua examples/agent_library.lua [FOLDER] [QUESTION] [STORE]
-- The files are cut into pieces, each piece has a vector, and the nearest are
-- looked up for a question. With a STORE (SQLite where its module is there) the
-- folder is read once. Nothing is cited that was not looked up: the program sees
-- to that, not the model.

local marea = require "marea"
local common = require "examples.common"

local folder = arg[1] or "examples/library"
local question = arg[2] or "When is the gate of the inner basin open?"
local client = common.client()

local function files_in(path)
  local pipe = assert(io.popen(("find '%s' -type f \\( -name '*.md' -o -name '*.txt' \\) | sort"):format(
    path:gsub("'", "'\\''"))))
  local list = {}
  for line in pipe:lines() do list[#list + 1] = line end
  pipe:close()
  return list
end

local function read(path)
  local file = assert(io.open(path, "rb"))
  local text = file:read "*a"
  file:close()
  return text
end

local memory = common.must(marea.memory.vector { client = client, top_k = 3, path = arg[3] })
if memory:len() == 0 then
  for _, path in ipairs(files_in(folder)) do
    common.must(memory:add(marea.memory.chunk(read(path), { source = path:match "[^/]+$", size = 400, overlap = 60 })))
  end
end
print(("%d pieces of text"):format(memory:len()))

local sources = {}        -- what was looked up, and may be cited

local look_up = marea.tool {
  name = "look_up", description = "Passages of the library about something, each with its source in brackets",
  parameters = { about = "string" },
  run = function(args)
    local list, err = memory:query(args.about)
    if not list then return nil, err end
    local lines = {}
    for i, item in ipairs(list) do
      sources[item.source] = item.text
      lines[i] = ("[%s] %s"):format(item.source, item.text)
    end
    return table.concat(lines, "\n\n")
  end,
}

-- What is in brackets like [tides.md:12] and was not looked up is made up.
local function cited(text)
  local list, wrong = {}, {}
  for source in text:gmatch "%[([^%[%]%s]+:%d+)%]" do
    local into = sources[source] and list or wrong
    into[#into + 1] = source
  end
  return list, wrong
end

local librarian = marea.agent {
  client = client, name = "librarian", tools = { look_up },
  instructions = "You answer from the library alone: look things up, say after each statement where it is from, as "
    .. "[tides.md:12], and say so where the library has no answer.",
  guardrails = { output = { function(text)
    local _, wrong = cited(text)
    if wrong[1] then return "cites what was not looked up: " .. table.concat(wrong, ", ") end
  end } },
}

local result = common.must(marea.console():show(librarian:stream(question)))
print "\nSources:"
for _, source in ipairs((cited(result.output_text))) do
  print(("  %s  %s"):format(source, sources[source]:match "^[^\n]*"))
end
memory:close()
