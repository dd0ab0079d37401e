-- The body ends inside an event.
return {
  text = "Hel",
  error = { kind = "truncated" },
}
