-- Whole calls with neither an index nor an id in one delta (Ollama), to the same function, without arguments
-- too.
return {
  tool_calls = {
    { id = "made", name = "f", arguments_json = "{}" },
    { id = "made", name = "f", arguments_json = "{}" },
    { id = "made", name = "g", arguments_json = '{"x":1}' },
  },
  finish = "tool_calls", raw_finish = "stop",
}
