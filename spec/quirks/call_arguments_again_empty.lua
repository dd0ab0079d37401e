-- Empty arguments, whole, twice.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "{}" } },
  finish = "tool_calls",
}
