-- Indices that are huge, negative, or no numbers: bounded, and the ids count.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = "{}" },
    { id = "c", name = "h", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
