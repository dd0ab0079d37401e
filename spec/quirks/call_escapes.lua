-- Arguments one character at a time, escapes cut in the middle.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"q":"\\"\\u00e9\\n"}' } },
  finish = "tool_calls",
}
