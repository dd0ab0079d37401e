-- [DONE] under an event name.
return {
  text = "Hello", finish = "stop",
}
