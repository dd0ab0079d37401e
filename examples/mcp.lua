-- SPDX-License-Identifier: MIT
-- An agent with the tools of a server, which is a process of its own; its telemetry
-- goes to a collector, if there is one: lua examples/mcp.lua [COMMAND...]
--   lua examples/mcp.lua npx -y @modelcontextprotocol/server-everything
--   OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:4318 lua examples/mcp.lua

local marea = require "marea"
local common = require "examples.common"

local client = common.client()
local otel = os.getenv "OTEL_EXPORTER_OTLP_ENDPOINT" and marea.otel { service = "notes" }

local command = arg[1] and arg or { arg[-1], "examples/mcp_server.lua" }
local server = common.must(marea.mcp { command = command })
local tools = common.must(server:tools())
print(("%s offers %d tools:"):format(server.info.name, #tools))
for _, tool in ipairs(tools) do print(("  %s  %s"):format(tool.name, tool.description or "")) end

if not arg[1] then
  local agent = marea.agent { client = client, tools = tools, instructions = "You keep notes. Use your tools." }
  marea.console():show(agent:stream 'Please add note "milk and bread".')
  print(common.must(server:call("list_notes")).content[1].text)
end

server:close()
if otel then otel:stop() end
