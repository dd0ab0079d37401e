-- Arguments encoded twice: they are no object, and are left as they came.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "\"{\\\"x\\\":1}\"", arguments = false } },
  finish = "tool_calls",
}
