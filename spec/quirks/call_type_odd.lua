-- `type` missing, "" or null: the calls are functions.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = "{}" },
    { id = "b", name = "g", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
