-- The end has no output, and no item was said to be whole (GoModel).
return {
  endpoint = "responses",
  text = "Hello", finish = "stop", raw_finish = "completed",
}
