-- SPDX-License-Identifier: MIT
-- Where a request goes: /_control/* to the specs' control channel, /s/<id>/*
-- to a script, everything else to the bundled provider.

local uv = require("luv")
local cjson = require("cjson")
local accounts = require("provider.accounts")
local api = require("provider.api")
local conn_module = require("provider.conn")
local http = require("provider.http")
local json = require("provider.json")
local script = require("provider.script")

local routes = { requests = 0 }
local controls = {}

script.serve = api.handle

controls["POST script"] = function(definition)
  return json.object("id", script.register(definition).id)
end

controls["POST port"] = function(definition)
  local found, port = script.open_port(definition)
  return json.object("id", found.id, "port", port)
end

controls["POST signal"] = function(definition)
  script.signal(definition.id, definition.name)
  return json.object()
end

controls["POST forget"] = function(definition)
  script.forget(definition.id)
  return json.object()
end

controls["POST quit"] = function()
  uv.new_timer():start(10, 0, function() os.exit(0) end)
  return json.object()
end

local function found(query)
  local id = query.id or "nil"
  return script.find(id) or error("no such script: " .. id, 0)
end

controls["GET requests"] = function(query)
  return json.list(found(query).requests)
end

controls["GET events"] = function(query)
  return json.list(found(query).events)
end

controls["GET accounts"] = function(query)
  return json.list(accounts.report(found(query).world))
end

controls["GET now"] = function()
  return json.object("at", conn_module.now())
end

controls["GET stats"] = function()
  return json.object("open_connections", conn_module.open, "accepted",
    conn_module.accepted, "requests", routes.requests, "pid", uv.os_getpid())
end

-- cjson reads every number as a float: 200 must not be written as 200.0.
local function integers(value)
  if math.type(value) == "float" then
    return math.tointeger(value) or value
  end
  if type(value) ~= "table" then return value end
  for key, item in pairs(value) do value[key] = integers(item) end
  return value
end

local function run_control(request, name)
  local control = controls[request.method .. " " .. name]
  if not control then error("no such control: " .. name, 0) end
  if request.method == "GET" then return control(http.query(request)) end
  local body = request.body == "" and "{}" or request.body
  return control(integers(cjson.decode(body)))
end

local function handle_control(conn, request, name)
  conn:hide()
  if not http.read_body(conn, request) then return end
  local ok, reply = pcall(run_control, request, name)
  if not ok then
    reply = json.object("error", tostring(reply))
  end
  http.respond(conn, request, ok and 200 or 400, json.encode(reply))
end

local function dispatch(conn, request)
  local control = request.path:match("^/_control/(.*)$")
  if control then return handle_control(conn, request, control) end
  routes.requests = routes.requests + 1
  local id, path = request.path:match("^/s/([^/]+)(.*)$")
  if id then return script.handle(conn, request, id, path) end
  conn.log = nil
  api.handle(conn, request, request.path)
end

-- The life of a connection to the main port.
function routes.serve(conn)
  while not conn.closed do
    local request = http.read_request(conn)
    if not request then return end
    dispatch(conn, request)
    if request.close then return conn:finish() end
  end
end

return routes
