-- Arguments that are "", null or missing are none.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = "{}" },
    { id = "b", name = "g", arguments_json = "{}" },
    { id = "c", name = "h", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
