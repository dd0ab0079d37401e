-- A chunk that is no JSON: an error, which quotes nothing of it, and what had come.
return {
  text = "Hel",
  error = { kind = "decode", without = "secret" },
}
