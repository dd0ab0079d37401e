-- Whole answers whose calls have no id, or the same one twice: each gets one of its own.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "made", name = "g", arguments_json = "{}" },
    { id = "made", name = "h", arguments_json = "{}" },
    { id = "made", name = "i", arguments_json = '{"y":[]}' },
  },
  finish = "tool_calls", raw_finish = "stop",
}
