-- A response that comes as its last event alone, the socket left open (NaN).
return {
  endpoint = "responses",
  open = true,
  text = "Hello", finish = "tool_calls", raw_finish = "completed",
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } },
}
