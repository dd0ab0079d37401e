-- `tool_calls: []` and null beside text: no calls.
return {
  text = "Hello", finish = "stop",
}
