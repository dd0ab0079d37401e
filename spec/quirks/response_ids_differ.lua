-- Items have other ids at the end, and other places.
return {
  endpoint = "responses",
  text = "Hello", tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls", raw_finish = "completed",
}
