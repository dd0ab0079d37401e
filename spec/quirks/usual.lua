-- An ordinary answer, as OpenAI streams it, beside what it sends whole.
return {
  text = "Hello", finish = "stop",
  usage = { prompt_tokens = 1, completion_tokens = 2, total_tokens = 3 },
}
