-- Arguments as an object (Ollama).
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
