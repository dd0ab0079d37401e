-- Reasoning as OpenRouter's list of details, whose pieces join.
return {
  text = "Hello", reasoning = "hmm", finish = "stop",
}
