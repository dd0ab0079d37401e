-- No finish_reason to the end, then [DONE], after a tool call.
return {
  tool_calls = { { id = "a", name = "f", arguments_json = "{}" } },
  finish = "tool_calls", raw_finish = false,
}
