-- Calls without an index (Gemini): an id that is known continues its call, a new one begins another, none
-- continues the latest.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = '{"y":2}' },
  },
  finish = "tool_calls",
}
