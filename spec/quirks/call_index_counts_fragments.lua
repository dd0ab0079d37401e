-- One id under an index that grows with each fragment.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
