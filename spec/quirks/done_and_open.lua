-- The socket stays open after [DONE]: that is the end all the same.
return {
  text = "Hello", finish = "stop",
  open = true,
}
