-- `created` missing, a float, a string; `model` null.
return {
  text = "Hello", finish = "stop",
  result = { created = 1.5, model = "m" },
}
