-- A response that stops before it is completed.
return {
  endpoint = "responses",
  text = "Hel",
  error = { kind = "truncated" },
}
