-- Reasoning that is no text: an object, a list, a number, false.
return {
  text = "Hello", finish = "stop",
}
