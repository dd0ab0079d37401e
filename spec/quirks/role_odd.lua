-- The role as "", null, missing, in every chunk.
return {
  text = "Hello", finish = "stop",
  result = { role = "assistant" },
}
