-- Ids that are "", null, missing, or numbers.
return {
  tool_calls = {
    { id = "made", name = "f", arguments_json = '{"x":1}' },
    { id = "made", name = "g", arguments_json = "{}" },
    { id = "made", name = "h", arguments_json = "{}" },
    { id = "17", name = "i", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
