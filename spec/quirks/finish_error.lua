-- finish_reason error.
return {
  text = "Hel",
  error = { kind = "stream" },
}
