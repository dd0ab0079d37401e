-- Usage on the chunk that finishes, and the same again after it.
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
