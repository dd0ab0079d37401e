-- finish_reason "" in every chunk until the end.
return {
  text = "Hello", finish = "stop",
}
