-- A text completion.
return {
  endpoint = "completions",
  text = "Hello", finish = "length",
}
