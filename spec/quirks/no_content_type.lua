-- An event stream that says no content type.
return {
  text = "Hello", finish = "stop",
  stream = true,
}
