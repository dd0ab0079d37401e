-- The whole message in the last chunk: one of its calls came in deltas, one did not.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = '{"y":2}' },
  },
  finish = "tool_calls",
}
