-- An error object inside a 200 stream: raised, with what had come.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom", code = 502 },
}
