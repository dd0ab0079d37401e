-- Azure: filter results first, an empty model and object, the real ones later, filter results after the end.
return {
  text = "Hello", finish = "stop",
  result = { id = "r", model = "gpt-x", object = "chat.completion" },
}
