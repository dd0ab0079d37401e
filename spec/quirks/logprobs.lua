-- Logprobs in pieces: their lists grow.
return {
  text = "Hello", finish = "stop",
  choice = { logprobs = { content = { { token = "Hel" }, { token = "lo" } } } },
}
