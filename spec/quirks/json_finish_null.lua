-- finish_reason null in a whole answer (Ollama).
return {
  text = "Hello", finish = "stop", raw_finish = false,
}
