-- An `event: error` with a flat payload.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom", code = "x" },
}
