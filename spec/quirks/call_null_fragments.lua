-- null among the fragments, and a function that is null.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
