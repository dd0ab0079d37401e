-- Usage inside the choice (Moonshot).
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
