-- The one choice's index grows with each chunk, or is missing (Foundry Local).
return {
  text = "Hello", finish = "stop",
}
