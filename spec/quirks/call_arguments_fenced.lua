-- Arguments in a fence: they are no object, and are left as they came.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "```json\n{\"x\":1}\n```", arguments = false } },
  finish = "tool_calls",
}
