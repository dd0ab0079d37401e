-- What only begins like [DONE] is no end: it is no JSON either.
return {
  text = "Hel",
  error = { kind = "decode", without = "secret" },
}
