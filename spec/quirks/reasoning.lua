-- Reasoning under `reasoning`.
return {
  text = "Hello", reasoning = "hmm", finish = "stop",
}
