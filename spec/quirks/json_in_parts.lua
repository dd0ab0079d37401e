-- A whole answer whose content is a list of parts (Mistral's reasoning models).
return {
  text = "Hello", reasoning = "hm", finish = "stop",
}
