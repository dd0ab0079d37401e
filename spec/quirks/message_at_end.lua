-- The whole message once more in a last chunk, after all of its deltas.
return {
  text = "Hello", reasoning = "hmm", finish = "stop",
  usage = { total_tokens = 3 },
}
