-- Lines ended by CRLF.
return {
  text = "Hello", finish = "stop",
}
