-- Arguments cut by `length`: there is a call, and nothing to run it with.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = '{"x":', arguments = false } },
  finish = "length",
}
