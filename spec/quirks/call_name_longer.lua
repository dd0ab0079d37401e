-- A name said again, longer.
return {
  tool_calls = { { id = "a", name = "web_search", arguments_json = "{}" } },
  finish = "tool_calls",
}
