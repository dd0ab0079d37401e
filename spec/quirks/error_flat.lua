-- vLLM's error without an envelope.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom", code = 400 },
}
