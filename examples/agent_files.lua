-- SPDX-License-Identifier: MIT
-- An agent that reads and writes the files of one directory, and asks before it
-- writes: lua examples/agent_files.lua DIRECTORY QUESTION
-- Answer y, n, or n and a reason. What is still undecided at the end of input is
-- not done.

local marea = require "marea"
local common = require "examples.common"
local printable = require "marea.printable"

local directory, question = arg[1], arg[2]
if not question then
  io.stderr:write("usage: lua examples/agent_files.lua DIRECTORY QUESTION\n")
  os.exit(2)
end

-- Never out of the directory, whatever the model says.
local function path_of(name)
  if name:find("/") or name:find("^%.") or name == "" then return nil, "no such file: name one without a directory" end
  return directory .. "/" .. name
end

local function read(args)
  local path, why = path_of(args.name)
  local file = path and io.open(path, "rb")
  if not file then return nil, why or "it can't be read" end
  local text = file:read "*a"
  file:close()
  return text
end

local function write(args)
  local path, why = path_of(args.name)
  local file = path and io.open(path, "wb")
  if not file then return nil, why or "it can't be written" end
  file:write(args.text)
  file:close()
  return ("%d bytes written"):format(#args.text)
end

local agent = marea.agent {
  client = common.client(), name = "editor",
  instructions = "You read and change files for the user. Read before you write.",
  tools = {
    marea.tool { name = "read_file", description = "Reads a file", parameters = { name = "string" }, run = read },
    marea.tool { name = "write_file", description = "Writes a file", approve = true,
      parameters = { name = "string", text = "string" }, run = write },
  },
}

local function ask(call)
  local what = marea.json.encode(call.arguments, { sort = true })
  io.write(printable.harmless(("%s(%s): do it? [y/n] "):format(call.name, what)))
  io.flush()
  local answer = io.read "*l" or "n"
  if answer:find "^[yY]" then call:approve() else call:reject(answer:match "^[nN]%s+(.+)$") end
end

local console = marea.console()
local result = console:show(agent:stream(question))
while result and result.stop == "pending" do
  for _, call in ipairs(result.pending) do ask(call) end
  result = console:show(agent:resume(result, nil, { stream = true }))
end
os.exit(result and result.stop == "done" and 0 or 1, true)
