-- Chunks without choices, with null for them, with null in them, or with a choice that has no delta.
return {
  text = "Hello", finish = "stop",
}
