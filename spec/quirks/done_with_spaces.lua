-- Spaces and tabs after [DONE].
return {
  text = "Hello", finish = "stop",
}
