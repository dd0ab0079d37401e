-- Two ids under one index (lmdeploy, Gemini): two calls.
return {
  tool_calls = {
    { id = "a", name = "f", arguments_json = '{"x":1}' },
    { id = "b", name = "g", arguments_json = "{}" },
  },
  finish = "tool_calls",
}
