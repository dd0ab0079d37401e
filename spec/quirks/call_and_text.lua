-- Text and a call in one delta.
return {
  text = "I look.",
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
