-- An error as the first and only event.
return {
  error = { kind = "stream", message = "boom", code = 429 },
}
