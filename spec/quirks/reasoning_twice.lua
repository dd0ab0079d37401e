-- Reasoning under two names at once is said once.
return {
  text = "Hello", reasoning = "hmm", finish = "stop",
}
