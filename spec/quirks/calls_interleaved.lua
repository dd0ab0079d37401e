-- Two calls whose arguments come interleaved, both in one delta too.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = '{"y":2}' },
  },
  finish = "tool_calls",
}
