-- Events that only say that the server is alive, in several spellings.
return {
  text = "Hello", finish = "stop",
}
