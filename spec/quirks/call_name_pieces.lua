-- A name in pieces.
return {
  tool_calls = { { id = "a", name = "get_weather", arguments_json = "{}" } },
  finish = "tool_calls",
}
