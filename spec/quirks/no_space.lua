-- No space after the colon.
return {
  text = "Hello", finish = "stop",
}
