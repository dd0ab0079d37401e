-- Usage under x_groq (Groq).
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
