-- A call as OpenAI streams it, beside what it sends whole.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  finish = "tool_calls",
}
