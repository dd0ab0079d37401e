-- A byte order mark at the start.
return {
  text = "Hello", finish = "stop",
}
