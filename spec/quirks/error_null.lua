-- Every chunk says `error: null` (Foundry Local).
return {
  text = "Hello", finish = "stop",
}
