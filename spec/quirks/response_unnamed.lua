-- A response's events without names.
return {
  endpoint = "responses",
  text = "Hello", raw_finish = "completed", finish = "stop",
}
