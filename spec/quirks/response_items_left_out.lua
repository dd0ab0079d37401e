-- The end leaves the reasoning out: what follows it has another place there.
return {
  endpoint = "responses",
  text = "Hello", tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls", raw_finish = "completed",
}
