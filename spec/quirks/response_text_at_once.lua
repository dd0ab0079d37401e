-- Text without a piece before it, and an empty output at the end.
return {
  endpoint = "responses",
  text = "Hello", finish = "stop", raw_finish = "completed",
}
