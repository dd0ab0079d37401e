-- `{}` first, then the real arguments (servers that fill in a default).
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
