-- Whole calls with neither an index nor an id: each name begins one.
return {
  tool_calls = {
    { id = "made", name = "f", arguments_json = '{"x":1}' },
    { id = "made", name = "f", arguments_json = '{"x":2}' },
    { id = "made", name = "g", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
