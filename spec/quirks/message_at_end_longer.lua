-- The whole message in the last chunk, with an end that no delta had.
return {
  text = "Hello", finish = "stop",
}
