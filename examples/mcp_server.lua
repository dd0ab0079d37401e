-- SPDX-License-Identifier: MIT
-- A server of tools, as small as one can be: the Model Context Protocol on stdin and
-- stdout, a message a line. examples/mcp.lua starts it.

local json = require("marea").json

local notes = {}

local tools = {
  { name = "add_note", description = "Writes a note down",
    inputSchema = { type = "object", properties = { text = { type = "string" } }, required = { "text" } } },
  { name = "list_notes", description = "All notes", inputSchema = { type = "object" } },
}

local function text(what)
  return { content = { { type = "text", text = what } } }
end

local run = {
  add_note = function(args)
    notes[#notes + 1] = args.text
    return text(("There are %d notes."):format(#notes))
  end,
  list_notes = function() return text(table.concat(notes, "\n")) end,
}

local answers = {
  initialize = function(params)
    return { protocolVersion = params.protocolVersion, capabilities = { tools = {} },
      serverInfo = { name = "notes", version = "1" } }
  end,
  ["tools/list"] = function() return { tools = tools } end,
  ["tools/call"] = function(params) return run[params.name](params.arguments) end,
}

for line in io.lines() do
  local message = assert(json.decode(line))
  local answer = answers[message.method]
  if message.id and answer then
    io.write(json.encode { jsonrpc = "2.0", id = message.id, result = answer(message.params or {}) }, "\n")
    io.flush()
  end
end
