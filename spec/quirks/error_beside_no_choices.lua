-- An error object beside `choices: []`.
return {
  text = "Hel",
  error = { kind = "stream", message = "boom" },
}
