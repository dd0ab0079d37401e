-- SPDX-License-Identifier: MIT
-- A Model Context Protocol server on stdin and stdout that does wrong what it is
-- told to: lua5.4 mcp_server.lua [MODE]. It uses nothing of marea.

local cjson = require("cjson")

local mode = arg[1] or "well"

local function say(message)
  message.jsonrpc = "2.0"
  io.write(cjson.encode(message), "\n")
  io.flush()
end

local function reply(id, result) say { id = id, result = result } end
local function text(id, what) reply(id, { content = { { type = "text", text = what } } }) end

-- Answers as from servers nobody tested.
local odd = {
  ["tools/list"] = [[{"tools":[null,3,{"name":""},{"name":7},{"name":"fine","description":null,"inputSchema":null}]}]],
  ["prompts/list"] = [[{"prompts":[null,"x",{"name":"p"}]}]],
  ["prompts/get"] = [[{"messages":[null,3,{"content":"whose?"},{"role":"user","content":null},
    {"role":"user","content":[null,{"type":"text","text":"a"}]},{"role":"assistant","content":"b"}]}]],
  ["tools/call"] = [[{"content":[null,{"type":"text","text":null},{"type":"image","data":"AAEC"},{"type":"audio",
    "mimeType":null},{"type":"resource","resource":{"uri":null}},
    {"type":"resource_link"},"x",{"type":"text","text":"t"}]}]],
  ["resources/list"] = [[{"resources":[null,{"uri":"spec://a"}]}]],
}
local odd_contents = { ["spec://broken"] = [[{"mimeType":"image/png","blob":"A*"}]],
  ["spec://nothing"] = [[{"mimeType":"image/png"}]], ["spec://number"] = [[{"mimeType":"text/plain","text":3}]],
  ["spec://null"] = "null", ["spec://untyped"] = [[{"mimeType":null,"text":null,"blob":"AAEC"}]] }

local function object(properties)
  return { type = "object", properties = properties or cjson.decode("{}") }
end

local listed = { "echo", "die", "mute", "garbage", "flood", "progress", "change", "ask", "fail", "sleep", "huge" }
local cancelled, asked, waiting = {}, nil, nil

local tools = {}

-- Not listed: an answer as from servers that write out what is absent.
function tools.null_error(id)
  say { id = id, error = cjson.null, result = { content = { { type = "text", text = "fine" } } } }
end

function tools.echo(id, args) text(id, args.text or "nothing") end
function tools.die()
  io.stderr:write("something broke, the key is ", os.getenv("SPEC_KEY") or "none", "\n")
  io.stderr:flush()
  os.exit(tonumber(os.getenv("SPEC_STATUS")) or 3, false)
end
function tools.mute() end
function tools.garbage(id)
  io.write("Welcome!\n\n{not json\n\0\255\n[]\n3\n")
  text(id, "after garbage")
end
function tools.flood(id)
  for i = 1, 4000 do io.stderr:write(("x"):rep(500), i, "\n") end
  text(id, "after the flood")
end
function tools.progress(id, _, meta)
  for i = 1, 3 do
    say { method = "notifications/progress", params = { progressToken = meta.progressToken, progress = i, total = 3 } }
  end
  text(id, "done")
end
function tools.change(id)
  listed[#listed + 1] = "new-tool"
  say { method = "notifications/tools/list_changed" }
  say { method = "notifications/message", params = { level = "info", data = "changed" } }
  text(id, "changed")
end
function tools.ask(id)
  waiting = id
  say { id = "q1", method = "roots/list" }
  say { id = "q2", method = "ping" }
  say { id = "q3", method = "unknown/thing" }
end
function tools.fail(id) reply(id, { isError = true, content = { { type = "text", text = "it can't" } } }) end
function tools.huge(id) text(id, ("h"):rep(3000000)) end
function tools.sleep(id) text(id, table.concat(cancelled, ",")) end

local handlers = {}

function handlers.initialize(id, params)
  if mode == "silent" then return end
  local version = mode:match("^version (.*)$") or params.protocolVersion
  local about, instructions = { name = "spec", version = "1" }, "Be good."
  if mode == "odd" then about, instructions = cjson.null, cjson.null end
  reply(id, { protocolVersion = version, serverInfo = about, instructions = instructions,
    capabilities = { tools = { listChanged = true }, prompts = cjson.decode("{}"),
      resources = cjson.decode("{}") } })
end

-- Three to a page.
handlers["tools/list"] = function(id, params)
  local first = tonumber(params.cursor) or 1
  local page = {}
  for i = first, math.min(first + 2, #listed) do
    page[#page + 1] = { name = listed[i], description = "Does " .. listed[i],
      inputSchema = object(listed[i] == "echo" and { text = { type = "string" } } or nil) }
  end
  reply(id, { tools = page, nextCursor = first + 3 <= #listed and tostring(first + 3) or nil })
end

handlers["tools/call"] = function(id, params)
  local f = tools[params.name]
  if not f then return say { id = id, error = { code = -32602, message = "no such tool: " .. params.name } } end
  f(id, params.arguments, params._meta or {})
end

handlers["notifications/cancelled"] = function(_, params) cancelled[#cancelled + 1] = params.requestId end
handlers["notifications/initialized"] = function() end

handlers["prompts/list"] = function(id) reply(id, { prompts = { { name = "greet" } } }) end
handlers["prompts/get"] = function(id, params)
  reply(id, { messages = {
    { role = "user", content = { type = "text", text = "Greet " .. params.arguments.who } } } })
end
handlers["resources/list"] = function(id) reply(id, { resources = { { uri = "spec://a", name = "a" } } }) end
handlers["resources/read"] = function(id, params)
  if params.uri == "spec://none" then
    return say { id = id, error = { code = -32002, message = "no such resource" } }
  end
  local blob = params.uri == "spec://blob"
  reply(id, { contents = { { uri = params.uri, mimeType = blob and "image/png" or "text/plain",
    text = not blob and "the text" or nil, blob = blob and "AAEC" or nil } } })
end

-- What the client answered to what it was asked.
local function take_answer(message)
  asked = asked or {}
  local how = message.error and "error " .. message.error.code or cjson.encode(message.result)
  asked[#asked + 1] = message.id .. " " .. how
  if #asked == 3 then
    table.sort(asked)
    text(waiting, table.concat(asked, "; "))
    asked = nil
  end
end

if mode == "odd" then
  for method, result in pairs(odd) do
    handlers[method] = function(id) reply(id, cjson.decode(result)) end
  end
  handlers["resources/read"] = function(id, params)
    reply(id, cjson.decode('{"contents":[' .. odd_contents[params.uri] .. "]}"))
  end
end

if mode == "exit" then tools.die() end
if mode == "noise" then
  for i = 1, 100 do print("line " .. i) end
  io.flush()
end
if mode == "deaf" then                -- neither reads nor ends when its input does
  os.execute("trap '' TERM; sleep 60")
end

for line in io.lines() do
  local message = cjson.decode(line)
  if message.method == nil then take_answer(message)
  elseif handlers[message.method] then handlers[message.method](message.id, message.params or {})
  elseif message.id then say { id = message.id, error = { code = -32601, message = "unknown method" } } end
end
