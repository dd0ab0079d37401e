-- Content as a list of parts, reasoning among them (Mistral).
return {
  text = "Hello", reasoning = "hm", finish = "stop",
}
