-- The form before tool calls: the call is in the message, as it would be without a stream.
return {
  finish = "tool_calls", raw_finish = "function_call",
}
