-- Indices that begin at 1 and skip some: calls are numbered as they come.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
