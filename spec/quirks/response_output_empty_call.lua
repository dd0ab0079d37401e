-- The end has an empty output, after a call (Plexus).
return {
  endpoint = "responses",
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls", raw_finish = "completed",
}
