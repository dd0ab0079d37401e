-- The last event has no blank line, and no line end: it counts.
return {
  text = "Hello", finish = "stop",
}
