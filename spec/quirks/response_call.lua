-- A call in a response, its arguments in pieces.
return {
  endpoint = "responses",
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
  raw_finish = "completed", finish = "tool_calls",
}
