-- Two choices with calls, whose indices begin anew in each.
return {
  params = { n = 2 },
  choices = {
    { finish = "tool_calls", tool_calls = { { id = "a", name = "f", arguments_json = '{"x":1}' } } },
    { finish = "tool_calls", tool_calls = { { id = "b", name = "g", arguments_json = '{"y":2}' } } },
  },
}
