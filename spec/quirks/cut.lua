-- The body ends properly, with neither finish_reason nor [DONE]: that is no end.
return {
  text = "Hel",
  error = { kind = "truncated" },
}
