-- SPDX-License-Identifier: MIT
-- Where a tracer stands, if there is one (otel.lua): around runs, steps, tools,
-- messages. While there is none, a span is a function call and nothing else.

local trace = {
  tracer = nil,       -- f(kind, about, f, ...): calls f(...), and tells of it
}

--- The span the running task is in: a tracer puts a function of its own here.
function trace.current()
  return nil
end

--- What hands the trace on, by header: likewise.
---@return table<string, string>|nil
function trace.headers()
  return nil
end

--- Runs f(...) as a span: `about` is what it is about, as each kind has it.
---@param kind "run"|"team"|"step"|"tool"|"message.send"|"message.publish"|"message.handle"|"mcp"
function trace.span(kind, about, f, ...)
  local tracer = trace.tracer
  if not tracer then return f(...) end
  return tracer(kind, about, f, ...)
end

return trace
