-- A refusal.
return {
  refusal = "I can't", finish = "stop",
}
