-- An error that is a string.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom" },
}
