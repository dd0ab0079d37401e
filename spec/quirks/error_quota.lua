-- A 429 that waiting won't cure.
return {
  error = { kind = "quota", status = 429, code = "insufficient_quota" },
}
