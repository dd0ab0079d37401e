-- An error event of a response.
return {
  endpoint = "responses",
  text = "Hel",
  error = { kind = "stream", message = "boom", code = "c" },
}
