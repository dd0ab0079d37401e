-- Plain JSON though a stream was asked for.
return {
  text = "Hello", finish = "stop",
  usage = { total_tokens = 3 },
}
