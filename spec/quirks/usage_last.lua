-- A last chunk with usage and no choices (OpenAI).
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
