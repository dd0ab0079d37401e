-- The body ends after the finish_reason, without [DONE].
return {
  text = "Hello", finish = "stop",
}
