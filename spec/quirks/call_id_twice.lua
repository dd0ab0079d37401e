-- One id for two calls: the second gets one of its own.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "made", name = "g", arguments_json = '{"y":2}' },
  },
  finish = "tool_calls",
}
