-- An error object beside empty choices, finish_reason and all.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom", code = "c1", type = "t" },
}
