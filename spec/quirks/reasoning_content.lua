-- Reasoning under `reasoning_content`.
return {
  text = "Hello", reasoning = "hmm", finish = "stop",
}
