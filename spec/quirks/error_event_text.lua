-- An `event: error` that is no JSON.
return {
  text = "Hel",
  error = { kind = "stream" },
}
